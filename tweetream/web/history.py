"""`GET /topics/NAME/posts` and `/stats`: a topic's older posts in pages, and its counts by minute."""

import asyncio
from typing import Any

import msgspec
from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream.app import app
from tweetream.feeds import pages
from tweetream.feeds.budget import OverBudget
from tweetream.feeds.record import EVERY_POST, FeedRecord
from tweetream.models.feed import FeedEntry, Position, rfc3339
from tweetream.topology import counts_table, now_ms, topics_table
from tweetream.web import query
from tweetream.web.feed_server import feed_server
from tweetream.web.health import require_recovered
from tweetream.web.labels import check_label
from tweetream.web.limits import over_budget
from tweetream.web.problems import Problem
from tweetream.web.responses import json_response
from tweetream.web.schemas import GapEvent, MinuteAnswer
from tweetream.web.search import archive_reads
from tweetream.web.topics import find

MAX_LAST = 1_000
MAX_MINUTES = 60
ARCHIVED = frozenset(("since", "until", "step"))  # parameters that ask for counts of the archive
PAGE_TIMEOUT = 15.0  # seconds

_entry = msgspec.json.Decoder(FeedEntry)


@app.page("/topics/{name}/posts")
class Posts(View):
    """A page of posts."""

    @override
    async def get(self, request: Any, name: str) -> web.StreamResponse:
        topic = find(name)
        generation = topic.log
        post_filter = query.post_filter(request)
        await check_label(post_filter, [topic])
        server = feed_server()
        asked = pages.PageQuery(
            number=query.whole_number(request, "last", 100, MAX_LAST, least=1),
            after=_position(request, "after", name),
            before=_position(request, "before", name),
            since=query.since(request),
            post_filter=post_filter,
            scan=server.reads.page(server.addresses.of(request), filtered=post_filter != EVERY_POST),
        )
        try:
            async with asyncio.timeout(PAGE_TIMEOUT):
                page = await pages.page(server.hub.past, topic.kafka_topic, generation, asked)
        except OverBudget as over:
            raise over_budget(over) from None
        except TimeoutError:
            raise Problem(503, "the page took too long to read", {"Retry-After": "5"}) from None
        return _answer(page, name, generation)


def _position(request: web.Request, key: str, name: str) -> Position | None:
    """The position in this topic's feed; the query may have the id of a stream of several topics."""
    text = request.query.get(key)
    if text is None:
        return None
    found = query.positions(text).get(name)
    if found is None:
        raise Problem(400, f"{key} is a position of another topic")
    return found


def _answer(page: pages.Page, name: str, generation: str) -> web.Response:
    """The page as JSON (PageAnswer). Posts are JSON already and are copied as they are."""
    prefix = f"{name}@{generation}:"
    posts = [b'%s,"position":"%s%d"}' % (r.data[:-1], prefix.encode(), r.offset) for r in page.records if _is_post(r)]
    rest: dict[str, Any] = {
        "before": None if page.before is None else f"{prefix}{page.before}",
        "after": None if page.after is None else f"{prefix}{page.after}",
    }
    if page.gap is not None:
        rest["gap"] = GapEvent(name, str(page.gap[0]), f"{prefix}{page.gap[1]}")
    body = b'{"posts":[%s],%s' % (b",".join(posts), msgspec.json.encode(rest)[1:])
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})


def _is_post(record: FeedRecord) -> bool:
    """Whether the data is a post. Others can write to Kafka too, and one bad line would break the JSON of the page."""
    try:
        _entry.decode(record.data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return record.data.endswith(b"}")


@app.page("/topics/{name}/stats")
class Stats(View):
    """Posts per minute, by label and by source; from the archive for longer times."""

    @override
    async def get(self, request: Any, name: str) -> web.StreamResponse:
        if not ARCHIVED.isdisjoint(request.query):
            query.topic_name(name)
            require_recovered()
            entry = topics_table.entry(name)
            return await archive_reads().stats(request, name, now_ms(), entry is not None and entry.alive)
        topic = find(name)
        counts = counts_table.entry(topic.kafka_topic)
        now = now_ms() // 60_000
        asked = range(now - query.whole_number(request, "minutes", MAX_MINUTES, MAX_MINUTES) + 1, now + 1)
        found = [(minute, counts.minutes.get(minute, {}), counts.sources.get(minute, {})) for minute in asked]
        return json_response([MinuteAnswer(rfc3339(minute * 60_000), *numbers) for minute, *numbers in found])
