"""What a line claims of its post, checked and made a Post: ids, times, lengths, links, HTML.

Duty: every parser of every source decodes and makes its posts here, so that all keep the same
limits and forgive the same faults. It knows no network and no file.
"""

import html
import re
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import MAX_TEXT

MAX_ID, MAX_AUTHOR, MAX_URL, MAX_LANG = 512, 256, 2048, 16  # characters; more is no field of a network's post

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = int(datetime(2006, 1, 1, tzinfo=UTC).timestamp() * 1000)
_DAY = 86_400_000
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"

T = TypeVar("T")


class ParseContext(msgspec.Struct):
    """How a post arrives: what its reader knows and the line does not say.

    `now` is the time in ms; `name` the id of a post that has none; `suffix` goes behind every id;
    `present` puts the time of arrival in the place of the time a post claims. `statuses` are the ids of Mastodon's
    posts read before, by their bare numbers, since a deletion in a file says no more.
    """

    now: int
    name: str = ""
    suffix: str = ""
    present: bool = False
    statuses: OrderedDict[str, str] = msgspec.field(default_factory=OrderedDict)


def make_post(
    at: ParseContext,
    source: str,
    text: str,
    *,
    id: str = "",
    created: str | float | None = None,
    url: str = "",
    author: str = "",
    lang: str = "",
) -> Post | Drop:
    """The post, or why there is none. A link that a browser should not follow is left out."""
    if not text or text.isspace():
        return Drop.BLANK
    if too_long(text):
        return Drop.TOO_LONG
    id = id or at.name
    if not 0 < len(id) <= MAX_ID or len(author) > MAX_AUTHOR or len(url) > MAX_URL or len(lang) > MAX_LANG:
        return Drop.MALFORMED
    if not url.startswith(("https://", "http://")):
        url = ""
    when = at.now if at.present else claimed(created, at.now)
    return Post(id + at.suffix, source, text, when, at.now, url, author, lang)


def too_long(text: str) -> bool:
    """Whether a text has more bytes than one may have. Most are so short that they need no counting."""
    return len(text) * 4 > MAX_TEXT and len(text.encode("utf-8", "replace")) > MAX_TEXT


def claimed(when: str | float | None, now: int) -> int:
    """The time a post claims, in ms: RFC 3339, X's old form, or seconds or ms since 1970.

    The claim is its client's: before 2006 or over a day ahead it is replaced by the time of arrival,
    as is one that nobody can read.
    """
    if isinstance(when, str):
        moment = _written(when.strip())
    elif when is None:
        moment = None
    else:
        moment = when if abs(when) >= 1e11 else when * 1000
    if moment is None or not _EARLIEST <= moment <= now + _DAY:
        return now
    return int(moment)


def _written(when: str) -> float | None:
    if when.isascii() and when.isdigit() and len(when) <= 15:
        number = int(when)
        return number if number >= 1e11 else number * 1000
    try:
        parts = when.split()
        if len(parts) == 6:  # Wed Oct 10 20:19:24 +0000 2018, whatever the machine's language
            _, month, day, clock, zone, year = parts
            when = f"{year}-{_MONTHS.index(month) // 3 + 1:02}-{day}T{clock}{zone}"
        moment = datetime.fromisoformat(when)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH).total_seconds() * 1000
    except (ValueError, OverflowError):
        return None


# "[^<>]" and not "[^>]": on a text of nothing but "<" the latter takes quadratic time.
_BREAK = re.compile(r"<br\s*/?>|</p\s*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def plain(markup: str) -> str:
    """The text of a post written in HTML: breaks and paragraphs are newlines, entities characters."""
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", markup))).strip("\n")


# Every backslash of a JSON text begins an escape: read from the left, a lone surrogate is told from
# the half of a pair, and from an escaped backslash before a "u".
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\u|(?:\\[^u])++"
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CONTROLS = [bytes([code]) for code in range(32)]
_MENDABLE = 64 * 1024  # a longer line would keep the event loop waiting; posts are shorter


def decode(decoder: "msgspec.json.Decoder[T]", data: bytes | msgspec.Raw) -> T:
    """Decode JSON. Raises ValueError or RecursionError for what is none, or of other types."""
    try:
        return decoder.decode(data)
    except ValueError:  # msgspec's errors are of this kind, and so is that of invalid UTF-8
        line = bytes(data)
        if len(line) > _MENDABLE:
            raise
        return decoder.decode(_mended(line))


def _mended(line: bytes) -> bytes:
    """What many writers get wrong, put right: bytes that are no UTF-8, lone surrogates, control characters."""
    line = line.strip().decode("utf-8", "replace").encode()
    for control in _CONTROLS:
        line = line.replace(control, b"\\u%04x" % control[0])
    if _SURROGATE.search(line):
        line = _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], line)
    return line
