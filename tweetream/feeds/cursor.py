"""A client's place in a feed: from Kafka while it is behind the hub's ring, from the ring after that."""

import asyncio

import msgspec
from aiokafka.errors import OffsetOutOfRangeError

from tweetream.feeds.hub import Hub
from tweetream.feeds.record import Record, Stamps
from tweetream.feeds.retractions import SLACK
from tweetream.feeds.ring import FeedRing
from tweetream.models.feed import Position


class Gap(msgspec.Struct):
    """Posts of a topic are missing: `start` is the last that was delivered, `end` the first that is there."""

    topic: str
    start: Position
    end: Position


class Cursor:
    """The next offset a client wants of a feed. `at` is None for: what comes from now on."""

    def __init__(self, hub: Hub, feed: FeedRing, name: str, generation: str, at: int | None) -> None:
        self._hub = hub
        self.feed = feed
        self._stamps: Stamps | None = None
        self.name = name
        self.generation = generation
        self.at = feed.end if at is None else at
        self._known = at is None  # whether `at` is known to be in the log
        self._passed = feed.last_offset if at is None else at - 1  # the last record passed that was not skipped
        self._told = feed.retracted  # how many of the feed's records that were taken back it knows of

    @property
    def position(self) -> Position | None:
        """The position of the last record passed; None before the feed's first."""
        return Position(self.name, self.generation, self._passed) if self._passed >= 0 else None

    @property
    def mark(self) -> tuple[int, int, int]:
        """All of it that moves, for another cursor of the same feed."""
        return self.at, self._passed, self._told

    @mark.setter
    def mark(self, mark: tuple[int, int, int]) -> None:
        self.at, self._passed, self._told = mark
        self._stamps = None

    def copy(self) -> "Cursor":
        """Another one at the same place, which is known to be in the log."""
        other = Cursor(self._hub, self.feed, self.name, self.generation, None)
        other.mark = self.mark
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
        """Move into the log if it does not have the cursor's place (any more), and say what is missing then."""
        if self._known or self.feed.start <= self.at <= self.feed.end:
            self._known = True
            return None
        first, end = await self._hub.bounds(self.kafka_topic)
        for _ in range(10):  # the hub may be a little behind, the embedded broker's answer a little wrong
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
        """The same from the ring, in which the cursor's place must be."""
        self._stamps = None
        records = self.feed.after(self.at)
        self.at = records[-1].offset + 1 if records else max(self.at, self.feed.end)
        return self._pass(records)

    def retracted(self) -> list[bytes]:
        """The ids of what was delivered and has been taken back since this was asked last."""
        if self._told == self.feed.retracted:
            return []
        found = self.feed.retracted_since(self._told)
        self._told = self.feed.retracted
        return [retracted.id for retracted in found if retracted.offset < self.at]

    async def missed(self, last: int) -> list[bytes]:
        """The ids of what was taken back while a client was away, to whom the record at `last` was delivered last.

        All before it was delivered too, and what was taken back by then was told, since a record is not long on its
        way. Nobody looks for what lies far behind that and behind the ring. Raises KafkaError.
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
