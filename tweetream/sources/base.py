"""What a source is: an async iterator of chunks, each a few posts and the position behind them.

A source knows its network and nothing of Kafka or Faust. It can be closed at any await; begun again
at a chunk's position it gives what follows that chunk, nothing missing. It has one connection's life and no more:
when that is over it says what for (Interrupted, SourceError), and whoever runs it (`supervisor.py`) begins again.
"""

import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.settings import Settings

MAX_TEXT = 64 * 1024  # bytes of UTF-8; longer is dropped as too_long
MAX_LINE = 1024 * 1024  # bytes of a line or message; longer is dropped unread


def without_secret(url: str) -> str:
    """A source's URL to be shown: without the name and password that it may hold."""
    return re.sub(r"//[^/?#]*@", "//", url)


class Chunk(msgspec.Struct):
    """Posts in the order read, what was dropped among them, and the position after all of them.

    At most MAX_POSTS posts and MAX_BYTES of text (one post may be over the latter). `retracted` are ids of posts that
    their network says were deleted; the notice itself is among `dropped`. A chunk that holds nothing says that the
    source is connected; a position is empty as long as the network has given none.
    """

    posts: list[Post]
    position: str
    dropped: Counter[Drop] = msgspec.field(default_factory=Counter)
    retracted: list[str] = msgspec.field(default_factory=list)


class Retracted(msgspec.Struct, frozen=True):
    """A network's word that a post was deleted: its id, as it is in Post. Counted as not_a_post."""

    id: str


class SourceError(Exception):
    """A source that cannot be opened as it is written, or that is refused for good: one line that says what to do."""


class FailureKind(StrEnum):
    """What kind of failure ended a connection: how long to wait depends on it."""

    NETWORK = "network"  # no connection, or one that broke, ended or said nothing
    HTTP = "http"  # an answer that is none of a stream's
    RATE = "rate"  # too many requests


class Disconnected(Exception):
    """The connection is over for now, with one line why; begin again behind the last position.

    `not_before` is when the network allows that, in seconds since 1970.
    """

    def __init__(self, reason: str, kind: FailureKind = FailureKind.NETWORK, not_before: float = 0.0) -> None:
        super().__init__(reason)
        self.kind = kind
        self.not_before = not_before


class Context(msgspec.Struct, frozen=True):
    """What a source may know of the world: the settings, and the words of the topics that are active now, by name."""

    settings: Settings
    tracks: Callable[[], Mapping[str, tuple[str, ...]]]


class Source(Protocol):
    """One place that posts come from."""

    url: str
    unpaced: bool  # gives as fast as it is asked: whoever runs it slows it down to the group's pace

    def check(self) -> None:
        """Raise SourceError, before anything starts, for what can be known to fail: a missing file, a bad option."""

    def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        """Chunks from behind `position` (None: from the start). Ends when there will be nothing more.

        Raises Interrupted when the connection is over, SourceError when the network refuses it for good. It reads no
        further ahead than a bounded queue while nobody asks, and lets go of everything within a second when closed.
        """


Maker = Callable[[str, Context], Source]  # what an entry point of the group `tweetream.sources` names
