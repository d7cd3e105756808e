"""The fan-out: one Kafka consumer a worker follows the feeds that somebody reads, whatever the number of clients.

A client is a cursor into a ring of each feed's last records. Behind the ring a pooled reader fetches a
piece and is given back, so that a slow client holds nothing. Replay meets live by offset, without a race.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from tweetream.feeds.record import EVERY_POST, Filter, Record, Stamps, read_record
from tweetream.feeds.retractions import Retracted, Retractions
from tweetream.feeds.ring import FeedRing
from tweetream.kafka import readers
from tweetream.kafka.connection import Connection
from tweetream.kafka.readers import PIECE, POLL_MS, Readers, dedup_start, next_records, offset_of_time
from tweetream.kafka.retry import Reminder

log = logging.getLogger(__name__)
FLUSH = 0.1  # seconds that a record may wait for others, so that they go out in one write
FLUSH_SHARE = 100  # it waits so many times what the last ones took: no time while there is little to do
TELL = 0.05  # seconds that a retraction may wait for others
AGAIN_MS = 10
SCAN = 50_000  # records that are looked through at most for the last N that pass a filter


class Hub:
    """Follows feeds for its clients. `follow` is a context manager: leaving the block removes the client."""

    def __init__(self, kafka: Connection, *, dedup_window: float = 60.0, feed_idle_timeout: float = 60.0) -> None:
        self._kafka, self._look_back, self._linger = kafka, dedup_window, feed_idle_timeout
        self._feeds: dict[str, FeedRing] = {}
        self._joining: dict[str, asyncio.Lock] = {}
        self._readers = Readers(kafka)
        self._live: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()  # there is a feed to follow
        self._telling: asyncio.TimerHandle | None = None
        self.retractions = Retractions()
        self.on_records: Callable[[], None] = lambda: None  # called when records have come, or were taken back

    async def start(self) -> None:
        self._live = asyncio.create_task(self._follow_all())

    async def stop(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
        if self._live is not None:
            self._live.cancel()
            await asyncio.wait({self._live}, timeout=1.0)
        await self._readers.stop()

    @contextlib.asynccontextmanager
    async def follow(self, kafka_topic: str, client: asyncio.Event) -> AsyncIterator[FeedRing]:
        """The feed, followed; `client` is set when it is dropped."""
        async with self._joining.setdefault(kafka_topic, asyncio.Lock()):
            feed = self._feeds.get(kafka_topic)
            if feed is None:
                feed = self._feeds[kafka_topic] = await self._join(kafka_topic)
                self._joined.set()
            feed.clients.add(client)
        try:
            yield feed
        finally:
            feed.clients.discard(client)
            feed.left_at = time.monotonic()

    def drop(self, kafka_topic: str) -> None:
        """Let go of a feed whose topic was deleted, and tell its clients."""
        feed = self._feeds.pop(kafka_topic, None)
        self._joining.pop(kafka_topic, None)
        if feed is not None:
            for client in feed.clients:
                client.set()

    def followed(self) -> list[str]:
        return list(self._feeds)

    def feed(self, kafka_topic: str) -> FeedRing | None:
        """The feed, if it is followed and sound."""
        feed = self._feeds.get(kafka_topic)
        return None if feed is None or feed.lost else feed

    def retract(self, id: str, time: int) -> None:
        """A post was taken back at `time` (ms): nobody gets it any more, and those who may have it are told."""
        found = self.retractions.add(id, time)
        here = [feed for feed in self._feeds.values() if feed.retract(found, time)]
        if here and self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL, self._tell)

    def _tell(self) -> None:
        self._telling = None
        self.on_records()

    async def bounds(self, kafka_topic: str) -> tuple[int, int]:
        """The first offset that is there, and the one the next record will have."""
        tp = TopicPartition(kafka_topic, 0)
        async with self._readers.lend() as reader:
            return await readers.bounds(reader, tp)

    async def offset_of_time(self, kafka_topic: str, timestamp: int) -> int | None:
        """The first offset that arrived at or after `timestamp` (ms); None if nothing has yet."""
        tp = TopicPartition(kafka_topic, 0)
        async with self._readers.lend() as reader:
            reader.assign([tp])
            return await offset_of_time(reader, tp, timestamp)

    async def stamps_at(self, kafka_topic: str, offset: int) -> Stamps:
        """The origins that a reader who begins at `offset` must know."""
        feed = self._feeds.get(kafka_topic)
        async with self._readers.lend() as reader:
            near = feed.checkpoints.before(offset) if feed is not None else None
            stamps, _ = await self._stamps(reader, TopicPartition(kafka_topic, 0), offset, near)
        if feed is not None:
            feed.checkpoints.add(offset, stamps)
        return stamps

    async def fetch(self, kafka_topic: str, cursor: int, stamps: Stamps, until: int) -> tuple[list[Record], int]:
        """Records from `cursor` on, fewer than PIECE and below `until`, and the cursor behind them."""
        tp = TopicPartition(kafka_topic, 0)
        async with self._readers.lend() as reader:
            reader.assign([tp])
            reader.seek(tp, cursor)
            raws = [raw for raw in await next_records(reader, tp, PIECE) if raw.offset < until]
            found = [record for raw in raws if (record := read_record(raw, stamps, past=True)) is not None]
            cursor = raws[-1].offset + 1 if raws else until
            if kafka_topic in self._feeds:
                self._feeds[kafka_topic].checkpoints.add(cursor, stamps)
            return self.retractions.kept(found), cursor

    async def retracted(self, kafka_topic: str, until: int) -> tuple[list[Retracted], int]:
        """Which of the PIECE records before `until` were taken back, and when the last of all these arrived (ms)."""
        tp = TopicPartition(kafka_topic, 0)
        raws: list[Any] = []
        async with self._readers.lend() as reader:
            cursor = max((await reader.beginning_offsets([tp]))[tp], until - PIECE)
            reader.assign([tp])
            reader.seek(tp, cursor)
            while cursor < until:
                raws += await next_records(reader, tp, PIECE)
                cursor = raws[-1].offset + 1
        return self.retractions.among(raws, until), max(
            (raw.timestamp for raw in raws if raw.offset < until), default=0
        )

    async def last(self, kafka_topic: str, number: int, wanted: Filter = EVERY_POST) -> list[Record]:
        """The last `number` records that are wanted, oldest first."""
        feed = self._feeds.get(kafka_topic)
        there = feed.last(number, wanted) if feed is not None else None
        if there is not None:
            return there
        first, end = await self.bounds(kafka_topic)
        found: list[Record] = []
        block_end, size = end, max(PIECE, number)
        while len(found) < number and block_end > first and end - block_end < SCAN:
            cursor = max(first, block_end - size)
            size = min(2 * size, SCAN)  # blocks grow, since each costs a look-back
            stamps = await self.stamps_at(kafka_topic, cursor)
            block: list[Record] = []
            block_end, upto = cursor, block_end
            while cursor < upto:
                records, cursor = await self.fetch(kafka_topic, cursor, stamps, upto)
                block += filter(wanted.passes, records)
            found = block + found
        return found[len(found) - min(number, len(found)) :]

    async def _join(self, kafka_topic: str) -> FeedRing:
        """Follow a feed from a little before its end, so that the past most clients want is in the ring."""
        tp = TopicPartition(kafka_topic, 0)
        async with self._readers.lend() as reader:
            first, end = await readers.bounds(reader, tp)
            start = max(first, end - PIECE)
            stamps, retracted = await self._stamps(reader, tp, start)
            feed = FeedRing(kafka_topic, start, stamps, self.retractions)
            feed.remember(retracted)
            feed.whole = start == first
            reader.seek(tp, start)  # looking back may have read on
            raws: list[Any] = []
            while start < end:
                more = [raw for raw in await next_records(reader, tp, PIECE) if raw.offset < end]
                start = more[-1].offset + 1 if more else end
                raws += more
        # At once, and the last that is done: of what is taken back meanwhile only feeds that are followed are told.
        feed.take(raws, end, past=True)
        return feed

    async def _stamps(
        self, reader: AIOKafkaConsumer, tp: TopicPartition, offset: int, near: tuple[int, Stamps] | None = None
    ) -> tuple[Stamps, list[Retracted]]:
        """What is known at `offset`, and what was taken back of the records that were read for it.

        They are read from the waypoint `near` it on, or from so far back as one looks.
        """
        retracted: list[Retracted] = []
        if near is not None:
            cursor, stamps = near
            cursor = max(cursor, (await reader.beginning_offsets([tp]))[tp])  # retention may have passed it
            reader.assign([tp])
        else:
            stamps = Stamps()
            reader.assign([tp])
            cursor = await dedup_start(reader, tp, offset, self._look_back)
        reader.seek(tp, cursor)
        while cursor < offset:
            raws = await next_records(reader, tp, PIECE)
            for raw in raws:
                if raw.offset < offset:
                    read_record(raw, stamps, past=True)
            retracted += self.retractions.among(raws, offset)
            cursor = raws[-1].offset + 1
        return stamps, retracted

    async def _follow_all(self) -> None:
        reminder = Reminder(log)
        while True:
            consumer = readers.consumer(self._kafka)
            try:
                await consumer.start()
                await self._follow_with(consumer)
            except OffsetOutOfRangeError as error:
                for tp in error.args[0]:
                    self._lose(tp.topic)
            except (KafkaError, OSError) as error:
                reminder.warn("feeds wait for Kafka: %r", error)
                await asyncio.sleep(0.5)
            finally:
                await consumer.stop()

    def _lose(self, kafka_topic: str) -> None:
        """Kafka's log is shorter than it was, or another one: clients begin again, and are told of the gap."""
        log.warning("%s has lost records in Kafka", kafka_topic)
        if kafka_topic in self._feeds:
            self._feeds[kafka_topic].lost = True
            self.drop(kafka_topic)

    async def _follow_with(self, consumer: AIOKafkaConsumer) -> None:
        assigned: dict[TopicPartition, FeedRing] = {}
        pause = 0.0
        while True:
            wanted = {feed.tp: feed for feed in self._wanted()}
            if wanted != assigned:
                assigned = wanted
                consumer.assign(list(wanted))  # replaces everything, positions too
                for tp, feed in wanted.items():
                    consumer.seek(tp, feed.end)
            if not assigned:
                self._joined.clear()
                await self._joined.wait()
                continue
            found = await consumer.getmany(timeout_ms=POLL_MS, max_records=5 * PIECE)
            if found:
                began = time.perf_counter()
                _take(found, assigned)
                try:
                    if pause > AGAIN_MS / 1000:
                        # This is what came right after the last time; what came while we paused takes one more fetch.
                        _take(await consumer.getmany(timeout_ms=AGAIN_MS, max_records=5 * PIECE), assigned)
                        began = time.perf_counter()
                finally:
                    self.on_records()  # also if Kafka fails now: it may be long until something comes again
                pause = min(FLUSH, FLUSH_SHARE * (time.perf_counter() - began))
                await asyncio.sleep(pause)

    def _wanted(self) -> Iterator[FeedRing]:
        """The feeds with clients, or whose last client left a short time ago; the others are let go."""
        oldest = time.monotonic() - self._linger
        for feed in list(self._feeds.values()):
            if feed.clients or feed.left_at > oldest:
                yield feed
            else:
                self._feeds.pop(feed.kafka_topic, None)
                self._joining.pop(feed.kafka_topic, None)


def _take(found: dict[TopicPartition, list[Any]], assigned: dict[TopicPartition, FeedRing]) -> None:
    for tp, raws in found.items():
        assigned[tp].take(raws)
