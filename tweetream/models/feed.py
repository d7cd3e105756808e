"""A feed's records and names: the JSON that clients get, stamps, and positions.

The value of a record is the data line of its event, unchanged. Label, score and stamp (header `origin`) are headers, so
that a filter parses no JSON.
"""

import re
import struct
import time
from collections.abc import Iterable
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted  # in C
from typing import NamedTuple

import msgspec
from typing_extensions import override

from tweetream.models.post import Post

UNSURE = "unsure"  # in place of a label, in filters, counts and headers, where the model gives none
_STAMP = struct.Struct(">HQQI")
MAX_OFFSET = 2**63
MAX_PARTITIONS = 1_000  # of posts, as the settings allow
_POSITION = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})@([0-9a-z]{1,13}):([0-9]{1,19})")
_BEFORE_FIRST = "00"
_FEED = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})-([0-9a-z]{1,13})")
_FIRST_MS = -30_610_224_000_000  # the start of the year 1000, since strftime pads no year
_LAST_MS = 253_402_300_799_999  # the end of the year 9999
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Stamp(NamedTuple):
    """The stamp a post keeps for life: partition, epoch, sequence of its batch, index in the batch."""

    partition: int
    epoch: int
    sequence: int
    post_index: int

    def pack(self) -> bytes:
        return _STAMP.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> "Stamp":
        """Raises struct.error for other bytes."""
        return cls._make(_STAMP.unpack(data))


pack_stamp = _STAMP.pack  # packs without making a Stamp, since it runs for each post of each feed
Header = tuple[str, bytes]


class PostRecord(msgspec.Struct, frozen=True, gc=False):
    """The record of a post in a feed, before it is sent. `value` is its event's line, `origin` its packed stamp.

    `label` and `score` are headers, and so is what tells of the `model`. All headers together are made when it is sent:
    thousands of records wait, and each garbage collection would look at the headers of each.
    """

    value: bytes
    label: Header
    score: Header
    origin: bytes
    model: tuple[Header, ...] = ()

    def headers(self) -> list[Header]:
        return [self.label, self.score, ("origin", self.origin), *self.model]


def label_header(label: str | None) -> Header:
    return "label", (label or UNSURE).encode()


@lru_cache(maxsize=16_384)  # more than there are scores of four digits
def score_header(score: float | None) -> Header:
    return "score", b"%.4f" % (score or 0.0)


class FeedEntry(msgspec.Struct, gc=False):
    """A post's event; the fields are in the order of the JSON. `score` is the probability of `label`, 0 to 1.

    Both are null where the model is unsure. `created_at` is null if the post's own time is not known.
    """

    id: str
    topic: str
    source: str
    url: str
    author: str
    text: str
    lang: str
    created_at: str | None
    received_at: str
    label: str | None
    score: float | None


class FeedName(NamedTuple):
    """The topic and the generation (ms since 1970) of a feed; written `NAME-GENERATION`, in base 36."""

    topic: str
    generation: int

    @override
    def __str__(self) -> str:
        return f"{self.topic}-{base36(self.generation)}"

    @classmethod
    def parse(cls, text: str) -> "FeedName":
        """Raises ValueError for any other text."""
        match = _FEED.fullmatch(text)
        if match is None:
            raise ValueError(f"not a feed: {text[:100]!r}")
        return cls(match[1], int(match[2], 36))


class Position(NamedTuple):
    """The last record of a feed that was delivered, `NAME@GENERATION:OFFSET`; opaque to clients.

    Before the first record of a feed the offset is -1, written `00`: an offset has no sign.
    """

    name: str
    generation: str
    offset: int

    @override
    def __str__(self) -> str:
        return f"{self.name}@{self.generation}:{_BEFORE_FIRST if self.offset < 0 else self.offset}"


class BadPosition(ValueError):
    """A client sent a text that is not a position."""


def parse_positions(text: str) -> dict[str, Position]:
    """The positions in `text`, joined by commas, by topic. Raises BadPosition."""
    found = {}
    for part in text.split(","):
        match = _POSITION.fullmatch(part)
        if not match or int(match[3]) >= MAX_OFFSET:
            raise BadPosition(f"not a position: {part[:100]!r}")
        found[match[1]] = Position(match[1], match[2], -1 if match[3] == _BEFORE_FIRST else int(match[3]))
    return found


def join_positions(positions: Iterable[Position]) -> str:
    """The positions of several feeds as one text, which `parse_positions` reads."""
    return ",".join([str(position) for position in positions])


def base36(number: int) -> str:
    """`number` >= 0 in lower-case base 36."""
    digits = ""
    while number >= 36:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return _DIGITS[number] + digits


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@lru_cache(maxsize=4096)
def rfc3339(ms: int) -> str:
    """Milliseconds since 1970 as RFC 3339 in UTC, with milliseconds. Years outside 1000 to 9999 become the nearest."""
    ms = max(_FIRST_MS, min(ms, _LAST_MS))
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


def event_line(post: Post, topic: str, label: str | None, score: float | None) -> bytes:
    """The event of `post` as one line of ASCII JSON; `score` is rounded already.

    It has the bytes of json_line(FeedEntry(…)) at half the cost, since it runs for each post of each feed.
    """
    created = None if post.created_at is None else rfc3339(post.created_at)
    written = "null" if created is None else f'"{created}"'
    received = rfc3339(post.received_at)
    line = (
        f'{{"id":{_quoted(post.id)},"topic":"{topic}","source":{_quoted(post.source)},"url":{_quoted(post.url)},'
        f'"author":{_quoted(post.author)},"text":{_quoted(post.text)},"lang":{_quoted(post.lang)},'
        f'"created_at":{written},"received_at":"{received}",'
        f'"label":{"null" if label is None else _quoted(label)},"score":{"null" if score is None else score}}}'
    )
    return line.encode("ascii")  # json_line escapes DEL too
