"""Server-Sent Events: `GET /feeds/…`, and how all streams of a worker begin and end.

What a request asks for, the limits, and the end of every stream when the worker stops; `stream` has the life of one.
"""

import asyncio
import contextlib
from typing import Any

from aiohttp import web
from aiokafka.errors import KafkaError
from faust.web import View

from tweetream import metrics
from tweetream.app import app, settings
from tweetream.models.feed import BadPosition, parse_positions
from tweetream.models.topic import BadTopic, Topic, check_name
from tweetream.topology import feed_name, recovered, topics
from tweetream.web.clients import hub, number, wanted, when
from tweetream.web.history import MAX_LAST
from tweetream.web.limits import Clients, Limits, raise_open_files
from tweetream.web.middleware import Problem, common_headers
from tweetream.web.stream import Asked, Stream, closing

MAX_TOPICS = 20

_clients = Clients(settings.trusted_proxies)
_limits = Limits(settings.max_streams, settings.max_streams_per_address)
_streams: set[Stream] = set()


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
            if request.version < (1, 1):
                response.force_close()  # the connection's end is the stream's end there, also if it asks for keep-alive
            with contextlib.suppress(ConnectionError):  # the client has gone before its stream began
                await response.prepare(request)
                await _serve(Stream(request, response, asked), found)
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
        if not closing.is_set():
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


@app.timer(0.25)
async def _let_go() -> None:
    """Streams and readers of deleted topics let go at once, before Kafka's own topic goes."""
    for kafka_topic in hub.followed():
        topic = topics.entry(feed_name(kafka_topic).topic)
        if topic is None or not topic.alive or topic.kafka_topic != kafka_topic:
            hub.drop(kafka_topic)


@app.closing
async def shut_streams() -> None:
    """End every stream at an event's end; with one open, aiohttp would wait for minutes."""
    closing.set()
    for stream in list(_streams):
        stream.client.more.set()
    for _ in range(50):
        if not _streams:
            return
        await asyncio.sleep(0.01)
    for stream in list(_streams):  # those that wait for Kafka or for a client that does not read
        stream.end()
