"""Reading feeds out of Kafka: records, what was redelivered, and a place by time.

A reader remembers the highest origin of each partition and skips what is not above it: constant memory, and
the same answer on every worker. Starting in the middle it looks back a little, to know them. It passes on
only what is one line of ASCII JSON, since others can write to Kafka too.
"""

import struct
from typing import Any

import msgspec

from tweetream import metrics
from tweetream.models.feed import Stamp


class Record(msgspec.Struct, frozen=True, gc=False):
    """A post in a feed: its offset, the data line of its event, its label, score (0 to 1) and time of arrival (ms)."""

    offset: int
    data: bytes
    label: str
    score: float
    timestamp: int


class Filter(msgspec.Struct, frozen=True):
    """Which posts are wanted: those of a label, those with a score of at least so much. As it is made, every post."""

    label: str | None = None
    min_score: float = 0.0

    def passes(self, record: Record) -> bool:
        return (self.label is None or record.label == self.label) and record.score >= self.min_score


EVERY_POST = Filter()


class Stamps:
    """What has been seen of each partition, to skip what comes again."""

    def __init__(self) -> None:
        self._highest: dict[int, Stamp] = {}

    def admit(self, stamp: Stamp) -> bool:
        """Whether this was not seen yet; it is from now on."""
        highest = self._highest.get(stamp.partition)
        if highest is not None and stamp <= highest:
            return False
        self._highest[stamp.partition] = stamp
        return True

    def copy(self) -> "Stamps":
        other = Stamps()
        other._highest = dict(self._highest)
        return other


def read_record(raw: Any, stamps: Stamps, *, past: bool = False) -> Record | None:
    """The record, or None if it is none of ours or was there already. `raw` is aiokafka's ConsumerRecord.

    What is skipped is counted, but not of the `past`, which is read again for each client that asks for it.
    """
    try:
        headers = dict(raw.headers)
        stamp = Stamp.unpack(headers["origin"])
        label, score = headers["label"].decode(), float(headers["score"])
        data = raw.value
        if not (data.startswith(b"{") and data.isascii() and b"\n" not in data and b"\r" not in data):
            raise ValueError("not a line of ASCII JSON")
        if not 0.0 <= score <= 1.0:  # also what is not a number, which no comparison would let pass
            raise ValueError("not a probability")
    except (KeyError, ValueError, TypeError, AttributeError, struct.error):
        metrics.dead_letters.labels(raw.topic).inc(not past)
        return None
    if not stamps.admit(stamp):
        metrics.duplicates.inc(not past)
        return None
    return Record(raw.offset, data, label, score, raw.timestamp)
