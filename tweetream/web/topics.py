"""`/topics`: list, add, show, edit and delete topics.

A change is sent as a command to Kafka. The answer waits until this worker's own table has applied the command, so that
the client can read its change here at once.
"""

import asyncio
from functools import cache
from typing import Any

import msgspec
from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream.app import app, settings
from tweetream.feeds.record import Filter
from tweetream.matching import normalise_track
from tweetream.models import codec
from tweetream.models.alert import AlertRule, BadAlert, check_alert, is_zone
from tweetream.models.backfill import Backfill, backfill_seconds
from tweetream.models.change import LOOPBACK
from tweetream.models.command import Command
from tweetream.models.feed import rfc3339
from tweetream.models.topic import BadTopic, TooManyTopics, Topic, check_name, check_room
from tweetream.topology import COMMANDS, counts_table, services, topics_table
from tweetream.web import query
from tweetream.web.alerts import alert_problem
from tweetream.web.auth import authorize_change
from tweetream.web.body import read_body
from tweetream.web.call_rate import CallRate
from tweetream.web.health import BROKEN, require_recovered
from tweetream.web.labels import check_label
from tweetream.web.preview import previews
from tweetream.web.problems import Problem
from tweetream.web.responses import json_response
from tweetream.web.schemas import AlertBody, BackfillAnswer, EditBody, PreviewAnswer, TopicAnswer, TopicBody
from tweetream.web.search import archive_reads
from tweetream.web.topic_list import TopicList

CHANGE_TIMEOUT = 15.0  # seconds that a change may take to reach this worker's table
CHANGES, PER_SECOND = 200, 1.0  # changes at once, besides two for each topic that there may be, and later


def shown(topic: Topic) -> TopicAnswer:
    """The topic as this interface has it."""
    return TopicAnswer(
        topic.name,
        list(topic.track),
        rfc3339(topic.created_at),
        topic.kafka_topic,
        counts_table.labels(topic.kafka_topic),
        BROKEN if services.producer.is_unwritable(topic.kafka_topic) else msgspec.UNSET,
        msgspec.UNSET if topic.alert is None else AlertBody(**msgspec.structs.asdict(topic.alert)),
        msgspec.UNSET if topic.backfill is None else _backfill(topic.backfill),
        msgspec.UNSET if topic.alert is None else alert_problem(settings) or msgspec.UNSET,
    )


def _backfill(found: Backfill) -> BackfillAnswer:
    posts = None if found.is_running else found.posts
    return BackfillAnswer(rfc3339(found.since), found.state, posts, found.reason or None)


def find(name: str) -> Topic:
    """The active topic of that name; else a Problem."""
    query.topic_name(name)
    require_recovered()
    topic = topics_table.entry(name)
    if topic is None or not topic.alive:
        raise Problem(404, f"there is no topic {name}")
    return topic


@cache
def _changes() -> CallRate:
    """Each change is kept for 90 days, and each deleted topic for a day."""
    return CallRate(CHANGES + 2 * settings.max_topics, PER_SECOND)


async def command(request: Command) -> int:
    """Send a command and wait until this worker's table has applied it. Returns its offset.

    Raises Problem on timeout, and if the token, or without one the address, makes too many changes.
    """
    _changes().take(request.address if request.by == LOOPBACK else request.by)
    try:
        async with asyncio.timeout(CHANGE_TIMEOUT):
            applied = topics_table.confirmed
            offset: int = (await services.producer.send(COMMANDS, 0, codec.encode(request))).offset
            if offset <= applied:  # it is not applied; the owner of the commands makes offsets larger now
                raise Problem(503, "the topic of commands was made anew; try again", {"Retry-After": "5"})
            await topics_table.wait_applied(offset)
            return offset
    except TimeoutError:
        raise Problem(503, "timed out; the change may still be applied", {"Retry-After": "5"}) from None


@cache
def _list() -> TopicList:
    return TopicList(shown)


def _check_room(name: str, track: tuple[str, ...]) -> None:
    """Raise Problem if the topic has no room with this track. The worker that applies commands decides so too."""
    try:
        check_room(topics_table.alive(), name, track, settings.max_topics)
    except TooManyTopics as error:
        raise Problem(409, str(error)) from None


