"""Reading feeds out of Kafka: records, what was redelivered, and a place by time.

A reader remembers the highest origin of each partition and skips what is not above it: constant memory, and
the same answer on every worker. Starting in the middle it looks back a little, to know them. It passes on
only what is one line of ASCII JSON, since others can write to Kafka too.
"""

import struct
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from tweetream import metrics
from tweetream.models.feed import Stamp

MAX_LOOK_BACK = 50_000  # records


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


async def piece(consumer: AIOKafkaConsumer, tp: TopicPartition, most: int) -> list[Any]:
    """The next records, at least one. Raises KafkaTimeoutError: nothing is passed over because Kafka is slow."""
    for _ in range(10):
        raws = (await consumer.getmany(tp, timeout_ms=1000, max_records=most)).get(tp)
        if raws:
            return list(raws)
    raise KafkaTimeoutError(f"{tp} gives nothing")


async def place_of_time(consumer: AIOKafkaConsumer, tp: TopicPartition, timestamp: int) -> int | None:
    """The first offset that arrived at or after `timestamp` (ms since 1970); None if there is none yet."""
    found = (await consumer.offsets_for_times({tp: timestamp}))[tp]
    # The embedded broker answers offset 0 with timestamp -1 for a time past the end.
    return None if found is None or found.timestamp < 0 else int(found.offset)


async def look_back_start(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int, back: float) -> int:
    """Where to begin reading so as to know the origins at `offset`: `back` seconds before it."""
    earliest: int = (await consumer.beginning_offsets([tp]))[tp]
    if offset <= earliest:
        return earliest
    consumer.seek(tp, offset - 1)
    records = await piece(consumer, tp, 1)
    start = await place_of_time(consumer, tp, records[0].timestamp - int(back * 1000))
    return max(earliest, offset - MAX_LOOK_BACK, min(offset, offset if start is None else start))
