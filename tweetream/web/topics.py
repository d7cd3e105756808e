"""REST of topics: list, add, delete, their past posts and their counts.

A change is a command in Kafka; the answer waits until this worker's own table has it, so that what was
answered can be read here at once.
"""

import asyncio
from typing import Any

import msgspec
from aiohttp import web
from faust.web import View

from tweetream.app import app
from tweetream.matching import normalise_track
from tweetream.models import codec
from tweetream.models.feed import base36, rfc3339
from tweetream.models.topic import BadTopic, Command, Topic, check_name
from tweetream.streams import COMMANDS, now_ms, outbox, recovered, tallies, topics
from tweetream.web.clients import hub, number, when
from tweetream.web.middleware import Problem, json_response, may_change

WAIT = 15.0  # seconds that a change may take until it is here
MAX_LAST = 1_000


class TopicBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /topics."""

    name: str
    track: list[str] | None = None


def shown(topic: Topic) -> dict[str, Any]:
    """A topic as the interface has it."""
    return {
        "name": topic.name,
        "track": list(topic.track),
        "created_at": rfc3339(topic.created_at),
        "kafka_topic": topic.kafka_topic,
        "posts": tallies.entry(topic.kafka_topic).labels,
    }


def find(name: str) -> Topic:
    """The active topic of that name; else a Problem."""
    try:
        check_name(name)
    except BadTopic as error:
        raise Problem(400, str(error)) from None
    if not recovered():
        raise Problem(503, "the worker is starting", {"Retry-After": "1"})
    topic = topics.entry(name)
    if topic is None or not topic.alive:
        raise Problem(404, f"there is no topic {name}")
    return topic


async def command(request: Command) -> int:
    """Send a command and wait until this worker's table has it. Returns its offset; a Problem if time runs out."""
    try:
        async with asyncio.timeout(WAIT):
            offset: int = (await outbox.send(COMMANDS, 0, codec.encode(request))).offset
            while topics.applied < offset:
                await asyncio.sleep(0.01)
            return offset
    except TimeoutError:
        raise Problem(503, "nothing came of it in time; it may still happen", {"Retry-After": "5"}) from None


@app.page("/topics")
class Topics(View):
    """List and add."""

    async def get(self, request: Any) -> web.StreamResponse:
        if not recovered():
            raise Problem(503, "the worker is starting", {"Retry-After": "1"})
        return json_response([shown(topic) for topic in topics.alive()])

    async def post(self, request: Any) -> web.StreamResponse:
        may_change(request)
        name, track = _topic(await request.read())
        offset = await command(Command("add", name, track))
        topic = topics.entry(name)
        if topic is None or not topic.alive:
            raise Problem(503, "another command deleted it at once", {"Retry-After": "1"})
        if topic.command == offset:
            return json_response(shown(topic), 201, {"Location": f"/topics/{name}"})
        if set(topic.track) != set(track):
            raise Problem(409, f"topic {name} is there with another track: {', '.join(topic.track)}")
        return json_response(shown(topic))


def _topic(body: bytes) -> tuple[str, tuple[str, ...]]:
    try:
        given = msgspec.json.decode(body, type=TopicBody)
        name = check_name(given.name)
        return name, normalise_track([name] if given.track is None else given.track)
    except (msgspec.DecodeError, UnicodeDecodeError, BadTopic) as error:
        raise Problem(400, str(error)) from None


@app.page("/topics/{name}")
class OneTopic(View):
    """Show and delete."""

    async def get(self, request: Any, name: str) -> web.StreamResponse:
        return json_response(shown(find(name)))

    async def delete(self, request: Any, name: str) -> web.StreamResponse:
        may_change(request)
        find(name)
        offset = await command(Command("delete", name))
        entry = topics.entry(name)
        if entry is None or entry.command != offset:
            raise Problem(404, f"there is no topic {name}")
        return web.Response(status=204)


@app.page("/topics/{name}/posts")
class Posts(View):
    """The past of a feed."""

    async def get(self, request: Any, name: str) -> web.StreamResponse:
        topic = find(name)
        last = number(request, "last", 100, MAX_LAST)
        label = request.query.get("label")
        since = when(request)
        records = await hub.last(topic.kafka_topic, last, label)
        if since is not None:
            records = [record for record in records if record.timestamp >= since]
        place = f"{name}@{base36(topic.generation)}"
        posts = [b'%s,"position":"%s:%d"}' % (r.data[:-1], place.encode(), r.offset) for r in records]
        ends = [f'"{place}:{record.offset}"' for record in (records[:1] + records[-1:])] or ["null", "null"]
        body = b'{"posts":[%s],"before":%s,"after":%s}' % (b",".join(posts), ends[0].encode(), ends[-1].encode())
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})


@app.page("/topics/{name}/stats")
class Stats(View):
    """Posts a minute, by label."""

    async def get(self, request: Any, name: str) -> web.StreamResponse:
        topic = find(name)
        minutes = tallies.entry(topic.kafka_topic).minutes
        now = now_ms() // 60_000
        asked = range(now - number(request, "minutes", 60, 60) + 1, now + 1)
        rows = [{"minute": rfc3339(minute * 60_000), "labels": minutes.get(minute, {})} for minute in asked]
        return json_response(rows)
