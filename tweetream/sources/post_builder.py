"""Builds a Post from the fields of a message: checks ids, times, lengths and links.

The parsers of all sources decode and build their posts with what is here, so all have the same limits and repair the
same faults. Only the text and the id decide whether there is a post; any other field that cannot be used is left out.
This module knows no network and no file.
"""

from collections import OrderedDict

import msgspec

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import MAX_TEXT, PostOrDrop
from tweetream.sources.html_text import plain_text
from tweetream.sources.repairs import decode
from tweetream.sources.times import read_time

__all__ = ["ParseContext", "believable", "decode", "make_post", "plain_text", "post_time", "too_long"]

MAX_ID, MAX_AUTHOR, MAX_URL, MAX_LANG = 512, 256, 2048, 16  # characters; no network has longer fields
MAX_ALSO = 1536  # bytes: 200 posts and their texts must fit into a record of Kafka

_EARLIEST = 1_136_073_600_000  # the year 2006, when the first of these networks began
_DAY = 86_400_000


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
    also: str = "",
) -> PostOrDrop:
    """The post, or the reason to drop it. A field that is too long, or a URL that is not http or https, is left out.

    `created` is the post's own time as its message has it, in any form; None or unreadable: not known. `also` holds
    the words that count for matching alone (see `post_text.py`); they are the text of a post that has no other.
    """
    if not text or text.isspace():
        text, also = also, ""
        if not text or text.isspace():
            return Drop.BLANK
    if too_long(text):
        return Drop.TOO_LONG
    id = id or at.name
    if not 0 < len(id) <= MAX_ID:
        return Drop.MALFORMED
    if len(url) > MAX_URL or not url.startswith(("https://", "http://")):
        url = ""
    when = post_time(created, at.now, at.day_first)
    if when is not None:
        when += at.shift
    if also:
        also = _cut(also)
    return Post(
        id + at.suffix, source, text, when, at.now, url,
        author if len(author) <= MAX_AUTHOR else "", lang if len(lang) <= MAX_LANG else "", also,
    )  # fmt: skip


def too_long(text: str) -> bool:
    """Whether a text has more than MAX_TEXT bytes. Most texts are too short to need counting."""
    return len(text) * 4 > MAX_TEXT and len(text.encode("utf-8", "replace")) > MAX_TEXT


def _cut(also: str) -> str:
    return also if len(also) * 4 <= MAX_ALSO else also.encode()[:MAX_ALSO].decode("utf-8", "ignore")


def post_time(created: object, now: int, day_first: bool | None = None) -> int | None:
    """A post's own time in ms, from any form of it; None if it cannot be read or believed."""
    return None if created is None else believable(read_time(created, day_first), now)


def believable(moment: int | None, now: int) -> int | None:
    """A time in ms, or None: the author's client sets it, and it may be before 2006 or over a day in the future."""
    return moment if moment is not None and _EARLIEST <= moment <= now + _DAY else None
