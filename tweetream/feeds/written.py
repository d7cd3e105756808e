"""What the feeds have, so that no post is written to a feed twice, however far back its worker begins again.

A reader skips a record whose stamp is not above the highest of its partition in the feed, so it need not be written. A
worker reads the end of a feed once after each rebalance, since another worker may have written to it. What a log had
and has no more, because of retention or because somebody deleted it, is known by the stamps that were counted: a post
is counted when its feed has it, or when it is noted that the feed lacks it.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from tweetream.feeds.record import Stamps, read_record
from tweetream.kafka import readers
from tweetream.kafka.connection import Connection
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.readers import FETCH_RECORDS, MAX_DEDUP_RECORDS, Readers, next_records
from tweetream.kafka.rebootstrap import is_there
from tweetream.kafka.retry import PAUSE, Reminder
from tweetream.kafka.send_queue import StillAssigned
from tweetream.models.backfill import ARCHIVED
from tweetream.models.feed import PostRecord, Stamp, rfc3339

log = logging.getLogger(__name__)
TIMEOUT = 10.0  # seconds for the end of a feed; then it is tried again
COUNTED_TIMEOUT = 30.0  # seconds for what was counted, of all feeds
SLICE = 100  # records that are read without a pause
GROWTH = 8  # each block is so many times larger than the one after it
Records = list[PostRecord]
ALL_TIME = 2**62  # ms since 1970


class KnownOfFeeds(NamedTuple):
    """What else a worker knows of a feed, by its Kafka topic."""

    counted: Callable[[str], Awaitable[Stamps]]  # the highest stamps counted
    remade: Callable[[str], int]  # when its log was last made again (ms since 1970; 0: never)
    there: Callable[[str], bool]  # whether Kafka has its log


class FeedEnd(msgspec.Struct):
    """The highest stamps of a feed. It may have lost posts that were received before `lost_until` (ms since 1970)."""

    rebalance: int
    stamps: Stamps
    lost_until: int


class _Received(msgspec.Struct):
    received_at: str


class WrittenStamps:
    """Knows what the feeds have. `partitions` is the number of partitions of posts; `retention` is in seconds."""

    def __init__(self, kafka: Connection, partitions: int, retention: float, known: KnownOfFeeds) -> None:
        self._readers = Readers(kafka)
        self._partitions, self._retention, self._known = partitions, retention, known
        self._ends: dict[str, FeedEnd] = {}
        self._counted: dict[str, tuple[int, Stamps]] = {}  # with the number of rebalances then
        self._locks: dict[str, asyncio.Lock] = {}
        self._asked: Counter[str] = Counter()  # calls of `unwritten` that have not returned, by feed
        self._reminder = Reminder(log)

    async def stop(self) -> None:
        await self._readers.stop()

    async def unwritten(
        self,
        kafka_topic: str,
        records: Records,
        rebalance: int,
        still_assigned: StillAssigned,
        *,
        lacking: bool = False,
    ) -> Records:
        """Those of the records, which are of one partition and in order, that the feed does not have and never had.

        Calls for a feed return in their order. `rebalance` is the number of rebalances until now. `lacking` records are
        known to be no part of what the feed has lost. Raises Abandoned.
        """
        self._asked[kafka_topic] += 1
        try:
            return await self._unwritten(kafka_topic, records, rebalance, still_assigned, lacking)
        finally:
            self._asked[kafka_topic] -= 1
            if not self._asked[kafka_topic]:
                del self._asked[kafka_topic]

    def known_unwritten(self, kafka_topic: str, records: Records, rebalance: int) -> Records | None:
        """As `unwritten`, without an await. None if something must be read first, or other calls come before."""
        end = self._ends.get(kafka_topic)
        if end is None or end.rebalance != rebalance or kafka_topic in self._asked:
            return None
        first = Stamp.unpack(records[0].origin)
        highest = end.stamps.highest(first.partition)
        if highest is None:
            return None if end.lost_until or self._known.remade(kafka_topic) else records
        return records if first > highest else _above(highest, records)

    async def _unwritten(
        self, kafka_topic: str, records: Records, rebalance: int, still_assigned: StillAssigned, lacking: bool
    ) -> Records:
        async with self._locks.setdefault(kafka_topic, asyncio.Lock()):
            end = self._ends.get(kafka_topic)
            if end is None or end.rebalance != rebalance:
                end = await self._read(kafka_topic, rebalance, still_assigned)
            first = Stamp.unpack(records[0].origin)
            highest = end.stamps.highest(first.partition)
            if highest is not None:
                return records if first > highest else _above(highest, records)
            lost_until = max(end.lost_until, self._known.remade(kafka_topic))
            if lacking or not lost_until:
                return records
            counted = (await self._read_counted(kafka_topic, rebalance, still_assigned)).highest(first.partition)
            if counted is None or first > counted:
                return records
            oldest = rfc3339(lost_until)
            return [
                record for record in records if Stamp.unpack(record.origin) > counted or _received_at(record) > oldest
            ]

    async def _read(self, kafka_topic: str, rebalance: int, still_assigned: StillAssigned) -> FeedEnd:
        before = self._ends.get(kafka_topic)

        def check() -> None:
            if not still_assigned():
                raise Abandoned(f"{kafka_topic} is no longer assigned to this worker")

        while True:
            check()
            if not self._known.there(kafka_topic):
                return _missing(rebalance, before)
            try:
                # A thousand feeds wait for a reader after a rebalance, so the time begins when it is lent.
                async with self._readers.lend(check=check) as reader, asyncio.timeout(TIMEOUT) as limit:
                    if not await is_there(reader, kafka_topic):
                        return _missing(rebalance, before)
                    steps = StepLimit(limit, still_assigned)
                    stamps, whole = await stamps_at_end(reader, kafka_topic, self._partitions, steps)
            except (KafkaError, OSError, TimeoutError, MemoryError) as error:
                self._reminder.warn("%s waits until its end can be read: %r", kafka_topic, error)
                await asyncio.sleep(PAUSE)
            else:
                if before is not None and self._known.remade(kafka_topic):  # the log before had these
                    stamps.take(before.stamps)
                lost_until = 0 if whole else round((time.time() - self._retention) * 1000)
                found = self._ends[kafka_topic] = FeedEnd(rebalance, stamps, lost_until)
                return found

    async def _read_counted(self, kafka_topic: str, rebalance: int, still_assigned: StillAssigned) -> Stamps:
        """The stamps that were counted until the last rebalance. Since then this worker knows what it has written."""
        known = self._counted.get(kafka_topic)
        while known is None or known[0] != rebalance:
            if not still_assigned():
                raise Abandoned(f"{kafka_topic} is no longer assigned to this worker")
            try:
                async with asyncio.timeout(COUNTED_TIMEOUT):
                    known = self._counted[kafka_topic] = rebalance, await self._known.counted(kafka_topic)
            except (KafkaError, OSError, TimeoutError, MemoryError) as error:
                self._reminder.warn("%s waits until its counts can be read: %r", kafka_topic, error)
                await asyncio.sleep(PAUSE)
        return known[1]

    def add(self, kafka_topic: str, records: Sequence[PostRecord]) -> None:
        """The feed has these records now: the log that they are made of may be read again without a rebalance."""
        end = self._ends.get(kafka_topic)
        if end is not None and records:
            end.stamps.admit(Stamp.unpack(records[-1].origin))

    def keep(self, is_live: Callable[[str], bool]) -> None:
        """Forget the feeds that were deleted. One that is forgotten too early is read again."""
        for kafka_topic in [topic for topic in self._locks if not is_live(topic)]:
            self.forget(kafka_topic)

    def forget(self, kafka_topic: str) -> None:
        """The feed was deleted."""
        self._ends.pop(kafka_topic, None)
        self._counted.pop(kafka_topic, None)
        self._locks.pop(kafka_topic, None)


class StepLimit:
    """Moves a time limit on with each step, since all steps together may take long where the CPU is short."""

    def __init__(self, limit: asyncio.Timeout, still_assigned: StillAssigned = lambda: True) -> None:
        self._limit, self._still_assigned = limit, still_assigned

    def step(self) -> None:
        """Raises Abandoned when the answer is of no use any more."""
        if not self._still_assigned():
            raise Abandoned("the partition is no longer assigned to this worker")
        if not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time() + TIMEOUT)


async def stamps_at_end(
    reader: AIOKafkaConsumer, kafka_topic: str, partitions: int, steps: StepLimit
) -> tuple[Stamps, bool]:
    """The highest stamps of a feed, and whether it has never had other posts of a source.

    Reads backwards until each partition has come, or a stored post, which is before all others, or MAX_DEDUP_RECORDS.
    """
    tp = TopicPartition(kafka_topic, 0)
    first, end = await readers.bounds(reader, tp)
    stamps, top, size = Stamps(), end, FETCH_RECORDS
    while top > first and end - top < MAX_DEDUP_RECORDS and len(stamps) < partitions and not stamps.highest(ARCHIVED):
        offset, until = max(first, top - size), top
        top, size = offset, GROWTH * size
        reader.seek(tp, offset)
        while offset < until:
            began = time.thread_time()  # which does not count the wait for Kafka
            raws = await next_records(reader, tp, SLICE)
            for raw in raws:
                read_record(raw, stamps, past=True)
            offset = raws[-1].offset + 1
            steps.step()
            await asyncio.sleep(time.thread_time() - began)  # streams go on meanwhile
    return stamps, top == 0 or stamps.highest(ARCHIVED) is not None


def _missing(rebalance: int, before: FeedEnd | None) -> FeedEnd:
    """The end of a feed that Kafka does not have: not for long, so it is not remembered."""
    return FeedEnd(rebalance, Stamps() if before is None else before.stamps, ALL_TIME)


def _above(stamp: Stamp, records: Records) -> Records:
    """The records with a higher stamp."""
    return [record for record in records if Stamp.unpack(record.origin) > stamp]


def _received_at(record: PostRecord) -> str:
    return msgspec.json.decode(record.value, type=_Received).received_at
