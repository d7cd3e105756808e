"""Commands → the topics table and the Kafka topics of feeds, one command at a time.

Adding: the Kafka topic first, then the table. Deleting: the table first (a tombstone), then, when writers
and readers have let go, Kafka: the sweep does that, on the same worker and under the same lock. It deletes
only what has a tombstone in the table, so an empty table deletes nothing.
"""

import asyncio
import contextlib
import logging
from typing import Any

import msgspec
from faust.exceptions import ConsumerNotStarted
from faust.types import TP, EventT

from tweetream.agents.at_least_once import Delivery, run
from tweetream.app import app, kafka, settings
from tweetream.kafka import admin
from tweetream.kafka.producer import Abandoned, RecordRejected, StillAssigned
from tweetream.kafka.retry import Unavailable
from tweetream.models import codec
from tweetream.models.topic import Command, Topic
from tweetream.topology import COMMANDS, commands, feed_name, feed_spec, flowing, now_ms, producer, topics

log = logging.getLogger(__name__)
LET_GO = 3.0  # seconds that writers and readers have to see a tombstone
_lock = asyncio.Lock()  # a feed is not created while the sweep deletes


@app.agent(commands, name="streamer")
async def streamer(stream: Any) -> None:
    """Apply the commands."""
    await run(stream, _apply)


async def _apply(event: EventT[Any], still_assigned: StillAssigned) -> Delivery | None:
    offset = event.message.offset
    try:
        command = codec.decode(event.value, Command)
    except codec.Undecodable:
        _mark(offset)
        await topics.flush(still_assigned)
        raise
    if offset > topics.applied:  # else it was applied, and is only here again
        made_at = round(event.message.timestamp * 1000) or now_ms()
        await _do(command, offset, made_at, still_assigned)
    await topics.flush(still_assigned)
    return None


def _mark(offset: int) -> None:
    if offset > topics.applied:
        topics.apply(offset)


async def _do(command: Command, offset: int, made_at: int, still_assigned: StillAssigned) -> None:
    """Change the table as the command says; every command, also one that changes nothing, moves `applied`."""
    entry = topics.entry(command.name)
    if command.action == "add" and (entry is None or (not entry.alive and not command.missing)):
        generation = max(made_at, entry.generation + 1 if entry else 0)
        topic = Topic(command.name, command.track, made_at, generation, feed_name(command.name, generation), offset)
        if entry is not None:  # deleted a moment ago: the sweep may not have come by
            topic = msgspec.structs.replace(topic, former=(*entry.former, entry.kafka_topic))
        await _create(topic, still_assigned)
        if not still_assigned():  # a change of ours would stay pending here, before all that the next owner writes
            raise Abandoned("a rebalance came while the feed was created")
        topics.apply(offset, topic)
    elif command.action == "delete" and entry is not None and entry.alive:
        topics.apply(offset, msgspec.structs.replace(entry, command=offset, deleted_at=made_at))
    elif command.action == "forget" and entry is not None and entry.generation == command.generation:
        if entry.alive:
            topics.apply(offset, msgspec.structs.replace(entry, former=()))
        else:
            topics.apply(offset, forgotten=entry.name)
    else:
        topics.apply(offset)


async def _create(topic: Topic, still_assigned: StillAssigned) -> None:
    """Create the feed's Kafka topic, for as long as it takes and is wanted."""
    while True:
        async with _lock:
            try:
                await admin.create(kafka, [feed_spec(topic.kafka_topic)], settings.replication)
                return
            except Unavailable as error:
                log.warning("the feed of %s waits for Kafka: %s", topic.name, error)
        await asyncio.sleep(0.5)
        if not still_assigned():
            raise Abandoned("a rebalance came before the feed was created")


def owns_commands() -> bool:
    """Whether this worker is the one that applies commands and runs the sources."""
    try:
        return TP(COMMANDS, 0) in app.consumer.assignment()
    except ConsumerNotStarted:
        return False


def _let_go(entry: Topic) -> tuple[str, ...]:
    """The Kafka topics of an entry that nobody needs any more."""
    if now_ms() - (entry.deleted_at or entry.created_at) <= LET_GO * 1000:
        return ()
    return entry.former if entry.alive else (*entry.former, entry.kafka_topic)


@app.timer(settings.sweep_interval)
async def sweep() -> None:
    """Delete the Kafka topics of deleted feeds, and forget tombstones whose time is over."""
    if not owns_commands() or app.rebalancing or not flowing():
        return
    try:
        await _sweep()
    except Abandoned:
        pass  # a rebalance came, and what escapes a timer ends the worker
    except (Unavailable, RecordRejected) as error:
        log.warning("deleted feeds wait for Kafka: %s", error)


async def _sweep() -> None:
    with contextlib.suppress(Abandoned):
        await topics.flush(flowing)  # what a worker overwrote that had been replaced
    dead = [(entry, gone) for entry in topics.entries() if (gone := _let_go(entry))]
    if not dead:
        return
    async with _lock:
        present = await admin.names(kafka)
        await admin.delete(kafka, [name for _, gone in dead for name in gone if name in present])
    for entry, gone in dead:
        old = entry.alive or now_ms() - entry.deleted_at > settings.tombstone_ttl * 1000
        if old and not present.intersection(gone):
            command = Command("forget", entry.name, generation=entry.generation)
            await producer.send(COMMANDS, 0, codec.encode(command), still_assigned=flowing)
