"""A stream's next offset in one feed. It reads older records from Kafka and newer ones from the feed's ring."""

import asyncio
from typing import NamedTuple

import msgspec
from aiokafka.errors import OffsetOutOfRangeError

from tweetream.feeds.budget import Scan
from tweetream.feeds.past import PastReader
from tweetream.feeds.record import FeedRecord, Stamps
from tweetream.feeds.retractions import SLACK
from tweetream.feeds.ring import FeedRing
from tweetream.models.feed import Position


class Gap(msgspec.Struct):
    """Posts of a topic are missing: `start` is the last one delivered, `end` the first one that Kafka still has."""

    topic: str
    start: Position
    end: Position


class CursorState(NamedTuple):
    """The numbers of a cursor that change."""

    offset: int  # the next offset to read
    last_offset: int  # the last record that was read and was no duplicate
    retractions_seen: int  # how many of the feed's retractions the cursor has given


class Cursor:
    """A reader of a feed from `offset` on; None starts with the next new record."""

    def __init__(
        self,
        past: PastReader,
        feed: FeedRing,
        name: str,
        generation: str,
        offset: int | None,
        scan: Scan | None = None,
    ) -> None:
        self._past = past
        self._scan = scan
        self.feed = feed
        self._stamps: Stamps | None = None
        self.name = name
        self.generation = generation
        self._in_log = offset is None  # whether `offset` is known to be in the log
        if offset is None:
            self.state = CursorState(feed.end, feed.last_offset, feed.retracted)
        else:
            self.state = CursorState(offset, offset - 1, feed.retracted)

    @property
    def position(self) -> Position:
        """The position of the last record read."""
        return Position(self.name, self.generation, self._last_offset)

    @property
    def state(self) -> CursorState:
        """Another cursor of the same feed can be set to it."""
        return CursorState(self.offset, self._last_offset, self._retractions_seen)

    @state.setter
    def state(self, state: CursorState) -> None:
        self.offset, self._last_offset, self._retractions_seen = state
        self._stamps = None

    def copy(self) -> "Cursor":
        """Another cursor at the same offset, which must be in the log."""
        other = Cursor(self._past, self.feed, self.name, self.generation, None)
        other.state = self.state
        return other

    @property
    def kafka_topic(self) -> str:
        return self.feed.kafka_topic

    @property
    def caught_up(self) -> bool:
        return self.offset >= self.feed.end and self._retractions_seen >= self.feed.retracted

    @property
    def ringed(self) -> bool:
        """Whether the next record is in the feed's ring, or will be."""
        return self.offset >= self.feed.start and not self.feed.lost

    @property
    def appended(self) -> int:
        """Bytes of posts that the hub has appended to the feed's ring."""
        return self.feed.appended

    async def check(self) -> Gap | None:
        """Move into the log if the log does not have the cursor's offset. Returns the gap, if there is one."""
        if self._in_log or self.feed.start <= self.offset <= self.feed.end:
            self._in_log = True
            return None
        first, end = await self._past.bounds(self.kafka_topic, self._scan)
        for _ in range(10):  # the hub can lag, and the embedded broker's answer can be too low
            if self.offset <= max(end, self.feed.end):
                break
            await asyncio.sleep(0.05)
        self._in_log = True
        if first <= self.offset <= max(end, self.feed.end):
            return None
        nearest = first if self.offset < first else max(end, self.feed.end)
        gap = Gap(
            self.name,
            Position(self.name, self.generation, max(0, self.offset - 1)),
            Position(self.name, self.generation, nearest),
        )
        self.offset, self._last_offset = nearest, nearest - 1
        return gap

    async def next(self) -> list[FeedRecord]:
        """The next records, up to FETCH_RECORDS, oldest first. Raises KafkaError."""
        if self.feed.lost:
            raise OffsetOutOfRangeError(self.kafka_topic)
        if self.ringed:
            return self.ready()
        if self._stamps is None:
            self._stamps = await self._past.stamps_before(self.kafka_topic, self.offset, self._scan)
        records, self.offset = await self._past.fetch(
            self.kafka_topic, self.offset, self._stamps, self.feed.start, self._scan
        )
        return self._delivered(records)

    def ready(self) -> list[FeedRecord]:
        """The next records, from the ring, which must have the cursor's offset."""
        self._stamps = None
        records = self.feed.after(self.offset)
        self.offset = records[-1].offset + 1 if records else max(self.offset, self.feed.end)
        return self._delivered(records)

    def retracted(self) -> list[bytes]:
        """The ids of posts that were delivered, and retracted since the last call."""
        if self._retractions_seen == self.feed.retracted:
            return []
        found = self.feed.retracted_since(self._retractions_seen)
        self._retractions_seen = self.feed.retracted
        return [retracted.id for retracted in found if retracted.offset < self.offset]

    async def missed_retractions(self, last: int) -> list[bytes]:
        """The ids of posts that were retracted while a client was away; `last` is the last record it received.

        It has all records up to `last`, and all retractions until about that record's arrival. Only records in the
        ring, and some before `last`, are searched. Raises KafkaError.
        """
        if not self._past.retractions:
            return []
        found, arrived = self.feed.retracted_since(0), self.feed.arrival(last)
        if last + 1 < self.feed.start:
            before, arrived = await self._past.retracted(self.kafka_topic, last + 1, self._scan)
            found = before + found
        since = (arrived or 0) - SLACK
        return list(dict.fromkeys([one.id for one in found if one.offset <= last and one.time >= since]))

    def _delivered(self, records: list[FeedRecord]) -> list[FeedRecord]:
        if records:
            self._last_offset = records[-1].offset
        return records
