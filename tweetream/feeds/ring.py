"""The last records of a feed that somebody reads, in memory. Knows no web and no Faust.

What was taken back is not among them, but a feed remembers which these were, since clients may have had them.
"""

import asyncio
import time
from bisect import bisect_left, bisect_right
from typing import Any

from aiokafka import TopicPartition

from tweetream import metrics
from tweetream.feeds.record import Filter, Record, Stamps, read_record
from tweetream.feeds.retractions import Retracted, Retractions, id_of
from tweetream.kafka.readers import PIECE
from tweetream.models.feed import MAX_OFFSET

RING = 10_000
RING_BYTES = 64 * 1024 * 1024  # of posts; one can be 400 KB as JSON
PIECE_BYTES = 256 * 1024  # of posts that are given at once to whoever reads on
WAYPOINTS = 4_000  # kept for a feed at most
RETRACTED = 4_000  # records taken back that a feed remembers at least, and twice as many at most


class StampCheckpoints:
    """The origins at places of a feed that somebody has read up to: who begins there or behind need not look back."""

    def __init__(self) -> None:
        self._offsets: list[int] = []
        self._stamps: list[Stamps] = []

    def add(self, offset: int, stamps: Stamps) -> None:
        """Keep what is known at `offset`, unless there is a waypoint near before it."""
        nth = bisect_right(self._offsets, offset)
        if nth and offset - self._offsets[nth - 1] < PIECE:
            return
        self._offsets.insert(nth, offset)
        self._stamps.insert(nth, stamps.copy())
        if len(self._offsets) > WAYPOINTS:
            del self._offsets[::2], self._stamps[::2]

    def before(self, offset: int) -> tuple[int, Stamps] | None:
        """The last waypoint up to `offset`, and a copy of what is known there; None if there is none near."""
        nth = bisect_right(self._offsets, offset) - 1
        if nth < 0 or offset - self._offsets[nth] > 10 * PIECE:
            return None
        return self._offsets[nth], self._stamps[nth].copy()


class FeedRing:
    """A feed that is followed: the records from offset `start` up to, not including, `end`."""

    def __init__(self, kafka_topic: str, start: int, stamps: Stamps, retractions: Retractions | None = None) -> None:
        self.kafka_topic = kafka_topic
        self.tp = TopicPartition(kafka_topic, 0)
        self.start = self.end = start
        self.stamps = stamps
        self.checkpoints = StampCheckpoints()
        self.checkpoints.add(start, stamps)
        self.clients: set[asyncio.Event] = set()
        self.left_at = time.monotonic()
        self.lost = False  # whether Kafka's log is not the one that was followed
        self.whole = False  # whether the ring begins where the feed begins
        self.appended = 0  # bytes of posts that have come
        self.retracted = 0  # records found to be taken back, so far
        self._retractions = Retractions() if retractions is None else retractions
        self._retracted: list[Retracted] = []  # the last of them
        self._offsets: list[int] = []
        self._records: list[Record] = []
        self._held = 0  # bytes of posts that are here
        self._by_id: dict[bytes, tuple[int, ...]] = {}  # offsets, of the records below `_indexed`
        self._indexed = start

    def take(self, raws: list[Any], end: int | None = None, *, past: bool = False) -> None:
        """Append what came from Kafka, less what was redelivered or taken back; `end` is behind it if `raws` is not."""
        stamps = self.stamps
        records = [record for raw in raws if (record := read_record(raw, stamps, past=past)) is not None]
        if self._retractions:
            records = self._sift(records, raws, past)
        self._records += records
        self._offsets += [record.offset for record in records]
        size = sum([len(record.data) for record in records])
        self.appended += size
        self._held += size
        self.end = raws[-1].offset + 1 if raws else end or self.end
        self.checkpoints.add(self.end, self.stamps)
        if len(self._records) - RING > PIECE or self._held > RING_BYTES:
            self._trim()

    def _trim(self) -> None:
        surplus = max(0, len(self._records) - RING)
        self._held -= sum([len(record.data) for record in self._records[:surplus]])
        while self._held > RING_BYTES * 9 // 10:  # not with every record again
            self._held -= len(self._records[surplus].data)
            surplus += 1
        del self._records[:surplus], self._offsets[:surplus]
        self.start = self._offsets[0] if self._offsets else self.end
        self.whole = False

    def retract(self, id: bytes, time: int) -> bool:
        """Take a post out that was taken back at `time` (ms); whether it was here. `id` is as it stands in data."""
        self._index()
        found = []
        for offset in self._by_id.pop(id, ()):
            if (nth := bisect_right(self._offsets, offset)) and self._offsets[nth - 1] == offset:
                found.append(Retracted(id, offset, time))
                self._held -= len(self._records[nth - 1].data)
                del self._records[nth - 1], self._offsets[nth - 1]
        self.remember(found)
        metrics.retracted.inc(len(found))
        return bool(found)

    def _sift(self, records: list[Record], raws: list[Any], past: bool) -> list[Record]:
        kept = self._retractions.kept(records)
        if len(kept) < len(records):
            self.remember(self._retractions.among(raws, MAX_OFFSET))
            metrics.retracted.inc(0 if past else len(records) - len(kept))
        return kept

    def _index(self) -> None:
        """Know where each id is. As long as nothing is taken back, that costs nothing."""
        if len(self._by_id) > 2 * len(self._records) + PIECE:  # most of it has left the ring
            self._by_id, self._indexed = {}, self.start
        for record in self._records[bisect_left(self._offsets, self._indexed) :]:
            id = id_of(record.data)
            self._by_id[id] = (*self._by_id.get(id, ()), record.offset)
        self._indexed = self.end

    def remember(self, retracted: list[Retracted]) -> None:
        """These records were taken back: clients may have had them."""
        self.retracted += len(retracted)
        self._retracted += retracted
        if len(self._retracted) > 2 * RETRACTED:
            del self._retracted[:-RETRACTED]

    def retracted_since(self, number: int) -> list[Retracted]:
        """The records found to be taken back behind the first `number` of them, as far as they are remembered."""
        return self._retracted[max(0, len(self._retracted) + number - self.retracted) :]

    def arrival(self, offset: int) -> int | None:
        """When the last record up to `offset` that is here arrived (ms); None if there is none."""
        nth = bisect_right(self._offsets, offset)
        return self._records[nth - 1].timestamp if nth else None

    @property
    def last_offset(self) -> int:
        """The offset of the last record that was not skipped, -1 before the first."""
        return self._offsets[-1] if self._offsets else self.start - 1

    def last(self, number: int, wanted: Filter) -> list[Record] | None:
        """The last `number` records that are wanted, oldest first; None if the ring does not reach back so far."""
        found = [record for record in self._records if wanted.passes(record)]
        if len(found) < number and not self.whole:
            return None
        return found[len(found) - min(number, len(found)) :]

    def after(self, cursor: int) -> list[Record]:
        """At most PIECE records, and little more than PIECE_BYTES, from `cursor` on, which must be in [start, end]."""
        first = bisect_left(self._offsets, cursor)
        found, size = self._records[first : first + PIECE], 0
        for number, record in enumerate(found, 1):
            size += len(record.data)
            if size >= PIECE_BYTES:
                return found[:number]
        return found

    def between(self, start: int, end: int) -> list[Record]:
        """The records from `start` up to `end`, both in [self.start, self.end]."""
        return self._records[bisect_left(self._offsets, start) : bisect_left(self._offsets, end)]
