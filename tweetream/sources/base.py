"""The interface of a source: an async iterator of chunks, each with a few posts and the position after them.

A source knows its network, but no Kafka and no Faust. It can be closed at any await. Started again at a chunk's
position, it gives everything that follows that chunk. It handles one connection only: when the connection ends, the
source raises Disconnected or SourceError, and its caller (`supervisor.py`) starts it again.
"""

import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.models.printable import printable

if TYPE_CHECKING:  # pydantic takes longer to import than all the rest
    from tweetream.settings import Settings

MAX_TEXT = 64 * 1024  # bytes of UTF-8; a longer text is dropped as too_long
MAX_LINE = 1024 * 1024  # bytes of a line or message; a longer one is dropped unread


def without_secret(url: str) -> str:
    """A source's URL in a form that may be shown: without a name and password."""
    return re.sub(r"//[^/?#]*@", "//", url)


class Note(StrEnum):
    """What is counted of posts that are not dropped."""

    NOT_IN_ENCODING = "not_in_encoding"  # a text with U+FFFD: bytes of the file are not in its encoding
    SAME_ID = "same_id"  # the post's id was that of another text; the post has another id now


class Chunk(msgspec.Struct):
    """Posts in the order they were read, the count of dropped messages, and the position after all of them.

    It holds at most MAX_POSTS posts and MAX_BYTES of text; a single post may exceed MAX_BYTES. `retracted` holds the
    ids of posts that were deleted at their network; the notice itself counts among `dropped`. `noted` counts posts
    that are given, but not quite as they were meant. An empty chunk says that the source is connected. The position is
    empty until the network has given one.
    """

    posts: list[Post]
    position: str
    dropped: Counter[Drop] = msgspec.field(default_factory=Counter)
    retracted: list[str] = msgspec.field(default_factory=list)
    noted: Counter[Note] = msgspec.field(default_factory=Counter)


class Retracted(msgspec.Struct, frozen=True):
    """A network's notice that a post was deleted. `id` is the id that Post has. It counts as not_a_post."""

    id: str


PostOrDrop = Post | Drop
Outcome = PostOrDrop | Retracted  # the result of parsing one message


class SourceError(Exception):
    """The URL of a source is wrong, or its network refuses it for good. The message is one line and says what to do."""


class FailureKind(StrEnum):
    """The kind of failure that ended a connection. The wait before the next attempt depends on it."""

    NETWORK = "network"  # no connection, or it broke, ended or fell silent
    HTTP = "http"  # an unexpected HTTP response
    RATE = "rate"  # too many requests


class Disconnected(Exception):
    """The connection has ended, and can be opened again after the last position. The message is one line.

    `not_before` is the earliest time that the network allows, in seconds since 1970.
    """

    def __init__(self, reason: str, kind: FailureKind = FailureKind.NETWORK, not_before: float = 0.0) -> None:
        super().__init__(reason)
        self.kind = kind
        self.not_before = not_before


def make_readable(error: BaseException | None, secret: str = "") -> None:
    """Give a source's error one printable line without `secret`: a server may send any text, also the token back."""
    if isinstance(error, (Disconnected, SourceError)):
        error.args = (printable(error, secret=secret),)


class Context(msgspec.Struct, frozen=True):
    """The data that a source may use: the settings, and the words of each active topic by the topic's name."""

    settings: "Settings"
    tracks: Callable[[], Mapping[str, tuple[str, ...]]]


class Source(Protocol):
    """One place that posts come from."""

    url: str
    unpaced: bool  # it gives posts as fast as they are taken, so its caller must apply backpressure

    def check(self) -> None:
        """Raise SourceError for a fault that can be found before the start: a missing file, a bad option."""

    def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        """Give the chunks after `position` (None: from the start). It returns when there will be no more posts.

        It raises Disconnected when the connection ends, and SourceError when the network refuses it for good. While
        nobody asks for a chunk, it reads at most a bounded buffer. When closed, it releases everything within a
        second.
        """


Maker = Callable[[str, Context], Source]  # the object that an entry point of the group `tweetream.sources` names
