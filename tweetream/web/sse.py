"""Server-Sent Events: the posts of one topic or several on one stream, as they come, resumable at every event.

An event is encoded once, by classification; here it only gets its `id`, which covers all topics of the
stream. Comments and `retry` end in one LF: some clients make an empty event of every blank line.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from aiohttp import web
from aiokafka.errors import KafkaError
from faust.web import View

from tweetream import metrics
from tweetream.app import app, settings
from tweetream.cursor import Cursor, Gap
from tweetream.feeds import EVERY_POST, Filter, Record
from tweetream.models.feed import BadPosition, Position, base36, parse_positions
from tweetream.models.topic import BadTopic, Topic, check_name
from tweetream.streams import recovered, topic_of, topics
from tweetream.web.clients import hub, number, wanted, when
from tweetream.web.history import MAX_LAST
from tweetream.web.limits import Clients, Limits, raise_open_files
from tweetream.web.middleware import Problem, common_headers

MAX_TOPICS = 20
HEARTBEAT = 15.0
STUCK = 30.0  # seconds that a client may not read before it is cut off; it can resume
TELL_POSITION = 5.0  # seconds without an event after which a filtered stream is told where it is

_clients = Clients(settings.trusted_proxies)
_limits = Limits(settings.max_streams, settings.max_streams_per_address)
_streams: set["Stream"] = set()
_closing = asyncio.Event()


class Asked(msgspec.Struct):
    """What a request for a stream asks for."""

    positions: dict[str, Position] | None
    since: int | None
    last: int | None
    wanted: Filter


class Stream:
    """One client: its cursors, and the order of its events."""

    def __init__(self, response: web.StreamResponse, asked: Asked) -> None:
        self.more = asyncio.Event()
        self.task = asyncio.current_task()
        self._response = response
        self._asked = asked
        self._cursors: list[Cursor] = []
        self._told = asyncio.get_running_loop().time()
        self._last_id = ""  # what the client was told last
        self._version = -1

    async def run(self, found: dict[str, Topic | None]) -> None:
        """Serve until the client goes, the worker closes or every topic is deleted."""
        async with contextlib.AsyncExitStack() as stack:
            opening = b": live\nretry: %d\n" % random.randint(1500, 4000)
            await self._write(opening)
            for name, topic in found.items():
                if topic is None or not topic.alive:
                    await self._write(_event("deleted", {"topic": name}))
                else:
                    await self._open(stack, topic)
            while not _closing.is_set():
                self.more.clear()
                await self._drop_deleted()
                if not self._cursors:
                    return
                before = [cursor.at for cursor in self._cursors]
                data = b"".join([piece async for piece in self._pieces()])
                if data:
                    await self._write(data)
                elif self._must_tell():
                    self._last_id = self._id()
                    await self._write(b"id: %s\n%s" % (self._last_id.encode(), _event("position", {})))
                elif before == [cursor.at for cursor in self._cursors]:  # else it passed over what nobody wants
                    await self._idle()

    async def _open(self, stack: contextlib.AsyncExitStack, topic: Topic) -> None:
        feed = await stack.enter_async_context(hub.follow(topic.kafka_topic, self.more))
        generation = base36(topic.generation)
        at, gap = await self._start(topic, generation)
        cursor = Cursor(hub, feed, topic.name, generation, at)
        self._cursors.append(cursor)
        gap = await cursor.check() or gap
        if gap is not None:
            await self._write(_gap(gap))

    async def _start(self, topic: Topic, generation: str) -> tuple[int | None, Gap | None]:
        """Where to begin: the offset (None: from now on), and the gap before it."""
        asked = self._asked
        if asked.positions is not None:
            position = asked.positions.get(topic.name)
            if position is None:  # a stream's id leaves out what had no record yet
                return 0, None
            if position.generation != generation:
                return 0, Gap(topic.name, position, Position(topic.name, generation, 0))
            return position.offset + 1, None
        if asked.since is not None:
            return await hub.offset_of_time(topic.kafka_topic, asked.since), None
        if asked.last:
            records = await hub.last(topic.kafka_topic, asked.last, asked.wanted)
            return (records[0].offset if records else None), None
        return None, None

    async def _pieces(self) -> AsyncIterator[bytes]:
        for cursor in self._cursors:
            for record in await cursor.next():
                if self._asked.wanted.passes(record):
                    yield self._frame(cursor, record)

    def _frame(self, cursor: Cursor, record: Record) -> bytes:
        self._last_id = self._id(cursor, record.offset)
        return b"id: %s\ndata: %s\n\n" % (self._last_id.encode(), record.data)

    def _id(self, moving: Cursor | None = None, offset: int = 0) -> str:
        """The position of the whole stream, `moving` being at `offset`."""
        parts = []
        for cursor in self._cursors:
            if cursor is moving:
                parts.append(f"{cursor.name}@{cursor.generation}:{offset}")
            elif cursor.position is not None:
                parts.append(str(cursor.position))
        return ",".join(parts)

    def _must_tell(self) -> bool:
        """Whether a filtered stream has moved on and its client, having got nothing for a while, cannot know."""
        silent = asyncio.get_running_loop().time() - self._told > TELL_POSITION
        return silent and self._asked.wanted != EVERY_POST and self._id() != self._last_id

    async def _idle(self) -> None:
        """Nothing to send: wait for more, and show now and then that the stream is alive."""
        wait = TELL_POSITION if self._asked.wanted != EVERY_POST else HEARTBEAT
        try:
            async with asyncio.timeout(wait):
                await self.more.wait()
        except TimeoutError:
            if asyncio.get_running_loop().time() - self._told >= HEARTBEAT:
                await self._write(b":\n")

    async def _drop_deleted(self) -> None:
        if topics.version == self._version:
            return
        self._version = topics.version
        for cursor in list(self._cursors):
            topic = topics.entry(cursor.name)
            if topic is None or not topic.alive or topic.kafka_topic != cursor.kafka_topic:
                self._cursors.remove(cursor)
                await self._write(_event("deleted", {"topic": cursor.name}))

    async def _write(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(STUCK):
                await self._response.write(data)
        except TimeoutError:
            metrics.sse_dropped.labels("stuck").inc()
            raise ConnectionResetError("the client does not read") from None
        self._told = asyncio.get_running_loop().time()


def _event(name: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))


def _gap(gap: Gap) -> bytes:
    return _event("gap", {"topic": gap.topic, "from": str(gap.start), "to": str(gap.end)})


@app.page("/feeds/{names}")
class Feeds(View):
    """GET is the stream, HEAD its headers alone."""

    async def get(self, request: Any, names: str) -> web.StreamResponse:
        asked = _asked(request)
        found = _find(names, asked)
        if not any(topic and topic.alive for topic in found.values()):
            return web.Response(status=204)
        with _limits.place(_clients.of(request)):
            response = web.StreamResponse(headers=_headers(request))
            await response.prepare(request)
            await _serve(Stream(response, asked), found)
        return response

    async def head(self, request: Any, names: str) -> web.StreamResponse:
        found = _find(names, _asked(request))
        if not any(topic and topic.alive for topic in found.values()):
            return web.Response(status=204)
        _limits.check(_clients.of(request))
        return web.Response(headers=_headers(request))


async def _serve(stream: Stream, found: dict[str, Topic | None]) -> None:
    """Run the stream until it ends, whatever ends it."""
    _streams.add(stream)
    metrics.sse_clients.inc()
    try:
        await stream.run(found)
    except (ConnectionError, KafkaError):
        pass  # the client went, or will come again when Kafka is back
    except asyncio.CancelledError:
        if not _closing.is_set():
            raise
    finally:
        _streams.discard(stream)
        metrics.sse_clients.dec()


def _headers(request: web.Request) -> dict[str, str]:
    return {
        **common_headers(request, settings),
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }


def _asked(request: web.Request) -> Asked:
    """What the request asks for; the header beats the query, a position beats `since`, `since` beats `last`."""
    place = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
    try:
        positions = parse_positions(place) if place else None
    except BadPosition as error:
        raise Problem(400, str(error)) from None
    last = number(request, "last", 0, MAX_LAST)
    return Asked(positions, when(request), last, wanted(request))


def _find(names: str, asked: Asked) -> dict[str, Topic | None]:
    """The topics (or tombstones, or None for what a position says was there) of a stream; else a Problem."""
    wanted = list(dict.fromkeys(names.split(",")))
    if names.count(",") >= MAX_TOPICS:
        raise Problem(400, f"a stream has at most {MAX_TOPICS} topics")
    try:
        for name in wanted:
            check_name(name)
    except BadTopic as error:
        raise Problem(400, str(error)) from None
    if not recovered():
        raise Problem(503, "the worker is starting", {"Retry-After": "1"})
    found = {name: topics.entry(name) for name in wanted}
    for name, topic in found.items():
        if topic is None and name not in (asked.positions or {}):
            raise Problem(404, f"there is no topic {name}")
    return found


@app.before
async def _room_for_all() -> None:
    raise_open_files(settings.max_streams)


@app.timer(0.1)
async def _let_go() -> None:
    """Streams and readers of deleted topics let go at once, before Kafka's own topic goes."""
    for kafka_topic in hub.followed():
        topic = topics.entry(topic_of(kafka_topic))
        if topic is None or not topic.alive or topic.kafka_topic != kafka_topic:
            hub.drop(kafka_topic)


@app.closing
async def shut_streams() -> None:
    """End every stream at an event's end; with one open, aiohttp would wait for minutes."""
    _closing.set()
    for stream in list(_streams):
        stream.more.set()
    for _ in range(50):
        if not _streams:
            return
        await asyncio.sleep(0.01)
    for stream in list(_streams):  # those that wait for Kafka or for a client that does not read
        if stream.task is not None:
            stream.task.cancel()
