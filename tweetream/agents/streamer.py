"""Commands → the topics table and the Kafka topics of feeds, one command at a time.

To add a topic, its Kafka topic comes first, then the table. To edit one, the table alone changes. To delete one, the
table comes first (a tombstone). When writers and readers have let go of the feed, the sweep deletes its Kafka topic, on
the same worker and under the same lock. It deletes only feeds with a tombstone in the table, so an empty table deletes
nothing. It also makes the Kafka topic of an active feed again when somebody has deleted it. Who made a change is
recorded before the change shows.
"""

import contextlib
import logging
import time
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal

import msgspec
from faust.types import EventT

from tweetream.agents.at_least_once import AtLeastOnce, Delivery, time_of
from tweetream.agents.feed_creation import FeedCreation
from tweetream.app import app, kafka, settings
from tweetream.kafka import admin
from tweetream.kafka.producer import Abandoned, RecordRejected
from tweetream.kafka.retry import Unavailable
from tweetream.kafka.send_queue import StillAssigned
from tweetream.matching import normalise_track
from tweetream.models import codec
from tweetream.models.alert import BadAlert, check_alert
from tweetream.models.backfill import Backfill
from tweetream.models.change import UNKNOWN, Change
from tweetream.models.command import Command
from tweetream.models.epoch import is_plausible
from tweetream.models.topic import BadTopic, TooManyTopics, Topic, check_name, check_room
from tweetream.topology import (
    CHANGES,
    COMMANDS,
    FEED_PREFIX,
    commands,
    feed_spec,
    feed_topic,
    is_live,
    now_ms,
    owns_commands,
    recovered,
    services,
    topics_table,
)

log = logging.getLogger(__name__)
LET_GO = 3.0  # seconds that writers and readers have to see a tombstone
REMAKE_TIMEOUT = 5.0  # seconds
OVERLAP = 2_000  # ms after which a post that comes is certain to be matched with a new topic
_told_gone: dict[str, float] = {}  # Kafka topics of feeds that are gone, and when all workers were told


@app.agent(commands, name="streamer")
async def streamer(stream: Any) -> None:
    """Apply the commands."""
    creation().follow(stream.channel.queue._queue)
    await AtLeastOnce(_apply).run(stream)


async def _apply(event: EventT[Any], still_assigned: StillAssigned) -> Delivery | None:
    offset = event.message.offset
    made_at = time_of(event) or now_ms()
    try:
        command = _read(event.value, made_at)
    except codec.Undecodable:
        _mark(offset)
        await topics_table.flush(still_assigned)
        raise
    if offset > topics_table.applied:  # else it was applied before, and comes again
        await _do(command, offset, made_at, still_assigned)
    await topics_table.flush(still_assigned)
    return None


@cache
def creation() -> FeedCreation:
    """The worker's one."""
    return FeedCreation(_read)


def _read(value: bytes | None, made_at: int) -> Command:
    """The command in a record of that time (ms), which must be one that REST accepts. Raises Undecodable or TooNew."""
    command = codec.decode(value, Command)
    try:
        check_name(command.name)
        if command.track or command.action == "add" or (command.action == "edit" and command.alert is msgspec.UNSET):
            command = msgspec.structs.replace(command, track=normalise_track(command.track))
        if command.alert:
            command = msgspec.structs.replace(command, alert=check_alert(command.alert))
    except (BadTopic, BadAlert) as error:
        raise codec.Undecodable(str(error)) from None
    if made_at < 0 or not is_plausible(made_at, now_ms()):  # the generation is made of it
        raise codec.Undecodable(f"its time, {made_at}, is more than a day ahead")
    return command


def _mark(offset: int) -> None:
    if offset > topics_table.applied:
        topics_table.apply(offset)


