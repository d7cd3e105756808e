"""`GET /feeds/NAMES`: opens a stream of one or more topics (Server-Sent Events)."""

import contextlib
from typing import Any

from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream.app import app, settings
from tweetream.feeds.budget import OverBudget
from tweetream.feeds.record import EVERY_POST
from tweetream.models.topic import Topic
from tweetream.topology import topics_table
from tweetream.web import query
from tweetream.web.feed_server import FeedServer, feed_server
from tweetream.web.health import require_recovered
from tweetream.web.history import MAX_LAST
from tweetream.web.labels import check_label
from tweetream.web.limits import over_budget
from tweetream.web.middleware import common_headers
from tweetream.web.problems import Problem
from tweetream.web.stream import StreamQuery

MAX_TOPICS = 20


@app.page("/feeds/{names}")
class FeedStream(View):
    """GET is the stream, HEAD its headers alone."""

    @override
    async def get(self, request: Any, names: str) -> web.StreamResponse:
        asked = _stream_query(request)
        found = _find(names, asked)
        if not any(topic and topic.alive for topic in found.values()):
            return web.Response(status=204)
        await check_label(asked.post_filter, found.values())
        server = feed_server()
        _check_budget(server, request, asked)
        with server.limits.slot(server.addresses.of(request)):
            response = web.StreamResponse(headers=_headers(request))
            if request.version < (1, 1):
                response.force_close()  # only the end of the connection ends a stream there, also with keep-alive
            with contextlib.suppress(ConnectionError):  # the client has gone before its stream began
                await response.prepare(request)
                await server.serve(request, response, asked, found)
        return response

    @override
    async def head(self, request: Any, names: str) -> web.StreamResponse:
        asked = _stream_query(request)
        found = _find(names, asked)
        if not any(topic and topic.alive for topic in found.values()):
            return web.Response(status=204)
        await check_label(asked.post_filter, found.values())
        server = feed_server()
        server.limits.check(server.addresses.of(request))
        return web.Response(headers=_headers(request))


def _check_budget(server: FeedServer, request: web.Request, asked: StreamQuery) -> None:
    """Refuse a search of the past to a client over its budget. A stream that resumes is only slowed down."""
    if asked.post_filter != EVERY_POST and asked.positions is None and (asked.last or asked.since is not None):
        try:
            server.reads.scan(server.addresses.of(request), filtered=True).begin()
        except OverBudget as over:
            raise over_budget(over) from None


def _headers(request: web.Request) -> dict[str, str]:
    return {
        **common_headers(request, settings),
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }


def _stream_query(request: web.Request) -> StreamQuery:
    """The request's query. The header beats the query, a position beats `since`, `since` beats `last`."""
    id = request.headers.get("Last-Event-ID") or request.query.get("last_event_id")
    positions = query.positions(id) if id else None
    last = query.whole_number(request, "last", 0, MAX_LAST)
    return StreamQuery(positions, query.since(request), last, query.post_filter(request))


def _find(names: str, asked: StreamQuery) -> dict[str, Topic | None]:
    """The topics of a stream, else a Problem. A deleted topic is a tombstone, or None if only a position names it."""
    if names.count(",") >= MAX_TOPICS:
        raise Problem(400, f"a stream has at most {MAX_TOPICS} topics")
    unique = [query.topic_name(name) for name in dict.fromkeys(names.split(","))]
    require_recovered()
    found = {name: topics_table.entry(name) for name in unique}
    for name, topic in found.items():
        if topic is None and name not in (asked.positions or {}):
            raise Problem(404, f"there is no topic {name}")
    return found