@app.page("/topics")
class Topics(View):
    """List and add."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        require_recovered()
        urgent = topics_table.version, services.producer.unwritable()
        version = _list().paced((urgent, counts_table.version))
        return _list().answer(request, version, topics_table.alive)

    @override
    async def post(self, request: Any) -> web.StreamResponse:
        caller = authorize_change(request, settings)
        if query.flag(request, "dry_run"):
            return json_response(await _preview(request))
        given = await _add(await read_body(request))
        name, track, backfill = given.name, given.track, given.backfill
        entry = topics_table.entry(name)
        if entry is None or not entry.alive:
            _check_room(name, track)
            if backfill:  # whoever asks is told at once what is wrong with the archive
                await archive_reads().run(lambda reader: reader.lag())
        offset = await command(msgspec.structs.replace(given, by=caller.by, address=caller.address))
        topic = topics_table.entry(name)
        if topic is None or not topic.alive:
            _check_room(name, track)  # others were quicker
            raise Problem(503, "another command deleted the topic right after", {"Retry-After": "1"})
        if offset in (topic.command, topic.backfill and topic.backfill.command):
            return json_response(shown(topic), 201, {"Location": f"/topics/{name}"})
        if set(topic.track) != set(track):
            there = f"topic {name} exists with another track: {', '.join(topic.track)}"
            raise Problem(409, f"{there}; to change its track, send PATCH /topics/{name}")
        if backfill and (topic.backfill is None or topic.backfill.seconds != backfill):
            raise Problem(
                409, f"topic {name} exists without this backfill, which only a new topic gets; delete it first"
            )
        if given.alert and given.alert != topic.alert:
            raise Problem(
                409, f"topic {name} exists without this alert; to change its alert, send PATCH /topics/{name}"
            )
        return json_response(shown(topic))


def _given(body: bytes) -> TopicBody:
    """The body; its track is as it was written."""
    try:
        given = msgspec.json.decode(body, type=TopicBody)
        name = check_name(given.name)
        return msgspec.structs.replace(given, track=[name] if given.track is None else given.track)
    except ValueError as error:
        raise Problem(400, str(error)) from None


async def _add(body: bytes) -> Command:
    """The command of a new topic's body."""
    given = _given(body)
    try:
        track = normalise_track(given.track or ())
    except ValueError as error:
        raise Problem(400, str(error)) from None
    alert, backfill = await _wishes(given)
    return Command("add", given.name, track, alert=alert, backfill=backfill)


async def _wishes(given: TopicBody) -> tuple[AlertRule | msgspec.UnsetType, int]:
    """The rule for alerts and the seconds of the backfill that a new topic is to have. Raises Problem."""
    try:
        backfill = 0 if given.backfill is None else backfill_seconds(given.backfill)
    except ValueError as error:
        raise Problem(400, str(error)) from None
    return msgspec.UNSET if given.alert is None else await _rule(given.alert, []), backfill


async def _rule(given: AlertBody, topics: list[Topic]) -> AlertRule:
    """The rule for alerts of one of these topics, or of a new one. Raises Problem."""
    try:
        rule = check_alert(AlertRule(**msgspec.structs.asdict(given)))
    except BadAlert as error:
        raise Problem(400, str(error)) from None
    if not is_zone(rule.zone):
        raise Problem(400, "zone is the name of a time zone, such as UTC or Asia/Jakarta")
    await check_label(Filter(rule.label), topics)
    return rule


async def _edit(topic: Topic, body: bytes) -> Command:
    """The command of an edit's body."""
    try:
        given = msgspec.json.decode(body, type=EditBody)
        if given.track is msgspec.UNSET and given.alert is msgspec.UNSET:
            raise Problem(400, "nothing to change: give track, alert, or both")
        track = () if given.track is msgspec.UNSET else normalise_track(given.track)
        if given.alert is msgspec.UNSET or given.alert is None:  # null takes the rule away
            return Command("edit", topic.name, track, alert=given.alert)
    except (msgspec.DecodeError, UnicodeDecodeError, BadTopic) as error:
        raise Problem(400, str(error)) from None
    return Command("edit", topic.name, track, alert=await _rule(given.alert, [topic]))


def _is_so(topic: Topic, edit: Command) -> bool:
    """Whether the topic already is as the edit would have it."""
    return edit.track in ((), topic.track) and edit.alert in (msgspec.UNSET, topic.alert)


async def _preview(request: web.Request) -> PreviewAnswer:
    previews().count(request)
    given = _given(await read_body(request))
    await _wishes(given)
    return await previews().of(given.track or [])


@app.page("/topics/{name}")
class OneTopic(View):
    """Show, edit and delete."""

    @override
    async def get(self, request: Any, name: str) -> web.StreamResponse:
        return json_response(shown(find(name)))

    @override
    async def patch(self, request: Any, name: str) -> web.StreamResponse:
        caller = authorize_change(request, settings)
        edit = await _edit(find(name), await read_body(request))
        _check_room(name, edit.track)
        offset = await command(msgspec.structs.replace(edit, by=caller.by, address=caller.address))
        topic = find(name)
        if topic.command < offset and not _is_so(topic, edit):
            _check_room(name, edit.track)  # others were quicker
            raise Problem(503, "the topic was not changed", {"Retry-After": "1"})
        return json_response(shown(topic))

    @override
    async def delete(self, request: Any, name: str) -> web.StreamResponse:
        caller = authorize_change(request, settings)
        find(name)
        offset = await command(Command("delete", name, by=caller.by, address=caller.address))
        entry = topics_table.entry(name)
        if entry is None or entry.command != offset:
            raise Problem(404, f"there is no topic {name}")
        return web.Response(status=204)
