"""The last records of a feed that has clients, in memory. Knows no web and no Faust.

Retracted posts are not in the ring. It remembers the last of them, since clients may have received them.
"""

import asyncio
import time
from bisect import bisect_left, bisect_right
from typing import Any

from aiokafka import TopicPartition

from tweetream import metrics
from tweetream.feeds.record import FeedRecord, Filter, Stamps, read_record
from tweetream.feeds.retractions import Retracted, Retractions, id_of
from tweetream.kafka.readers import FETCH_RECORDS
from tweetream.models.feed import MAX_OFFSET

RING = 10_000
RING_BYTES = 64 * 1024 * 1024  # of posts; one can be 400 KB as JSON
FETCH_BYTES = 256 * 1024  # of posts that one call of `after` gives
MAX_CHECKPOINTS = 4_000  # of a feed
MIN_RETRACTED = 4_000  # retracted records that a ring remembers; at most twice as many


class StampCheckpoints:
    """The stamps known at some offsets of a feed. A reader that starts at one or a little after it reads less."""

    def __init__(self) -> None:
        self._offsets: list[int] = []
        self._stamps: list[Stamps] = []

    def add(self, offset: int, stamps: Stamps) -> None:
        """Keep the stamps before `offset`, unless there is a checkpoint just before it."""
        nth = bisect_right(self._offsets, offset)
        if nth and offset - self._offsets[nth - 1] < FETCH_RECORDS:
            return
        self._offsets.insert(nth, offset)
        self._stamps.insert(nth, stamps.copy())
        if len(self._offsets) > MAX_CHECKPOINTS:
            del self._offsets[::2], self._stamps[::2]

    def before(self, offset: int) -> tuple[int, Stamps] | None:
        """The offset and a copy of the stamps of the last checkpoint up to `offset`; None if none is near."""
        nth = bisect_right(self._offsets, offset) - 1
        if nth < 0 or offset - self._offsets[nth] > 10 * FETCH_RECORDS:
            return None
        return self._offsets[nth], self._stamps[nth].copy()