async def _do(command: Command, offset: int, made_at: int, still_assigned: StillAssigned) -> None:
    """Change the table as the command says. Every command moves `applied`, also one that changes nothing."""
    entry = topics_table.entry(command.name)
    if command.action == "add" and (entry is None or (not entry.alive and not command.missing)):
        generation = max(made_at, max(entry.generation, entry.remade) + 1 if entry else 0)
        topic = Topic(command.name, command.track, made_at, generation, feed_topic(command.name, generation), offset)
        if entry is not None:  # deleted a moment ago: the sweep may not have run
            topic = msgspec.structs.replace(topic, former=(*entry.former, entry.kafka_topic))
        topic = edited(_to_be_filled(topic, command, offset), command, made_at)
        if not _has_room(topic):
            topics_table.apply(offset)
            return
        await creation().create(topic, still_assigned)
        await _record(command, "add", offset, made_at, still_assigned)
        if not still_assigned():  # the change would stay pending, and be older than those of the next owner
            raise Abandoned("a rebalance came while the feed was created")
        topics_table.apply(offset, topic)
    elif command.action == "edit" and entry is not None and entry.alive:
        topic = edited(entry, command, made_at)
        if topic == entry or not _has_room(topic):
            topics_table.apply(offset)
            return
        await _record(command, "edit", offset, made_at, still_assigned)
        topics_table.apply(offset, msgspec.structs.replace(topic, command=offset))
    elif command.action == "delete" and entry is not None and entry.alive:
        await _record(command, "delete", offset, made_at, still_assigned)
        topics_table.apply(offset, msgspec.structs.replace(entry, command=offset, deleted_at=made_at))
    elif command.action == "remake" and entry is not None and entry.alive and entry.generation == command.generation:
        # The table first: a position in the old log must be known as such before the new log has a record.
        log.warning(
            "the Kafka topic %s of %s is gone: it is made again, without its posts", entry.kafka_topic, entry.name
        )
        remade = max(made_at, entry.generation + 1, entry.remade + 1)
        backfill = entry.backfill and msgspec.structs.replace(entry.backfill, end=0)  # the new log has none of it
        topics_table.apply(offset, msgspec.structs.replace(entry, command=offset, remade=remade, backfill=backfill))
    elif command.action == "filled" and entry is not None and _is_filled(entry, command):
        topics_table.apply(offset, msgspec.structs.replace(entry, command=offset, backfill=command.outcome))
    elif command.action == "forget" and entry is not None and entry.generation == command.generation:
        if entry.alive:
            topics_table.apply(offset, msgspec.structs.replace(entry, former=()))
        else:
            topics_table.apply(offset, forgotten=entry.name)
    else:
        topics_table.apply(offset)


def _to_be_filled(topic: Topic, command: Command, offset: int) -> Topic:
    """The topic with the backfill that was asked for.

    It takes what was received until a moment after this. Of those posts some come live too, and are told by their ids.
    """
    if not command.backfill:
        return topic
    since, until = topic.created_at - command.backfill * 1000, now_ms() + OVERLAP
    return msgspec.structs.replace(topic, backfill=Backfill(command.backfill, offset, max(0, since), until))


def _is_filled(entry: Topic, command: Command) -> bool:
    """Whether the command tells the end of this topic's backfill."""
    outcome, there = command.outcome, entry.backfill
    return (
        entry.alive
        and entry.is_filling
        and entry.generation == command.generation
        and outcome is not None
        and there is not None
        and (outcome.command, outcome.until) == (there.command, there.until)
    )


def edited(entry: Topic, command: Command, made_at: int) -> Topic:
    """The entry as the command would have it. The feed stays."""
    topic = msgspec.structs.replace(entry, track=command.track or entry.track)
    if command.alert is msgspec.UNSET or command.alert == entry.alert:
        return topic
    return msgspec.structs.replace(topic, alert=command.alert, alert_since=made_at)


def _has_room(topic: Topic) -> bool:
    """Whether the settings allow the topic as it would be. Two workers let one in at the same time, so this asks again.

    Each of them sees then that nothing has changed.
    """
    try:
        check_room(topics_table.alive(), topic.name, topic.track, settings.max_topics)
    except TooManyTopics as error:
        log.warning("topic %s is not changed: %s", topic.name, error)
        return False
    return True


