"""The hub: one Kafka consumer a worker follows the feeds that have clients, however many clients there are.

A client is a cursor into a ring of each feed's last records. `past` reads the records that are older than the ring.
Replayed and live records join at an offset, so that none is missing and none is doubled.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from tweetream.feeds.budget import Scan
from tweetream.feeds.pace import Pace
from tweetream.feeds.past import PastReader
from tweetream.feeds.retractions import Retractions
from tweetream.feeds.ring import FeedRing
from tweetream.kafka.connection import Connection
from tweetream.kafka.readers import FETCH_RECORDS, POLL_MS
from tweetream.kafka.retry import Reminder
from tweetream.kafka.session_consumer import SessionConsumer

log = logging.getLogger(__name__)
RETRACTION_DELAY = 0.05  # seconds that a retraction waits for others
SECOND_POLL_MS = 10
ALL_BYTES = 512 * 1024 * 1024  # of posts in all rings; one ring has MIN_BYTES in any case
MIN_BYTES = 1024 * 1024
TRY_AGAIN = 0.5  # seconds after a failure of Kafka or of this machine
LOOK = 0.2  # seconds between two looks at which feeds are in use, and can be read


class Hub:
    """Follows feeds for its clients. `follow` is a context manager: leaving the block removes the client."""

    def __init__(self, kafka: Connection, *, dedup_window: float = 60.0, feed_idle_timeout: float = 60.0) -> None:
        self._kafka, self._feed_idle_timeout = kafka, feed_idle_timeout
        self._feeds: dict[str, FeedRing] = {}
        self._joining: dict[str, asyncio.Lock] = {}
        self._follower: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()  # set when there is a feed to follow
        self._changed = True  # the feeds, since they were looked at
        self._announcement: asyncio.TimerHandle | None = None
        self.retractions = Retractions()
        self.past = PastReader(kafka, self._feeds, self.retractions, dedup_window)
        # Called with the Kafka topics of the feeds that have new records; with None after retractions, for all feeds.
        self.on_records: Callable[[set[str] | None], None] = lambda feeds: None

    async def start(self) -> None:
        self._follower = asyncio.create_task(self._follow_all())

    async def stop(self) -> None:
        if self._announcement is not None:
            self._announcement.cancel()
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.wait({self._follower}, timeout=1.0)
        await self.past.stop()

    @property
    def ended(self) -> str:
        """That the feeds are no longer read, and why; empty if they are."""
        task = self._follower
        if task is None or not task.done() or task.cancelled():
            return ""
        return f"the reader of the feeds has ended: {task.exception()!r}"

    @contextlib.asynccontextmanager
    async def follow(
        self, kafka_topic: str, client: asyncio.Event, scan: Scan | None = None
    ) -> AsyncIterator[FeedRing]:
        """Follow the feed within the block; `client` is set if the feed is dropped.

        `scan` spends what it takes to read the feed's last records, if no other client follows it.
        """
        if kafka_topic not in self._feeds and scan is not None and (wait := scan.wait):
            await asyncio.sleep(wait)
        async with self._joining.setdefault(kafka_topic, asyncio.Lock()):
            feed = self._feeds.get(kafka_topic)
            if feed is None:
                feed = self._feeds[kafka_topic] = await self.past.load_ring(kafka_topic, scan)
                self._share()
                self._joined.set()
                self._changed = True
            feed.clients.add(client)
        try:
            yield feed
        finally:
            feed.clients.discard(client)
            feed.left_at = time.monotonic()

    def _share(self) -> None:
        """Share the memory among the rings, since one client can follow all feeds."""
        each = max(MIN_BYTES, ALL_BYTES // len(self._feeds))
        for feed in self._feeds.values():
            feed.limit(each)

    def drop(self, kafka_topic: str) -> None:
        """Stop following a feed, for example because its topic was deleted, and wake its clients."""
        feed = self._feeds.pop(kafka_topic, None)
        self._joining.pop(kafka_topic, None)
        self._changed = True
        if feed is not None:
            for client in feed.clients:
                client.set()

    def followed(self) -> list[str]:
        return list(self._feeds)

    def retract(self, id: str, time: int) -> None:
        """A post was retracted at `time` (ms): no client gets it any more.

        Clients that may have received it get its id.
        """
        found = self.retractions.add(id, time)
        changed = [feed for feed in self._feeds.values() if feed.retract(found, time)]
        if changed and self._announcement is None:
            self._announcement = asyncio.get_running_loop().call_later(RETRACTION_DELAY, self._announce)

    def _announce(self) -> None:
        self._announcement = None
        self.on_records(None)

    async def _follow_all(self) -> None:
        reminder = Reminder(log)
        while True:
            consumer = SessionConsumer(self._kafka)
            try:
                await consumer.start()
                await self._follow_with(consumer)
            except OffsetOutOfRangeError as error:
                for tp in error.args[0]:
                    self.restart(tp.topic)
            except (KafkaError, OSError, MemoryError) as error:
                reminder.warn("feeds wait for Kafka: %r", error)
                await asyncio.sleep(TRY_AGAIN)
            finally:
                with contextlib.suppress(KafkaError, OSError):
                    await consumer.stop()

    def restart(self, kafka_topic: str) -> None:
        """Kafka's log was truncated or made anew: clients start again and get a gap event."""
        log.warning("%s has lost records in Kafka", kafka_topic)
        if kafka_topic in self._feeds:
            self._feeds[kafka_topic].lost = True
            self.drop(kafka_topic)

    async def _follow_with(self, consumer: SessionConsumer) -> None:
        assigned: dict[TopicPartition, FeedRing] = {}
        pace, pause, look_at = Pace(), 0.0, 0.0
        self.on_records(None)  # of what came right before a failure
        while True:
            if self._changed or time.monotonic() >= look_at:
                self._changed, look_at = False, time.monotonic() + LOOK
                in_use = {feed.tp: feed for feed in self._feeds_in_use()}
                if in_use != assigned:
                    assigned = in_use
                    consumer.assign({tp: feed.end for tp, feed in in_use.items()})
            if not assigned:
                self._joined.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TRY_AGAIN if self._feeds else None):
                        await self._joined.wait()
                continue
            found = await consumer.getmany(timeout_ms=POLL_MS, max_records=5 * FETCH_RECORDS)
            if found:
                began = time.thread_time()
                number, feeds = _append(found, assigned), {tp.topic for tp in found}
                try:
                    if pause > SECOND_POLL_MS / 1000:
                        # The first poll gives what came just after the last one. What came in the pause needs another.
                        more = await consumer.getmany(timeout_ms=SECOND_POLL_MS, max_records=5 * FETCH_RECORDS)
                        number += _append(more, assigned)
                        feeds.update([tp.topic for tp in more])
                        began = time.thread_time()
                finally:
                    self.on_records(feeds)  # also when Kafka fails now, since the next records may come much later
                pause = pace.pause(number, time.thread_time() - began, time.monotonic())
                await asyncio.sleep(pause)

    def _feeds_in_use(self) -> Iterator[FeedRing]:
        """The feeds that have clients, or had one within the idle timeout. The others are dropped."""
        oldest = time.monotonic() - self._feed_idle_timeout
        for feed in list(self._feeds.values()):
            if feed.clients or feed.left_at > oldest:
                if self.past.available(feed.kafka_topic):  # Kafka's client asks without a pause for a topic that is not
                    yield feed
            else:
                self._feeds.pop(feed.kafka_topic, None)
                self._joining.pop(feed.kafka_topic, None)
                if self._feeds:
                    self._share()


def _append(found: dict[TopicPartition, list[Any]], assigned: dict[TopicPartition, FeedRing]) -> int:
    for tp, raws in found.items():
        assigned[tp].take(raws)
    return sum(map(len, found.values()))
