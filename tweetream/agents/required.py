"""Watches the Kafka topics that every worker needs: says what is lacking, and makes again what is gone and can be.

While something is lacking `/readyz` says it. A worker ends at a topic with another number of partitions than it takes.
"""

import asyncio
import logging

from faust.exceptions import ConsumerNotStarted

from tweetream.app import app, kafka, settings
from tweetream.engine.table import ReplicatedTable
from tweetream.feeds.record import GAP_HEADER
from tweetream.kafka import admin
from tweetream.kafka.producer import Abandoned, RecordRejected
from tweetream.kafka.required import required
from tweetream.kafka.retry import Reminder, Unavailable, retry_until_available
from tweetream.topology import COMMANDS, COUNTS, POSTS, TABLES, TAGGED, services, specs, topics_table

log = logging.getLogger(__name__)
_reminder = Reminder(log)
_kept: set[str] = set()  # the changelogs that are gone, and whose contents this worker has


@app.before
async def check_partitions() -> None:
    """End at a topic with another number of partitions, before anything is sent to it."""
    topics = specs()
    required().declare(topics, [POSTS, TAGGED, COMMANDS, COUNTS])
    names = [spec.name for spec in topics]
    found = await retry_until_available(kafka, lambda: admin.partition_counts(kafka, names))
    _check(required().other_number(found.get))


def _check(other_number: str) -> None:
    if other_number:
        app.abort(other_number)


@app.timer(1.0)
async def look() -> None:
    """Compare what Kafka has with what is needed."""
    gone = required().look(services.producer, app.consumer_generation_id, _is_mine)
    _check(required().lasting_number(services.producer.partitions))
    if required().is_stalled(joined=app.is_flowing() and not app.rebalancing):
        app.abort("Kafka topics were made again, and this worker cannot join its group since: start it again")
    if reason := required().reason():
        _reminder.warn("not ready: %s", reason)
    lost = {table.changelog_topic_name for table in TABLES if not _is_kept(table)}
    gone = [spec for spec in gone if spec.name not in lost]
    if not gone:
        return
    try:
        made = await admin.create(kafka, gone, settings.replication)
        log.warning("made again: %s", ", ".join(sorted(made)) or "by another worker")
        for table in TABLES:
            if table.changelog_topic_name in made:
                await _write(table)
        if TAGGED in made:
            await _tell_gaps()
    except (Unavailable, RecordRejected) as error:
        log.warning("topics that are gone wait for Kafka: %s", error)
    except Abandoned:
        pass  # the worker ends


async def _tell_gaps() -> None:
    """Tell the clients of each feed that posts may be missing: those that were in tagged, and in no feed yet."""
    feeds = [topic.kafka_topic for topic in topics_table.alive()]
    log.warning("%s was made again: %d feeds may lack posts, and their clients get a gap", TAGGED, len(feeds))
    gap = [(b"{}", [(GAP_HEADER, b"")])]
    tells = [
        services.producer.send_all(
            feed, 0, gap, still_assigned=lambda: not app.should_stop, limit=services.producer.limit(feed)
        )
        for feed in feeds
    ]
    for feed, error in zip(feeds, await asyncio.gather(*tells, return_exceptions=True), strict=True):
        if isinstance(error, BaseException):
            log.warning("clients of %s are not told that posts may be missing: %r", feed, error)


async def _write(table: ReplicatedTable) -> None:
    """Write a table to its new changelog, whoever owns it: its owner may not have joined the group before it ends."""
    entries = sorted(table.data.items(), reverse=True)  # the mark of the last command applied comes last
    await services.producer.send_all(
        table.changelog_topic_name,
        0,
        [(value, []) for _, value in entries],
        keys=[key for key, _ in entries],
        still_assigned=lambda: not app.should_stop,
    )


def _is_kept(table: ReplicatedTable) -> bool:
    """Whether this worker has the contents of a table. If its changelog is gone, they are to be written again."""
    if not required().is_gone(table.changelog_topic_name):
        _kept.discard(table.changelog_topic_name)
    elif table.read_to is not None and table.changelog_topic_name not in _kept:
        log.warning("%s is gone: it is made again, with what the workers know", table.changelog_topic_name)
        table.write_again()
        _kept.add(table.changelog_topic_name)
    return table.changelog_topic_name in _kept


def _is_mine(topic: str) -> bool:
    try:
        return not app.rebalancing and any(tp.topic == topic for tp in app.consumer.assignment())
    except ConsumerNotStarted:
        return False
