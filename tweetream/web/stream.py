"""A stream: one client's open response, from its first byte to its last.

The stream's own task sends the past that the client asked for. When the client has caught up, the fan-out sends it
what is new, and the task sleeps.
"""

import asyncio
import contextlib
import random
import socket

import msgspec
from aiohttp import web

from tweetream import metrics
from tweetream.feeds.budget import Scan
from tweetream.feeds.cursor import Cursor, Gap
from tweetream.feeds.hub import Hub
from tweetream.feeds.record import Filter, Stamps
from tweetream.feeds.ring import FeedRing
from tweetream.feeds.subscription import Subscription
from tweetream.models.feed import Position
from tweetream.models.topic import Topic
from tweetream.settings import Settings
from tweetream.topology import topics_table
from tweetream.web import events
from tweetream.web.fanout import MAX_BUFFERED, FanOut, Subscriber

SMALL = 2_000  # posts with which a stream may begin at once, whatever its address has read before
WRITE_BYTES = 256 * 1024  # of the past that are written at once
MAX_UNSENT = 128 * 1024  # bytes that the system may hold unsent for a client, besides those on the network
UNBOUNDED = 1 << 40  # bytes after which aiohttp waits for the client, and the connection's limit for reading begins
ACK_TIMEOUT = 60.0  # seconds after which the system closes the connection of a client that acknowledges nothing


class StreamQuery(msgspec.Struct):
    """Where a requested stream begins, and which posts it has."""

    positions: dict[str, Position] | None
    since: int | None
    last: int | None
    post_filter: Filter


