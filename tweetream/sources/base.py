"""What a source is: an async iterator of chunks, each a few posts and the position behind them.

A source knows its network and nothing of Kafka or Faust. It can be closed at any await; begun again
at a chunk's position it gives what follows that chunk, nothing missing.
"""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from tweetream.metrics import Drop
from tweetream.models.post import Post

MAX_POSTS = 200  # of a chunk, and of a batch
MAX_BYTES = 256 * 1024  # of a chunk's texts, and of a batch's
MAX_TEXT = 64 * 1024  # bytes of UTF-8; longer is dropped as too_long
MAX_LINE = 1024 * 1024  # bytes of a line or message; longer is dropped unread


def size_of(text: str) -> int:
    """The bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


class Chunk(msgspec.Struct):
    """Posts in the order read, what was dropped among them, and the position after all of them.

    At most MAX_POSTS posts and MAX_BYTES of text (one post may be over the latter).
    """

    posts: list[Post]
    position: str
    dropped: Counter[Drop] = msgspec.field(default_factory=Counter)


class SourceError(Exception):
    """A source that cannot be opened as it is written: one line that says what to do."""


class Source(Protocol):
    """One place that posts come from."""

    url: str
    unpaced: bool  # gives as fast as it is asked: whoever runs it slows it down to the group's pace

    def check(self) -> None:
        """Raise SourceError, before anything starts, for what can be known to fail: a missing file, a bad option."""

    def chunks(self, position: str | None) -> AsyncIterator[Chunk]:
        """Chunks from behind `position` (None: from the start). Ends when there is nothing more."""
