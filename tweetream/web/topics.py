"""REST of topics: list, add, delete.

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
from tweetream.models.feed import rfc3339
from tweetream.models.topic import BadTopic, Command, Topic, check_name
from tweetream.topology import COMMANDS, counts_table, recovered, services, topics
from tweetream.web.middleware import Problem, json_response, may_change
from tweetream.web.schemas import TopicAnswer, TopicBody

WAIT = 15.0  # seconds that a change may take until it is here


def shown(topic: Topic) -> TopicAnswer:
    """A topic as the interface has it."""
    return TopicAnswer(
        topic.name,
        list(topic.track),
        rfc3339(topic.created_at),
        topic.kafka_topic,
        counts_table.entry(topic.kafka_topic).labels,
    )


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
            offset: int = (await services.producer.send(COMMANDS, 0, codec.encode(request))).offset
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