class FeedRing:
    """The records of a followed feed from offset `start` to before `end`."""

    def __init__(self, kafka_topic: str, start: int, stamps: Stamps, retractions: Retractions | None = None) -> None:
        self.kafka_topic = kafka_topic
        self.tp = TopicPartition(kafka_topic, 0)
        self.start = self.end = start
        self.stamps = stamps
        self.checkpoints = StampCheckpoints()
        self.checkpoints.add(start, stamps)
        self.clients: set[asyncio.Event] = set()
        self.left_at = time.monotonic()
        self.lost = False  # whether Kafka's log was truncated or made anew
        self.whole = False  # whether the ring starts where the log starts
        self.appended = 0  # bytes of posts, ever
        self.retracted = 0  # number of retracted records, ever
        self._retractions = Retractions() if retractions is None else retractions
        self._retracted: list[Retracted] = []  # the last of them
        self._offsets: list[int] = []
        self._records: list[FeedRecord] = []
        self._size = 0  # bytes of posts in the ring
        self._most = RING_BYTES
        self._by_id: dict[bytes, tuple[int, ...]] = {}  # offsets by id, of the records before `_indexed`
        self._indexed = start

    def take(self, raws: list[Any], end: int | None = None, *, past: bool = False) -> None:
        """Append the records that are no duplicates and not retracted. `end` is the next offset if `raws` is empty."""
        stamps = self.stamps
        records = [record for raw in raws if (record := read_record(raw, stamps, past=past)) is not None]
        if self._retractions:
            records = self._drop_retracted(records, raws, past)
        self._records += records
        self._offsets += [record.offset for record in records]
        size = sum([len(record.data) for record in records])
        self.appended += size
        self._size += size
        self.end = raws[-1].offset + 1 if raws else end or self.end
        self.checkpoints.add(self.end, self.stamps)
        if len(self._records) - RING > FETCH_RECORDS or self._size > min(self._most, RING_BYTES):
            self._trim()

    def limit(self, size: int) -> None:
        """Keep at most so many bytes of posts from now on."""
        self._most = size
        if self._size > size:
            self._trim()

    def _trim(self) -> None:
        surplus = max(0, len(self._records) - RING)
        self._size -= sum([len(record.data) for record in self._records[:surplus]])
        most = min(self._most, RING_BYTES)
        while self._size > most * 9 // 10:  # a tenth more, so that not every append trims
            self._size -= len(self._records[surplus].data)
            surplus += 1
        del self._records[:surplus], self._offsets[:surplus]
        self.start = self._offsets[0] if self._offsets else self.end
        self.whole = False

    def retract(self, id: bytes, time: int) -> bool:
        """Remove a post that was retracted at `time` (ms). Returns whether it was here. `id` is as written in data."""
        self._index()
        found = []
        for offset in self._by_id.pop(id, ()):
            if (nth := bisect_right(self._offsets, offset)) and self._offsets[nth - 1] == offset:
                found.append(Retracted(id, offset, time))
                self._size -= len(self._records[nth - 1].data)
                del self._records[nth - 1], self._offsets[nth - 1]
        self.remember(found)
        metrics.retracted.inc(len(found))
        return bool(found)

    def _drop_retracted(self, records: list[FeedRecord], raws: list[Any], past: bool) -> list[FeedRecord]:
        kept = self._retractions.kept(records)
        if len(kept) < len(records):
            self.remember(self._retractions.among(raws, MAX_OFFSET))
            metrics.retracted.inc(0 if past else len(records) - len(kept))
        return kept

    def _index(self) -> None:
        """Index the records by id, up to the newest. Called only when a post is retracted."""
        if len(self._by_id) > 2 * len(self._records) + FETCH_RECORDS:  # most of the index has left the ring
            self._by_id, self._indexed = {}, self.start
        for record in self._records[bisect_left(self._offsets, self._indexed) :]:
            id = id_of(record.data)
            self._by_id[id] = (*self._by_id.get(id, ()), record.offset)
        self._indexed = self.end

    def remember(self, retracted: list[Retracted]) -> None:
        """Note records that were retracted, since clients may have received them."""
        self.retracted += len(retracted)
        self._retracted += retracted
        if len(self._retracted) > 2 * MIN_RETRACTED:
            del self._retracted[:-MIN_RETRACTED]

    def retracted_since(self, number: int) -> list[Retracted]:
        """The retracted records after the first `number` of them, as far as they are remembered."""
        return self._retracted[max(0, len(self._retracted) + number - self.retracted) :]

    def arrival(self, offset: int) -> int | None:
        """When the last record of the ring up to `offset` arrived (ms); None if there is none."""
        nth = bisect_right(self._offsets, offset)
        return self._records[nth - 1].timestamp if nth else None

    @property
    def last_offset(self) -> int:
        """The offset of the last record in the ring; without one, the offset before its start."""
        return self._offsets[-1] if self._offsets else self.start - 1

    def last(self, number: int, post_filter: Filter) -> list[FeedRecord] | None:
        """The last `number` records that pass the filter, oldest first; None if the ring has too few."""
        found = [record for record in self._records if post_filter.passes(record)]
        if len(found) < number and not self.whole:
            return None
        return found[len(found) - min(number, len(found)) :]

    def after(self, offset: int) -> list[FeedRecord]:
        """Records from `offset` on, which must be in [start, end]: FETCH_RECORDS at most, about FETCH_BYTES."""
        first = bisect_left(self._offsets, offset)
        found, size = self._records[first : first + FETCH_RECORDS], 0
        for number, record in enumerate(found, 1):
            size += len(record.data)
            if size >= FETCH_BYTES:
                return found[:number]
        return found

    def between(self, start: int, end: int) -> list[FeedRecord]:
        """The records from `start` to before `end`, both in [self.start, self.end]."""
        return self._records[bisect_left(self._offsets, start) : bisect_left(self._offsets, end)]
