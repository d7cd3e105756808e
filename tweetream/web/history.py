"""REST of a topic's past: its posts by pages, and its counts by minutes."""

import asyncio
from typing import Any

import msgspec
from aiohttp import web
from faust.web import View

from tweetream.app import app
from tweetream.feeds import pages
from tweetream.feeds.record import Record
from tweetream.models.feed import BadPosition, FeedEntry, Position, base36, parse_positions, rfc3339
from tweetream.topology import counts_table, now_ms
from tweetream.web.clients import hub, number, wanted, when
from tweetream.web.middleware import Problem, json_response
from tweetream.web.schemas import GapEvent, MinuteAnswer
from tweetream.web.topics import find

MAX_LAST = 1_000
MAX_MINUTES = 60
PATIENCE = 15.0  # seconds that a page may take

_entry = msgspec.json.Decoder(FeedEntry)


@app.page("/topics/{name}/posts")
class Posts(View):
    """The past of a feed."""

    async def get(self, request: Any, name: str) -> web.StreamResponse:
        topic = find(name)
        generation = base36(topic.generation)
        asked = pages.Asked(
            number=number(request, "last", 100, MAX_LAST, least=1),
            after=_position(request, "after", name),
            before=_position(request, "before", name),
            since=when(request),
            wanted=wanted(request),
        )
        try:
            async with asyncio.timeout(PATIENCE):
                page = await pages.page(hub, topic.kafka_topic, generation, asked)
        except TimeoutError:
            raise Problem(503, "the page takes too long", {"Retry-After": "5"}) from None
        return _answer(page, name, generation)


def _position(request: web.Request, key: str, name: str) -> Position | None:
    """The position of this topic; it may be one of several in the id of a stream's event."""
    text = request.query.get(key)
    if text is None:
        return None
    try:
        found = parse_positions(text).get(name)
    except BadPosition as error:
        raise Problem(400, str(error)) from None
    if found is None:
        raise Problem(400, f"{key} is a position of another topic")
    return found


def _answer(page: pages.Page, name: str, generation: str) -> web.Response:
    """The page as JSON (PageAnswer): posts are copied as they are, since they are JSON already."""
    place = f"{name}@{generation}:"
    posts = [b'%s,"position":"%s%d"}' % (r.data[:-1], place.encode(), r.offset) for r in page.records if _is_post(r)]
    rest: dict[str, Any] = {
        "before": None if page.before is None else f"{place}{page.before}",
        "after": None if page.after is None else f"{place}{page.after}",
    }
    if page.gap is not None:
        rest["gap"] = GapEvent(name, str(page.gap[0]), f"{place}{page.gap[1]}")
    body = b'{"posts":[%s],%s' % (b",".join(posts), msgspec.json.encode(rest)[1:])
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})


def _is_post(record: Record) -> bool:
    """Others can write to Kafka too; one line that is no JSON would spoil the whole page."""
    try:
        _entry.decode(record.data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return record.data.endswith(b"}")


@app.page("/topics/{name}/stats")
class Stats(View):
    """Posts a minute, by label and by source."""

    async def get(self, request: Any, name: str) -> web.StreamResponse:
        topic = find(name)
        counts = counts_table.entry(topic.kafka_topic)
        now = now_ms() // 60_000
        asked = range(now - number(request, "minutes", MAX_MINUTES, MAX_MINUTES) + 1, now + 1)
        found = [(minute, counts.minutes.get(minute, {}), counts.sources.get(minute, {})) for minute in asked]
        return json_response([MinuteAnswer(rfc3339(minute * 60_000), *numbers) for minute, *numbers in found])
