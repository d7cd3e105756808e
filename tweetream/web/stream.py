"""One client's stream: its beginning, the past it asked for, and its end; the present it gets from `live`.

An event is encoded once, by classification; here it only gets its `id`, which covers all topics of the stream.
Comments and `retry` end in one LF: some clients make an empty event of every blank line.
"""

import asyncio
import contextlib
import random
import socket

import msgspec
from aiohttp import web

from tweetream import metrics
from tweetream.app import app, settings
from tweetream.feeds.cursor import Cursor, Gap
from tweetream.feeds.record import Filter
from tweetream.feeds.subscription import Subscription, retracted_frames
from tweetream.models.feed import Position, base36
from tweetream.models.topic import Topic
from tweetream.topology import topics
from tweetream.web.clients import hub
from tweetream.web.fanout import FULL, FanOut, Subscriber, last_id

PIECE = 256 * 1024  # bytes of the past that are written at once
UNSENT = 128 * 1024  # bytes that the system may hold unsent for a client, besides what is on its way
GONE = 60.0  # seconds after which a client that acknowledges nothing is no more

live = FanOut()
closing = asyncio.Event()
hub.on_records = live.flush


class Asked(msgspec.Struct):
    """What a request for a stream asks for."""

    positions: dict[str, Position] | None
    since: int | None
    last: int | None
    wanted: Filter


class Stream:
    """One client, from its first byte to its last."""

    def __init__(self, request: web.Request, response: web.StreamResponse, asked: Asked) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        _bind(transport.get_extra_info("socket"))
        self.client = Subscriber(transport, chunked=request.version >= (1, 1))
        self._task = asyncio.current_task()
        self._response = response
        self._asked = asked
        self._place = Subscription(asked.wanted)
        self._version = -1

    async def run(self, found: dict[str, Topic | None]) -> None:
        """Serve until the client goes, the worker closes or every topic is deleted."""
        async with contextlib.AsyncExitStack() as stack:
            await self._response.write(b": live\nretry: %d\n" % random.randint(1500, 4000))  # the headers with it
            stack.enter_context(live.alive(self.client))
            for name, topic in found.items():
                if topic is None or not topic.alive:
                    await self._write(_event("deleted", {"topic": name}))
                else:
                    await self._open(stack, topic)
            while not closing.is_set():
                self.client.more.clear()
                await self._drop_deleted()
                if not self._place.cursors:
                    return
                if self._place.caught_up and self._place.ringed:
                    await self._follow()
                else:
                    await self._catch_up()

    def end(self) -> None:
        """End now, between two events: what a client has not taken by then it gets when it comes again."""
        with contextlib.suppress(ConnectionResetError):
            if self.client.waiting:
                self.client.cut()  # else the answer's end would wait for it
        if self._task is not None:
            self._task.cancel()

    async def _open(self, stack: contextlib.AsyncExitStack, topic: Topic) -> None:
        feed = await stack.enter_async_context(hub.follow(topic.kafka_topic, self.client.more))
        generation = base36(topic.generation)
        cursor = Cursor(hub, feed, topic.name, generation, None)  # now, before anything comes while Kafka is asked
        at, gap = await self._start(topic, generation)
        if at is not None:
            cursor = Cursor(hub, feed, topic.name, generation, at)
        self._place.cursors.append(cursor)
        gap = await cursor.check() or gap
        if gap is not None:
            await self._write(_gap(gap))
        given = (self._asked.positions or {}).get(topic.name)
        if given is not None and given.generation == generation:
            missed = retracted_frames(topic.name, await cursor.missed(given.offset))
            if missed:
                await self._write(b"".join(missed))

    async def _start(self, topic: Topic, generation: str) -> tuple[int | None, Gap | None]:
        """Where to begin: the offset (None: from now on), and the gap before it."""
        asked = self._asked
        if asked.positions is not None:
            given = asked.positions.get(topic.name)
            if given is None:  # a stream's id leaves out what had no record yet
                return 0, None
            if given.generation != generation:
                return 0, Gap(topic.name, given, Position(topic.name, generation, 0))
            return given.offset + 1, None
        if asked.since is not None:
            return await hub.offset_of_time(topic.kafka_topic, asked.since), None
        if asked.last:
            records = await hub.last(topic.kafka_topic, asked.last, asked.wanted)
            return (records[0].offset if records else None), None
        return None, None

    async def _catch_up(self) -> None:
        """Send what is there, in pieces, as fast as the client takes it."""
        await self._taken()  # so that nothing is made for a client that does not read
        frames = await self._place.next()
        waiting, size = [], 0
        for number, event in enumerate(frames, 1):
            waiting.append(event)
            size += len(event)
            if size >= PIECE or number == len(frames):
                await self._write(b"".join(waiting))
                metrics.sse_sent.inc(len(waiting))
                waiting, size = [], 0
        if frames:
            self.client.told_id = last_id(frames) or self.client.told_id
        elif self._place.filtered:
            self.client.show_life(self._place.id.encode(), asyncio.get_running_loop().time())
        await asyncio.sleep(0)  # the past may all be in memory, and others want their turn

    async def _follow(self) -> None:
        """Have what comes sent by `live`, until there is something to do that it does not do."""
        await self._taken()
        if not live.join(self.client, self._place):
            return
        try:
            await self.client.more.wait()
        finally:
            self._place.move(live.leave(self.client))

    async def _drop_deleted(self) -> None:
        if topics.version == self._version:
            return
        self._version = topics.version
        for cursor in list(self._place.cursors):
            topic = topics.entry(cursor.name)
            if topic is None or not topic.alive or topic.kafka_topic != cursor.kafka_topic:
                self._place.cursors.remove(cursor)
                await self._write(_event("deleted", {"topic": cursor.name}))

    async def _write(self, data: bytes) -> None:
        await self._taken()
        self.client.send(data, asyncio.get_running_loop().time())

    async def _taken(self) -> None:
        """Wait until the client has taken what was sent; one that does not read is cut off. It can resume."""
        loop = asyncio.get_running_loop()
        until, most = (
            loop.time() + settings.slow_client_timeout,
            self._place.appended() + settings.slow_client_max_bytes,
        )
        pause = 0.005
        while self.client.waiting > FULL:
            if loop.time() > until:
                self._cut("time")
            if self._place.appended() > most:
                self._cut("bytes")
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.1)

    def _cut(self, reason: str) -> None:
        metrics.sse_dropped.labels(reason).inc()
        self.client.cut()
        raise ConnectionResetError("the client does not read")


def _bind(connection: socket.socket) -> None:
    """Bound what the system holds for a client that does not read, where it can (Linux; macOS in part)."""
    gone = max(GONE, settings.slow_client_timeout + 1)  # to the system, one that does not read is gone too
    for name, value in (("TCP_NOTSENT_LOWAT", UNSENT), ("TCP_USER_TIMEOUT", min(round(1000 * gone), 2**31 - 1))):
        option = getattr(socket, name, None)
        if option is not None and connection is not None:
            with contextlib.suppress(OSError):  # a system that knows the name alone
                connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _event(name: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))


def _gap(gap: Gap) -> bytes:
    return _event("gap", {"topic": gap.topic, "from": str(gap.start), "to": str(gap.end)})


@app.before
async def _start() -> None:
    await live.start()


app.after(live.stop)