class Stream:
    """One client's stream."""

    def __init__(
        self,
        hub: Hub,
        fan_out: FanOut,
        settings: Settings,
        request: web.Request,
        response: web.StreamResponse,
        query: StreamQuery,
        scan: Scan | None = None,
    ) -> None:
        """`scan` is what the stream may read of the past; None: all of it, as fast as it can."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        transport.set_write_buffer_limits(high=UNBOUNDED)  # `_drain` has limits of its own
        _limit_socket(transport.get_extra_info("socket"), settings.slow_client_timeout)
        self._hub = hub
        self._fan_out = fan_out
        self._settings = settings
        self._client = Subscriber(transport, chunked=request.version >= (1, 1))
        self._task = asyncio.current_task()
        self._response = response
        self._query = query
        self._scan = scan
        self._subscription = Subscription(query.post_filter)
        self._topics_version = -1
        self._finishing = False
        self._beginning = True  # whether the client has not caught up yet
        self._unreadable: list[str] = []  # Kafka topics of the stream that Kafka could not read when it began

    async def run(self, found: dict[str, Topic | None]) -> None:
        """Serve until the client goes, `finish` is called or every topic is deleted."""
        async with contextlib.AsyncExitStack() as stack:
            await self._response.write(events.opening(random.randint(1500, 4000)))  # the headers go out with it
            stack.enter_context(self._fan_out.heartbeats(self._client))
            for name, topic in found.items():
                if topic is None or not topic.alive:
                    await self._write(events.deleted(name))
                else:
                    await self._open(stack, topic)
            await self._tell_position()
            while not self._finishing:
                self._client.wake.clear()
                await self._drop_deleted()
                if not self._subscription.cursors:
                    return
                if self._subscription.caught_up and self._subscription.ringed:
                    await self._follow()
                else:
                    await self._catch_up()

    def finish(self) -> None:
        """End after the current event."""
        self._finishing = True
        self._client.wake.set()

    def finish_if_readable(self) -> None:
        """Finish if a feed can be read that could not be: the client resumes with the positions that it has."""
        if any(map(self._hub.past.available, self._unreadable)):
            self.finish()

    def end(self) -> None:
        """End now, between two events. The client can resume and get what it has not taken."""
        with contextlib.suppress(ConnectionResetError):
            if self._client.buffered:
                self._client.abort()  # else the end of the response would wait for the client
        if self._task is not None:
            self._task.cancel()

    async def _open(self, stack: contextlib.AsyncExitStack, topic: Topic) -> None:
        if not self._hub.past.available(topic.kafka_topic):
            return self._stand_in(topic)
        feed = await stack.enter_async_context(self._hub.follow(topic.kafka_topic, self._client.wake, self._scan))
        generation = topic.log
        # Made now: records may come while Kafka is asked where to begin.
        cursor = Cursor(self._hub.past, feed, topic.name, generation, None, self._scan)
        at, gap = await self._begin(topic, generation)
        if at is not None:
            cursor = Cursor(self._hub.past, feed, topic.name, generation, at, self._scan)
        self._subscription.cursors.append(cursor)
        gap = await cursor.check() or gap
        if gap is not None:
            await self._write(events.gap(gap))
        given = (self._query.positions or {}).get(topic.name)
        if given is not None and given.generation == generation and given.offset >= 0:
            missed = events.retracted(topic.name, await cursor.missed_retractions(given.offset))
            if missed:
                await self._write(b"".join(missed))

    def _stand_in(self, topic: Topic) -> None:
        """Take a feed that Kafka cannot read now as one without new records, so that it holds no other feed."""
        given = (self._query.positions or {}).get(topic.name) or Position(topic.name, topic.log, -1)
        feed = FeedRing(topic.kafka_topic, given.offset + 1, Stamps())
        cursor = Cursor(self._hub.past, feed, topic.name, given.generation, given.offset + 1)
        self._subscription.cursors.append(cursor)
        self._unreadable.append(topic.kafka_topic)

    async def _begin(self, topic: Topic, generation: str) -> tuple[int | None, Gap | None]:
        """Where to begin: the offset (None: with the next record), and the gap before it."""
        query = self._query
        if query.positions is not None:
            given = query.positions.get(topic.name)
            if given is None:  # an id leaves out the feeds that had no record yet
                return 0, None
            if given.generation != generation:
                return 0, Gap(topic.name, given, Position(topic.name, generation, 0))
            return given.offset + 1, None
        if query.since is not None:
            return await self._hub.past.offset_of_time(topic.kafka_topic, query.since, self._scan), None
        if query.last:
            records = await self._hub.past.last(topic.kafka_topic, query.last, query.post_filter, self._scan)
            return (records[0].offset if records else None), None
        return None, None

    async def _tell_position(self) -> None:
        """Send the stream's position: a client that is cut off before the first post must not miss any."""
        if self._subscription.cursors:
            id = events.id_of(self._subscription.positions())
            await self._write(events.position(id))
            self._client.sent_id = id

    async def _catch_up(self) -> None:
        """Send the next records that are there, as fast as the client takes them."""
        await self._drain()  # first, so that nothing is made for a client that does not read
        paced = self._beginning and not self._is_small()
        if self._scan is not None and (paced or not self._subscription.ringed) and (wait := self._scan.wait):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._client.wake.wait()
        found = events.deliveries(await self._subscription.next())
        if self._scan is not None and self._beginning:
            self._scan.spend_ringed(len(found))
        waiting, size = [], 0
        for number, event in enumerate(found, 1):
            waiting.append(event)
            size += len(event)
            if size >= WRITE_BYTES or number == len(found):
                await self._write(b"".join(waiting))
                metrics.sse_sent.inc(len(waiting))
                waiting, size = [], 0
        if found:
            self._client.sent_id = events.last_id(found) or self._client.sent_id
        elif self._subscription.filtered:
            id = events.id_of(self._subscription.positions())
            self._client.keep_alive(id, asyncio.get_running_loop().time())
        await asyncio.sleep(0)  # all of the past may be in memory, and other tasks need their turn

    def _is_small(self) -> bool:
        """Whether the stream begins with few posts."""
        query = self._query
        return (
            query.positions is None
            and query.since is None
            and (query.last or 0) * len(self._subscription.cursors) <= SMALL
        )

    async def _follow(self) -> None:
        """Let the fan-out send what is new, until it leaves something to this task."""
        await self._drain()
        if not self._fan_out.join(self._client, self._subscription):
            return
        self._beginning = False
        try:
            await self._client.wake.wait()
        finally:
            self._subscription.move(self._fan_out.leave(self._client))

    async def _drop_deleted(self) -> None:
        if topics_table.version == self._topics_version:
            return
        self._topics_version = topics_table.version
        for cursor in list(self._subscription.cursors):
            topic = topics_table.entry(cursor.name)
            if topic is None or not topic.alive or topic.kafka_topic != cursor.kafka_topic:
                self._subscription.cursors.remove(cursor)
                await self._write(events.deleted(cursor.name))

    async def _write(self, data: bytes) -> None:
        await self._drain()
        self._client.send(data, asyncio.get_running_loop().time())

    async def _drain(self) -> None:
        """Wait until the client has taken what was sent. A client that does not read is cut off; it can resume."""
        loop, settings, subscription = asyncio.get_running_loop(), self._settings, self._subscription
        deadline = loop.time() + settings.slow_client_timeout
        max_appended = subscription.appended() + settings.slow_client_max_bytes
        pause = 0.005
        while self._client.buffered > MAX_BUFFERED:
            if loop.time() > deadline:
                self._cut_off("time")
            if subscription.appended() > max_appended:
                self._cut_off("bytes")
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.1)

    def _cut_off(self, reason: str) -> None:
        metrics.sse_dropped.labels(reason).inc()
        self._client.abort()
        raise ConnectionResetError("the client does not read")


def _limit_socket(connection: socket.socket, slow_client_timeout: float) -> None:
    """Limit what the system holds for a client that does not read, where it can (Linux; macOS in part)."""
    timeout = max(ACK_TIMEOUT, slow_client_timeout + 1)  # the system must not cut a slow client off before we do
    options = (("TCP_NOTSENT_LOWAT", MAX_UNSENT), ("TCP_USER_TIMEOUT", min(round(1000 * timeout), 2**31 - 1)))
    for name, value in options:
        option = getattr(socket, name, None)
        if option is not None and connection is not None:
            with contextlib.suppress(OSError):  # some systems have the name of an option and not the option
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
