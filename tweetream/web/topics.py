"""`/topics`: list, add, show and delete topics.

A change is sent as a command to Kafka. The answer waits until this worker's own table has applied the command, so that
the client can read its change here at once.
"""

import asyncio
from typing import Any

import msgspec
from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream.app import app, settings
from tweetream.matching import normalise_track
from tweetream.models import codec
from tweetream.models.command import Command
from tweetream.models.feed import rfc3339
from tweetream.models.topic import BadTopic, Topic, check_name
from tweetream.topology import COMMANDS, counts_table, services, topics_table
from tweetream.web import query
from tweetream.web.auth import authorize_change
from tweetream.web.body import read_body
from tweetream.web.health import require_recovered
from tweetream.web.problems import Problem
from tweetream.web.responses import json_response
from tweetream.web.schemas import TopicAnswer, TopicBody

CHANGE_TIMEOUT = 15.0  # seconds that a change may take to reach this worker's table


def shown(topic: Topic) -> TopicAnswer:
    """The topic as this interface has it."""
    return TopicAnswer(
        topic.name,
        list(topic.track),
        rfc3339(topic.created_at),
        topic.kafka_topic,
        counts_table.entry(topic.kafka_topic).labels,
    )


def find(name: str) -> Topic:
    """The active topic of that name; else a Problem."""
    query.topic_name(name)
    require_recovered()
    topic = topics_table.entry(name)
    if topic is None or not topic.alive:
        raise Problem(404, f"there is no topic {name}")
    return topic


async def command(request: Command) -> int:
    """Send a command and wait until this worker's table has applied it. Returns its offset; a Problem on timeout."""
    try:
        async with asyncio.timeout(CHANGE_TIMEOUT):
            offset: int = (await services.producer.send(COMMANDS, 0, codec.encode(request))).offset
            await topics_table.wait_applied(offset)
            return offset
    except TimeoutError:
        raise Problem(503, "timed out; the change may still be applied", {"Retry-After": "5"}) from None


@app.page("/topics")
class Topics(View):
    """List and add."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        require_recovered()
        return json_response([shown(topic) for topic in topics_table.alive()])

    @override
    async def post(self, request: Any) -> web.StreamResponse:
        authorize_change(request, settings)
        name, track = _topic(await read_body(request))
        offset = await command(Command("add", name, track))
        topic = topics_table.entry(name)
        if topic is None or not topic.alive:
            raise Problem(503, "another command deleted the topic right after", {"Retry-After": "1"})
        if topic.command == offset:
            return json_response(shown(topic), 201, {"Location": f"/topics/{name}"})
        if set(topic.track) != set(track):
            raise Problem(409, f"topic {name} exists with another track: {', '.join(topic.track)}")
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

    @override
    async def get(self, request: Any, name: str) -> web.StreamResponse:
        return json_response(shown(find(name)))

    @override
    async def delete(self, request: Any, name: str) -> web.StreamResponse:
        authorize_change(request, settings)
        find(name)
        offset = await command(Command("delete", name))
        entry = topics_table.entry(name)
        if entry is None or entry.command != offset:
            raise Problem(404, f"there is no topic {name}")
        return web.Response(status=204)
