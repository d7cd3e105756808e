"""The last records of a feed that somebody reads, in memory. Knows no web and no Faust."""

import asyncio
import time
from bisect import bisect_left, bisect_right
from typing import Any

from aiokafka import TopicPartition

from tweetream.feeds import Filter, Origins, Record, read_record

RING = 10_000
RING_BYTES = 64 * 1024 * 1024  # of posts; one can be 400 KB as JSON
PIECE = 1_000  # records that are read at once
PIECE_BYTES = 256 * 1024  # of posts that are given at once to whoever reads on
WAYPOINTS = 4_000  # kept for a feed at most


class Waypoints:
    """The origins at places of a feed that somebody has read up to: who begins there or behind need not look back."""

    def __init__(self) -> None:
        self._offsets: list[int] = []
        self._origins: list[Origins] = []

    def add(self, offset: int, origins: Origins) -> None:
        """Keep what is known at `offset`, unless there is a waypoint near before it."""
        nth = bisect_right(self._offsets, offset)
        if nth and offset - self._offsets[nth - 1] < PIECE:
            return
        self._offsets.insert(nth, offset)
        self._origins.insert(nth, origins.copy())
        if len(self._offsets) > WAYPOINTS:
            del self._offsets[::2], self._origins[::2]

    def before(self, offset: int) -> tuple[int, Origins] | None:
        """The last waypoint up to `offset`, and a copy of what is known there; None if there is none near."""
        nth = bisect_right(self._offsets, offset) - 1
        if nth < 0 or offset - self._offsets[nth] > 10 * PIECE:
            return None
        return self._offsets[nth], self._origins[nth].copy()


class Feed:
    """A feed that is followed: the records from offset `start` up to, not including, `end`."""

    def __init__(self, kafka_topic: str, start: int, origins: Origins) -> None:
        self.kafka_topic = kafka_topic
        self.tp = TopicPartition(kafka_topic, 0)
        self.start = self.end = start
        self.origins = origins
        self.waypoints = Waypoints()
        self.waypoints.add(start, origins)
        self.clients: set[asyncio.Event] = set()
        self.left_at = time.monotonic()
        self.lost = False  # whether Kafka's log is not the one that was followed
        self.whole = False  # whether the ring begins where the feed begins
        self.appended = 0  # bytes of posts that have come
        self._offsets: list[int] = []
        self._records: list[Record] = []
        self._held = 0  # bytes of posts that are here

    def take(self, raws: list[Any], end: int | None = None, *, past: bool = False) -> None:
        """Append what came from Kafka, less what was redelivered; `end` is behind it if `raws` does not say."""
        origins = self.origins
        records = [record for raw in raws if (record := read_record(raw, origins, past=past)) is not None]
        self._records += records
        self._offsets += [record.offset for record in records]
        size = sum([len(record.data) for record in records])
        self.appended += size
        self._held += size
        self.end = raws[-1].offset + 1 if raws else end or self.end
        self.waypoints.add(self.end, self.origins)
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
