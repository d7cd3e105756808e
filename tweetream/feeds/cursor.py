"""Where a stream stands in one feed. It reads from Kafka what is older than the hub's ring, then from the ring."""

import asyncio
from typing import NamedTuple

import msgspec
from aiokafka.errors import OffsetOutOfRangeError

from tweetream.feeds.hub import Hub
from tweetream.feeds.record import Record, Stamps
from tweetream.feeds.retractions import SLACK
from tweetream.feeds.ring import FeedRing
from tweetream.models.feed import Position


class Gap(msgspec.Struct):
    """Posts of a topic are missing: `start` is the last delivered one, `end` the first one that is still there."""

    topic: str
    start: Position
    end: Position


class CursorState(NamedTuple):
    """All of a cursor that moves."""

    at: int  # the next offset to read
    passed: int  # the offset of the last record that was read and not skipped as redelivered
    told: int  # how many of the feed's retractions it knows


class Cursor:
    """A reader's next offset in a feed. With `at` None it begins with the next record that comes."""

    def __init__(self, hub: Hub, feed: FeedRing, name: str, generation: str, at: int | None) -> None:
        self._hub = hub
        self.feed = feed
        self._stamps: Stamps | None = None
        self.name = name
        self.generation = generation
        self._known = at is None  # whether `at` is known to be in the log
        if at is None:
            self.state = CursorState(feed.end, feed.last_offset, feed.retracted)
        else:
            self.state = CursorState(at, at - 1, feed.retracted)

    @property
    def position(self) -> Position | None:
        """The position of the last record passed; None before the feed's first."""
        return Position(self.name, self.generation, self._passed) if self._passed >= 0 else None

    @property
    def state(self) -> CursorState:
        """Can be given to another cursor of the same feed."""
        return CursorState(self.at, self._passed, self._told)

    @state.setter
    def state(self, state: CursorState) -> None:
        self.at, self._passed, self._told = state
        self._stamps = None

    def copy(self) -> "Cursor":
        """Another cursor at the same offset, which is known to be in the log."""
        other = Cursor(self._hub, self.feed, self.name, self.generation, None)
        other.state = self.state
        return other

    @property
    def kafka_topic(self) -> str:
        return self.feed.kafka_topic

    @property
    def caught_up(self) -> bool:
        return self.at >= self.feed.end and self._told >= self.feed.retracted

    @property
    def ringed(self) -> bool:
        """Whether what comes next is in the hub's ring."""
        return self.at >= self.feed.start and not self.feed.lost

    @property
    def appended(self) -> int:
        """Bytes that have come to the feed since it is followed."""
        return self.feed.appended

    async def check(self) -> Gap | None:
        """Move into the log if the cursor's offset is not there (any more). Returns what is missing then."""
        if self._known or self.feed.start <= self.at <= self.feed.end:
            self._known = True
            return None
        first, end = await self._hub.bounds(self.kafka_topic)
        for _ in range(10):  # the hub may lag a little, and the embedded broker's answer may be a little wrong
            if self.at <= max(end, self.feed.end):
                break
            await asyncio.sleep(0.05)
        self._known = True
        if first <= self.at <= max(end, self.feed.end):
            return None
        there = first if self.at < first else max(end, self.feed.end)
        gap = Gap(
            self.name,
            Position(self.name, self.generation, max(0, self.at - 1)),
            Position(self.name, self.generation, there),
        )
        self.at, self._passed = there, there - 1
        return gap

    async def next(self) -> list[Record]:
        """The records that are there, up to a thousand, oldest first. Raises KafkaError."""
        if self.feed.lost:
            raise OffsetOutOfRangeError(self.kafka_topic)
        if self.ringed:
            return self.ready()
        if self._stamps is None:
            self._stamps = await self._hub.stamps_at(self.kafka_topic, self.at)
        records, self.at = await self._hub.fetch(self.kafka_topic, self.at, self._stamps, self.feed.start)
        return self._pass(records)

    def ready(self) -> list[Record]:
        """The same from the ring, which must have the cursor's offset."""
        self._stamps = None
        records = self.feed.after(self.at)
        self.at = records[-1].offset + 1 if records else max(self.at, self.feed.end)
        return self._pass(records)

    def retracted(self) -> list[bytes]:
        """The ids of delivered posts that were retracted since the last call."""
        if self._told == self.feed.retracted:
            return []
        found = self.feed.retracted_since(self._told)
        self._told = self.feed.retracted
        return [retracted.id for retracted in found if retracted.offset < self.at]

    async def missed(self, last: int) -> list[bytes]:
        """The ids of posts that were retracted while a client was away. The client got the record at `last` last.

        It also got every record before `last`, and every retraction until about that record's arrival. Only records in
        the ring, and some before `last`, are looked at. Raises KafkaError.
        """
        if not self._hub.retractions:
            return []
        found, arrived = self.feed.retracted_since(0), self.feed.arrival(last)
        if last + 1 < self.feed.start:
            before, arrived = await self._hub.retracted(self.kafka_topic, last + 1)
            found = before + found
        since = (arrived or 0) - SLACK
        return list(dict.fromkeys([one.id for one in found if one.offset <= last and one.time >= since]))

    def _pass(self, records: list[Record]) -> list[Record]:
        if records:
            self._passed = records[-1].offset
        return records
