"""Reads the records older than a feed's ring: bounds, fetches, stamps, retractions and the last records.

Each call borrows one of a few pooled readers, so that a slow client holds none.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import LeaderNotAvailableError

from tweetream.feeds.budget import Scan
from tweetream.feeds.record import EVERY_POST, FeedRecord, Filter, Stamps, read_record
from tweetream.feeds.retractions import Retracted, Retractions
from tweetream.feeds.ring import FeedRing
from tweetream.kafka import readers
from tweetream.kafka.connection import Connection
from tweetream.kafka.readers import FETCH_RECORDS, Readers, dedup_start, next_records, offset_of_time

SCAN = 20_000  # records that a search for the last posts of a filter reads at most
LAST_BYTES = 16 * 1024 * 1024  # of the last posts that a stream begins with
LOOK = 0.5  # seconds between two looks whether Kafka can read a topic that is being read
FETCH_BYTES = 1024 * 1024  # of the records of one fetch, about
SLICE, REST = 50, 2  # records that a search reads without a pause, and how many times as long the pause is
GROWTH = 8  # each block of a search is so many times larger than the one before, since each reads a dedup window first


def size_of(records: Iterable[FeedRecord]) -> int:
    """The bytes of the records."""
    return sum([len(record.data) for record in records])


class Newest:
    """Keeps the newest records that pass a filter: up to `number` of them and `room` bytes."""

    def __init__(self, post_filter: Filter, number: int, room: int) -> None:
        self._passes, self._number, self._room = post_filter.passes, number, room
        self.records: deque[FeedRecord] = deque()
        self.size = 0
        self.cut = False  # whether older ones were left out

    def take(self, records: list[FeedRecord]) -> None:
        passing = list(filter(self._passes, records))
        self.records += passing
        self.size += size_of(passing)
        while len(self.records) > self._number or (self.records and self.size > self._room):
            self.size -= len(self.records.popleft().data)
            self.cut = True


class PastReader:
    """Reads older records of any feed. `feeds` are those that the hub follows now, by Kafka topic."""

    def __init__(
        self, kafka: Connection, feeds: Mapping[str, FeedRing], retractions: Retractions, dedup_window: float
    ) -> None:
        self._feeds, self._dedup_window = feeds, dedup_window
        self._readers = Readers(kafka)
        self.retractions = retractions
        self.available: Callable[[str], bool] = lambda kafka_topic: True  # whether Kafka can read the topic now

    async def stop(self) -> None:
        await self._readers.stop()

    def ring(self, kafka_topic: str) -> FeedRing | None:
        """The feed's ring, if the feed is followed and Kafka still has its log."""
        feed = self._feeds.get(kafka_topic)
        return None if feed is None or feed.lost else feed

    @contextlib.asynccontextmanager
    async def _lend(self, kafka_topic: str, scan: Scan | None = None) -> AsyncIterator[AIOKafkaConsumer]:
        """A reader for a call. Raises OverBudget if the call may not begin.

        Raises LeaderNotAvailableError as soon as Kafka cannot read the topic: Kafka's client would try for 40 s.
        """
        if not self.available(kafka_topic):
            raise LeaderNotAvailableError(kafka_topic)
        lent = self._readers.lend() if scan is None else self._readers.lend(search=scan.filtered, check=scan.begin)
        async with _ended_unless(lambda: self.available(kafka_topic), kafka_topic), lent as reader:
            yield reader

    async def bounds(self, kafka_topic: str, scan: Scan | None = None) -> tuple[int, int]:
        """The first offset in the log, and the offset of the next record."""
        async with self._lend(kafka_topic, scan) as reader:
            return await readers.bounds(reader, TopicPartition(kafka_topic, 0))

    async def offset_of_time(self, kafka_topic: str, timestamp: int, scan: Scan | None = None) -> int | None:
        """The first offset that arrived at or after `timestamp` (ms); None if there is none yet."""
        tp = TopicPartition(kafka_topic, 0)
        async with self._lend(kafka_topic, scan) as reader:
            reader.assign([tp])
            return await offset_of_time(reader, tp, timestamp)

    async def stamps_before(self, kafka_topic: str, offset: int, scan: Scan | None = None) -> Stamps:
        """The stamps that a reader starting at `offset` needs to recognise duplicates."""
        feed = self._feeds.get(kafka_topic)
        async with self._lend(kafka_topic, scan) as reader:
            checkpoint = feed.checkpoints.before(offset) if feed is not None else None
            stamps, _ = await self._read_stamps(reader, TopicPartition(kafka_topic, 0), offset, checkpoint, scan)
        if feed is not None:
            feed.checkpoints.add(offset, stamps)
        return stamps

    async def fetch(
        self, kafka_topic: str, offset: int, stamps: Stamps, until: int, scan: Scan | None = None
    ) -> tuple[list[FeedRecord], int]:
        """At most FETCH_RECORDS records from `offset` on and before `until`, and the offset to go on from."""
        tp = TopicPartition(kafka_topic, 0)
        async with self._lend(kafka_topic, scan) as reader:
            reader.assign([tp])
            reader.seek(tp, offset)
            raws = await _fetched(reader, tp, scan)
            raws = [raw for raw in raws if raw.offset < until]
            found = await _records(raws, stamps, scan)
            offset = raws[-1].offset + 1 if raws else until
            if kafka_topic in self._feeds:
                self._feeds[kafka_topic].checkpoints.add(offset, stamps)
            return self.retractions.kept(found), offset

    async def retracted(self, kafka_topic: str, until: int, scan: Scan | None = None) -> tuple[list[Retracted], int]:
        """The retracted ones of the FETCH_RECORDS records before `until`, and when the last of these arrived (ms)."""
        tp = TopicPartition(kafka_topic, 0)
        raws: list[Any] = []
        async with self._lend(kafka_topic, scan) as reader:
            offset = max((await reader.beginning_offsets([tp]))[tp], until - FETCH_RECORDS)
            reader.assign([tp])
            reader.seek(tp, offset)
            while offset < until:
                raws += await _fetched(reader, tp, scan)
                offset = raws[-1].offset + 1
        arrived = max((raw.timestamp for raw in raws if raw.offset < until), default=0)
        return self.retractions.among(raws, until), arrived

    async def last(
        self, kafka_topic: str, number: int, post_filter: Filter = EVERY_POST, scan: Scan | None = None
    ) -> list[FeedRecord]:
        """The last `number` records that pass the filter, oldest first; fewer if they exceed LAST_BYTES."""
        feed = self._feeds.get(kafka_topic)
        in_ring = feed.last(number, post_filter) if feed is not None else None
        if in_ring is not None:
            return in_ring
        first, end = await self.bounds(kafka_topic, scan)
        found: list[FeedRecord] = []
        room, cut = LAST_BYTES, False
        block_end, size = end, max(FETCH_RECORDS, number)
        while len(found) < number and not cut and block_end > first and end - block_end < SCAN:
            if scan is not None and scan.wait and block_end < end:
                break
            offset = max(first, block_end - size)
            size = min(GROWTH * size, SCAN)
            stamps = await self.stamps_before(kafka_topic, offset, scan)
            block = Newest(post_filter, number - len(found), room)
            block_end, until = offset, block_end
            while offset < until:
                records, offset = await self.fetch(kafka_topic, offset, stamps, until, scan)
                block.take(records)
            found = [*block.records, *found]
            room, cut = room - block.size, block.cut
        return found

    async def load_ring(self, kafka_topic: str, scan: Scan | None = None) -> FeedRing:
        """A new ring with the feed's newest records, since most clients ask for these."""
        tp = TopicPartition(kafka_topic, 0)
        async with self._lend(kafka_topic) as reader:
            first, end = await readers.bounds(reader, tp)
            start = max(first, end - FETCH_RECORDS)
            stamps, retracted = await self._read_stamps(reader, tp, start, scan=scan)
            feed = FeedRing(kafka_topic, start, stamps, self.retractions)
            feed.remember(retracted)
            feed.whole = start == first
            reader.seek(tp, start)  # reading the stamps may have passed `start`
            raws: list[Any] = []
            while start < end:
                more = [raw for raw in await _fetched(reader, tp, scan) if raw.offset < end]
                start = more[-1].offset + 1 if more else end
                raws += more
        # Last, and without an await before the hub follows the feed: a retraction reaches only feeds that are followed.
        feed.take(raws, end, past=True)
        return feed

    async def _read_stamps(
        self,
        reader: AIOKafkaConsumer,
        tp: TopicPartition,
        offset: int,
        checkpoint: tuple[int, Stamps] | None = None,
        scan: Scan | None = None,
    ) -> tuple[Stamps, list[Retracted]]:
        """The stamps before `offset`, and the retracted ones of the records that are read for them.

        Reading starts at the checkpoint; without one, at the start of the dedup window.
        """
        retracted: list[Retracted] = []
        if checkpoint is not None:
            start, stamps = checkpoint
            start = max(start, (await reader.beginning_offsets([tp]))[tp])  # retention may have passed it
            reader.assign([tp])
        else:
            stamps = Stamps()
            reader.assign([tp])
            start = await dedup_start(reader, tp, offset, self._dedup_window)
        reader.seek(tp, start)
        while start < offset:
            raws = await _fetched(reader, tp, scan)
            await _records([raw for raw in raws if raw.offset < offset], stamps, scan)
            retracted += self.retractions.among(raws, offset)
            start = raws[-1].offset + 1
        return stamps, retracted


