"""What one transaction of the archiver writes, and what a store of any kind does with it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec

from tweetream.archive.rows import FeedState, Row


class Batch(msgspec.Struct):
    """Rows in the order of their feeds, how far the feeds then are, and ids that were retracted (ms; None: revoked).

    `days` has how far each feed is at the end of each day (since 1970) that the rows are from. `lag` are the records
    that are not read yet.
    """

    rows: list[Row] = []
    feeds: dict[str, FeedState] = {}
    days: dict[tuple[str, int], FeedState] = {}
    retracted: dict[str, int | None] = {}
    size: int = 0  # bytes of the rows
    lag: int = 0


class Store(ABC):
    """An archive that one archiver writes. All calls come from one thread and may block.

    They raise ArchiveUnavailable, after which `open` begins anew, or BadArchive.
    """

    gather = 0.5  # seconds in which rows gather before they are written
    max_rows = 20_000  # of a batch
    settle = 0.5  # seconds after which they are written if no more come

    @abstractmethod
    def open(self) -> dict[str, FeedState]:
        """Become the one who writes. Returns how far each Kafka topic is archived."""

    @abstractmethod
    def write(self, batch: Batch) -> int:
        """Write all of a batch or nothing. Returns how many posts are new."""

    @abstractmethod
    def expire(self, before: int, most: int) -> int:
        """Delete up to so many posts from before a time (ms). Returns how many there were."""

    @abstractmethod
    def ids_of(self, author: str) -> Sequence[str]:
        """The ids of an author's posts."""

    @abstractmethod
    def retract(self, ids: dict[str, int]) -> int:
        """Delete these posts now, also while another process writes. Returns how many there were."""

    @abstractmethod
    def close(self) -> None:
        """Let another archiver write."""
