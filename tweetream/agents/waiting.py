"""The feeds that Kafka cannot write now, and from where on each lacks posts. They hold no other feed.

The posts wait where they are already, in the topic tagged. This module notes the first record that a feed lacks, for
each partition of tagged, in the topic WAITING, before that record is acknowledged. From then on, records of that
partition pass the feed over, until `catch_up` has written what it lacks. So the feed gets the posts of a partition in
their order, whichever worker owns the partition then.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import cache
from typing import cast

from aiokafka.errors import KafkaError

from tweetream import metrics
from tweetream.app import app, kafka
from tweetream.engine.consumer import Consumer
from tweetream.kafka.admin import TIMEOUT
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.readers import last_records
from tweetream.kafka.send_queue import StillAssigned
from tweetream.models import codec
from tweetream.models.feed import MAX_OFFSET
from tweetream.models.waiting import Waiting
from tweetream.topology import TAGGED, WAITING, is_feed, services

TRY_AGAIN = 0.2  # seconds


@dataclass
class Backlog:
    """The records of a partition of tagged that a feed lacks: those from `start` to before `until`.

    `until` is whole when what was passed over before the last rebalance is known too. Posts that wait for stored ones
    are not `counted` before the feed has them, since they may be among these.
    """

    partition: int
    feed: str
    start: int
    until: int
    whole: bool = True
    counted: bool = True

    @property
    def mark(self) -> Waiting:
        """What Kafka has of it."""
        return Waiting(self.partition, self.feed, self.start, self.counted)

    def claim(self) -> bool:
        """Whether this worker has the partition now."""
        passed = cast(Consumer, app.consumer).next_offset(TAGGED, self.partition)
        if passed is not None and not self.whole:
            self.until, self.whole = max(self.until, passed), True
        return passed is not None


class WaitingFeeds:
    """The backlogs of this worker's partitions. Read from Kafka anew after each rebalance."""

    def __init__(self) -> None:
        self._backlogs: dict[tuple[int, str], Backlog] = {}
        self._generation: object = None  # of the consumer group, when the backlogs were read
        self._reading = asyncio.Lock()

    def is_current(self) -> bool:
        """Whether the backlogs are those of the partitions that this worker has now."""
        return bool(self._generation == app.consumer_generation_id and app.is_flowing())

    def mine(self) -> list[Backlog]:
        """The backlogs of the partitions that this worker has."""
        return [backlog for backlog in self._backlogs.values() if backlog.claim()]

    def is_behind(self, partition: int, feed: str) -> bool:
        """Whether the feed lacks earlier posts of the partition, so that it must not get later ones yet."""
        return (partition, feed) in self._backlogs

    def behind(self, partition: int) -> list[str]:
        """The feeds that lack earlier posts of the partition."""
        return [feed for number, feed in self._backlogs if number == partition]

    def pass_over(self, partition: int, feed: str, offset: int) -> bool:
        """The record at this offset was not written to the feed. False if the feed lacks nothing of the partition."""
        backlog = self._backlogs.get((partition, feed))
        if backlog is None:
            return False
        backlog.until = max(backlog.until, offset + 1)
        return True

    def is_counted(self, partition: int, feed: str) -> bool:
        """Whether posts that are passed over for the feed are counted at once."""
        backlog = self._backlogs.get((partition, feed))
        return backlog is None or backlog.counted

    def begin(
        self, partition: int, feed: str, offset: int, still_assigned: StillAssigned, *, counted: bool = True
    ) -> Awaitable[None]:
        """The record at this offset cannot be written to the feed. Later ones know it at once, Kafka when awaited.

        Raises Abandoned. A record that is no longer assigned comes again and begins then: records of the new assignment
        would pass the feed over for a place that Kafka never gets.
        """
        backlog = self._backlogs.get((partition, feed))
        if backlog is None:
            backlog = Backlog(partition, feed, offset, offset + 1, counted=counted)
        if still_assigned():
            self._backlogs[partition, feed] = backlog
            self.pass_over(partition, feed, offset)
        return self.note(backlog, still_assigned)

    async def note(self, backlog: Backlog, still_assigned: StillAssigned) -> None:
        """Tell Kafka where the feed's backlog begins."""
        mark = backlog.mark
        await services.producer.send(WAITING, 0, codec.encode(mark), key=mark.key, still_assigned=still_assigned)

    async def end(self, backlog: Backlog, still_assigned: StillAssigned) -> bool:
        """Let the feed get new records again, unless some were passed over meanwhile. Returns whether it does."""
        # While this holds the feed's queue, later records wait behind it, and none is written or acknowledged.
        async with services.producer.queue(backlog.feed, 0).turn():
            if backlog.start < backlog.until:
                return False
            await services.producer.send(WAITING, 0, None, key=backlog.mark.key, still_assigned=still_assigned)
            self._backlogs.pop((backlog.partition, backlog.feed), None)
            return True

    async def read(self, still_assigned: StillAssigned) -> None:
        """Read the backlogs, once after each rebalance. Waits for a broker that is away. Raises Abandoned."""
        async with self._reading:
            while self._generation != (generation := app.consumer_generation_id):
                if not still_assigned():
                    raise Abandoned("a rebalance came before the waiting feeds were known")
                try:
                    async with asyncio.timeout(TIMEOUT):
                        records = await last_records(kafka, WAITING, MAX_OFFSET)
                except (KafkaError, TimeoutError, OSError, MemoryError):
                    await asyncio.sleep(TRY_AGAIN)
                    continue
                if generation == app.consumer_generation_id and app.is_flowing():
                    self._take({record.key: record.value for record in records})
                    self._generation = generation

    def _take(self, values: dict[bytes | None, bytes | None]) -> None:
        self._backlogs = {}
        for key, value in values.items():
            if value is None:
                continue
            try:
                mark = codec.decode(value, Waiting)
            except codec.Undecodable:  # somebody else wrote it
                metrics.dead_letters.labels(WAITING).inc()
                continue
            if mark.key == key and is_feed(mark.feed):
                backlog = Backlog(mark.partition, mark.feed, mark.start, mark.start, whole=False, counted=mark.counted)
                self._backlogs[mark.partition, mark.feed] = backlog


@cache
def waiting() -> WaitingFeeds:
    """The worker's one."""
    return WaitingFeeds()
