"""Builds a Post from the fields of a message: decodes JSON, and checks ids, times, lengths, links and HTML.

The parsers of all sources decode and build their posts here, so all have the same limits and repair the same faults.
This module knows no network and no file.
"""

import html
import re
from collections import OrderedDict
from typing import TypeVar

import msgspec

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import MAX_TEXT, PostOrDrop
from tweetream.sources.times import read_time

MAX_ID, MAX_AUTHOR, MAX_URL, MAX_LANG = 512, 256, 2048, 16  # characters; no network has longer fields

_EARLIEST = 1_136_073_600_000  # the year 2006, when the first of these networks began
_DAY = 86_400_000

T = TypeVar("T")


class ParseContext(msgspec.Struct):
    """The facts about a post that its reader knows and its message does not hold.

    `now` is the time in ms; `name` the id of a post without an id; `suffix` is appended to every id. `day_first` says
    how a file writes its dates (see `times.py`). `shift` is added to every time, since a file that loops moves on.
    `statuses` holds the ids of Mastodon's posts read before, by their bare numbers, since a deletion in a file holds
    only the number.
    """

    now: int
    name: str = ""
    suffix: str = ""
    day_first: bool | None = None
    shift: int = 0
    statuses: OrderedDict[str, str] = msgspec.field(default_factory=OrderedDict)


def make_post(
    at: ParseContext,
    source: str,
    text: str,
    *,
    id: str = "",
    created: object = None,
    url: str = "",
    author: str = "",
    lang: str = "",
) -> PostOrDrop:
    """The post, or the reason to drop it. A URL that is not http or https is left out.

    `created` is the post's own time as its message has it, in any form; None or unreadable: not known.
    """
    if not text or text.isspace():
        return Drop.BLANK
    if too_long(text):
        return Drop.TOO_LONG
    id = id or at.name
    if not 0 < len(id) <= MAX_ID or len(author) > MAX_AUTHOR or len(url) > MAX_URL or len(lang) > MAX_LANG:
        return Drop.MALFORMED
    if not url.startswith(("https://", "http://")):
        url = ""
    when = post_time(created, at)
    return Post(id + at.suffix, source, text, when, at.now, url, author, lang)


def too_long(text: str) -> bool:
    """Whether a text has more than MAX_TEXT bytes. Most texts are too short to need counting."""
    return len(text) * 4 > MAX_TEXT and len(text.encode("utf-8", "replace")) > MAX_TEXT


def post_time(created: object, at: ParseContext) -> int | None:
    """A post's own time in ms, from any form of it; None if it cannot be read or believed."""
    moment = None if created is None else believable(read_time(created, at.day_first), at.now)
    return None if moment is None else moment + at.shift


def believable(moment: int | None, now: int) -> int | None:
    """A time in ms, or None: the author's client sets it, and it may be before 2006 or over a day in the future."""
    return moment if moment is not None and _EARLIEST <= moment <= now + _DAY else None


# "[^<>]" and not "[^>]": on a text of nothing but "<" the latter takes quadratic time.
_BREAK = re.compile(r"<br\s*/?>|</p\s*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def plain_text(markup: str) -> str:
    """The text of a post written in HTML: breaks and paragraphs become newlines, entities become characters."""
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", markup))).strip("\n")


# The pattern matches every escape from the left. So a lone surrogate is not confused with half of a pair, nor with an
# escaped backslash before a "u".
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\u|(?:\\[^u])++"
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CONTROLS = [bytes([code]) for code in range(32)]
_MAX_REPAIRED = 64 * 1024  # bytes; a longer line would block the event loop, and posts are shorter


def decode(decoder: "msgspec.json.Decoder[T]", data: bytes | msgspec.Raw) -> T:
    """Decode JSON. Raises ValueError or RecursionError if it is broken or has other types."""
    try:
        return decoder.decode(data)
    except ValueError:  # also msgspec's errors and that of invalid UTF-8
        line = bytes(data)
        if len(line) > _MAX_REPAIRED:
            raise
        return decoder.decode(_repaired(line))


def _repaired(line: bytes) -> bytes:
    """A line without common faults: invalid UTF-8, lone surrogates, bare control characters."""
    line = line.strip().decode("utf-8", "replace").encode()
    for control in _CONTROLS:
        line = line.replace(control, b"\\u%04x" % control[0])
    if _SURROGATE.search(line):
        line = _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], line)
    return line