async def _record(
    command: Command, what: Literal["add", "edit", "delete"], offset: int, made_at: int, still_assigned: StillAssigned
) -> None:
    """Record who makes a change, before it shows: so no change is without its record, whichever worker dies."""
    change = Change(made_at, command.by or UNKNOWN, command.address or UNKNOWN, what, command.name, offset)
    try:
        await services.producer.send(CHANGES, 0, codec.encode(change), still_assigned=still_assigned)
    except RecordRejected as error:
        log.error("the next change has no record but its line: %s", error)
    log.info("topic %s: %s by %s from %s", change.topic, what, change.by, change.address)


def _let_go(entry: Topic) -> tuple[str, ...]:
    """The Kafka topics of an entry that can be deleted: their writers and readers have let go."""
    if now_ms() - (entry.deleted_at or entry.created_at) <= LET_GO * 1000:
        return ()
    return entry.former if entry.alive else (*entry.former, entry.kafka_topic)


def surplus(entries: Iterable[Topic], most: int) -> set[str]:
    """The names of the oldest tombstones beyond `most`: adding and deleting in a loop would fill every worker."""
    dead = sorted((entry for entry in entries if not entry.alive), key=lambda entry: entry.deleted_at)
    return {entry.name for entry in dead[: max(0, len(dead) - most)]}


@app.timer(settings.sweep_interval)
async def sweep() -> None:
    """Delete the Kafka topics of deleted feeds, and forget old tombstones."""
    if not owns_commands() or app.rebalancing or not app.is_flowing():
        return
    try:
        await _sweep()
    except Abandoned:
        pass  # a rebalance came; an exception that leaves a timer ends the worker
    except (Unavailable, RecordRejected) as error:
        log.warning("deleted feeds wait for Kafka: %s", error)


@app.timer(1.0)
async def remake() -> None:
    """Make the Kafka topics of active feeds again that somebody has deleted."""
    if not owns_commands():
        _told_gone.clear()
        return
    if app.rebalancing or not app.is_flowing() or not recovered():
        return
    gone = [topic for topic in topics_table.alive() if services.producer.is_missing(topic.kafka_topic)]
    try:
        await _remake(gone)
    except (Abandoned, RecordRejected):
        pass  # as above
    except Unavailable as error:
        log.warning("feeds that are gone wait for Kafka: %s", error)


async def _remake(gone: list[Topic]) -> None:
    present = await admin.names(kafka) if gone else set()
    gone = [topic for topic in gone if topic.kafka_topic not in present]
    for kafka_topic in _told_gone.keys() - {topic.kafka_topic for topic in gone}:
        del _told_gone[kafka_topic]
    for topic in gone:
        if topic.kafka_topic not in _told_gone:
            command = codec.encode(Command("remake", topic.name, generation=topic.generation))
            applied = topics_table.applied
            told = (await services.producer.send(COMMANDS, 0, command, still_assigned=app.is_flowing)).offset
            # In a topic of commands that was made anew, offsets are too low until `command_offsets` has gone on.
            if told <= applied or not await topics_table.applied_within(told, REMAKE_TIMEOUT):
                return
            _told_gone[topic.kafka_topic] = time.monotonic()
    # All workers know after a while that positions in the old log are of the past.
    due = [topic.kafka_topic for topic in gone if time.monotonic() > _told_gone[topic.kafka_topic] + LET_GO]
    if due:
        async with creation().lock:
            await admin.create(kafka, map(feed_spec, filter(is_live, due)), settings.replication)


async def _sweep() -> None:
    with contextlib.suppress(Abandoned):
        await topics_table.flush(app.is_flowing)  # the values that a replaced worker has overwritten
    dead = [(entry, gone) for entry in topics_table.entries() if (gone := _let_go(entry))]
    if not dead:
        return
    async with creation().lock:
        present = await admin.names(kafka)
        ours = {name for name in present if name.startswith(FEED_PREFIX)}  # never more, whatever an entry names
        await admin.delete(kafka, [name for _, gone in dead for name in gone if name in ours])
    many = surplus(topics_table.entries(), settings.max_topics)
    for entry, gone in dead:
        old = entry.alive or entry.name in many or now_ms() - entry.deleted_at > settings.tombstone_ttl * 1000
        if old and not present.intersection(gone):
            command = Command("forget", entry.name, generation=entry.generation)
            await services.producer.send(COMMANDS, 0, codec.encode(command), still_assigned=app.is_flowing)
