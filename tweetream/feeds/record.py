"""Reads the records of feeds: separates posts from duplicates, and applies filters.

A reader remembers the highest stamp of each partition and skips records that are not above it: constant memory, and
the same answer on every worker. A reader that starts in the middle reads the dedup window first, to know the stamps.
Only values of one line of ASCII JSON are passed on, and only a flat object, since others can write to Kafka too.

A record with the header `gap` is no post: it says that posts may be missing at this place of the feed.
"""

import struct
from typing import Any

import msgspec

from tweetream import metrics
from tweetream.models.backfill import ARCHIVED
from tweetream.models.epoch import is_plausible
from tweetream.models.feed import Stamp

GAP_HEADER = "gap"
GAP = "\0gap"  # stands as the label of such a record; no model has it
# What an event can be. Nested values are refused, since deep ones would exceed the recursion limits of its readers.
_event = msgspec.json.Decoder(dict[str, str | int | float | bool | None])


class FeedRecord(msgspec.Struct, frozen=True, gc=False):
    """A post in a feed: offset, data line of its event, label, score (0 to 1) and time of arrival (ms)."""

    offset: int
    data: bytes
    label: str
    score: float
    timestamp: int


class Filter(msgspec.Struct, frozen=True):
    """Which posts a client asks for: those of a label, with at least this score. The default passes every post."""

    label: str | None = None
    min_score: float = 0.0

    def passes(self, record: FeedRecord) -> bool:
        label = record.label
        return (self.label is None or label == self.label) and record.score >= self.min_score and label != GAP


EVERY_POST = Filter()


class Stamps:
    """The highest stamp read of each partition of posts, to recognise duplicates."""

    def __init__(self) -> None:
        self._highest: dict[int, Stamp] = {}

    def admit(self, stamp: Stamp) -> bool:
        """Take in a stamp. Returns whether it is new, that is above the highest of its partition."""
        highest = self._highest.get(stamp.partition)
        if highest is not None and stamp <= highest:
            return False
        self._highest[stamp.partition] = stamp
        return True

    def take(self, others: "Stamps") -> None:
        """Take in all of these."""
        for stamp in others.each():
            self.admit(stamp)

    def highest(self, partition: int) -> Stamp | None:
        return self._highest.get(partition)

    def __len__(self) -> int:
        """How many partitions have come."""
        return len(self._highest)

    def each(self) -> list[Stamp]:
        """The highest stamp of each partition."""
        return list(self._highest.values())

    def copy(self) -> "Stamps":
        other = Stamps()
        other._highest = dict(self._highest)
        return other


def read_record(raw: Any, stamps: Stamps, *, past: bool = False) -> FeedRecord | None:
    """The record, or None if it is unreadable or a duplicate. `raw` is aiokafka's ConsumerRecord.

    Skipped records are counted, but not those of the `past`, which is read again for each client that asks for it.
    """
    try:
        headers = dict(raw.headers)
        if GAP_HEADER in headers:
            return FeedRecord(raw.offset, b"", GAP, 0.0, raw.timestamp)
        stamp = Stamp.unpack(headers["origin"])
        label, score = headers["label"].decode(), float(headers["score"])
        data = raw.value
        if not (data.startswith(b"{") and data.isascii() and b"\n" not in data and b"\r" not in data):
            raise ValueError("not a line of ASCII JSON")
        _event.decode(data)
        if not 0.0 <= score <= 1.0:  # also refuses NaN
            raise ValueError("not a probability")
        if not is_plausible(stamp.epoch, raw.timestamp):  # it would make all later posts of its partition duplicates
            raise ValueError("an epoch of the future")
        # A stamp is kept for each partition. Stored posts, and only they, have epoch 0.
        if stamp.partition > ARCHIVED or (stamp.partition == ARCHIVED and stamp.epoch):
            raise ValueError("a partition that there is not")
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError, struct.error):
        metrics.dead_letters.labels(raw.topic).inc(not past)
        return None
    if not stamps.admit(stamp):
        metrics.duplicates.inc(not past)
        return None
    return FeedRecord(raw.offset, data, label, score, raw.timestamp)