@contextlib.asynccontextmanager
async def _ended_unless(available: Callable[[], bool], kafka_topic: str) -> AsyncIterator[None]:
    """A block that ends with LeaderNotAvailableError soon after the topic is no longer available."""
    loop = asyncio.get_running_loop()
    next_look: asyncio.TimerHandle

    def look() -> None:
        nonlocal next_look
        if available():
            next_look = loop.call_later(LOOK, look)
        else:
            limit.reschedule(loop.time())

    next_look = loop.call_later(LOOK, look)
    try:
        async with asyncio.timeout(None) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise LeaderNotAvailableError(kafka_topic) from None
    finally:
        next_look.cancel()


def _slice(scan: Scan | None) -> int:
    """How many records are read without a pause. A stream that begins may read all of a fetch: it ends sooner."""
    return SLICE if scan is not None and scan.filtered else FETCH_RECORDS


async def _fetched(reader: AIOKafkaConsumer, tp: TopicPartition, scan: Scan | None) -> list[Any]:
    """The next records, charged to the scan: at least one, and about FETCH_RECORDS or FETCH_BYTES at most."""
    size = _slice(scan)
    began = time.thread_time()  # which does not count the wait for Kafka
    found = await next_records(reader, tp, min(size, FETCH_RECORDS))
    sizes = [len(raw.value or b"") for raw in found]
    while size <= len(found) < FETCH_RECORDS and sum(sizes) < FETCH_BYTES:
        await _rest(began)
        began = time.thread_time()
        most = min(size, FETCH_RECORDS - len(found))
        more = (await reader.getmany(tp, timeout_ms=0, max_records=most)).get(tp)  # of what Kafka has sent already
        if not more:
            break
        found += more
        sizes += [len(raw.value or b"") for raw in more]
    if scan is not None:
        scan.spend(sizes)
    return found


async def _records(raws: list[Any], stamps: Stamps, scan: Scan | None) -> list[FeedRecord]:
    """The records that are no duplicates."""
    found: list[FeedRecord] = []
    size = _slice(scan)
    for at in range(0, len(raws), size):
        began = time.thread_time()
        part = raws[at : at + size]
        found += [record for raw in part if (record := read_record(raw, stamps, past=True)) is not None]
        if size < FETCH_RECORDS:
            await _rest(began)
    return found


async def _rest(began: float) -> None:
    """Let others work after a slice that began then, for REST times as long."""
    await asyncio.sleep(REST * (time.thread_time() - began))
