"""Watches the Kafka topics that every worker needs: says what is lacking, and makes again what is gone and can be.

While something is lacking `/readyz` says it. A worker ends at a topic with another number of partitions than it takes.
"""

import logging

from faust.exceptions import ConsumerNotStarted

from tweetream.app import app, kafka, settings
from tweetream.kafka import admin
from tweetream.kafka.required import required
from tweetream.kafka.retry import Reminder, Unavailable, retry_until_available
from tweetream.topology import COMMANDS, COUNTS, POSTS, TABLES, TAGGED, services, specs

log = logging.getLogger(__name__)
_reminder = Reminder(log)


@app.before
async def check_partitions() -> None:
    """End at a topic with another number of partitions, before anything is sent to it."""
    topics = specs()
    required().declare(topics, [table.changelog_topic_name for table in TABLES], [POSTS, TAGGED, COMMANDS, COUNTS])
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
    _check(required().other_number(services.producer.partitions))
    if reason := required().reason():
        _reminder.warn("not ready: %s", reason)
    if not gone:
        return
    try:
        made = await admin.create(kafka, gone, settings.replication)
        log.warning("made again: %s", ", ".join(sorted(made)) or "by another worker")
    except Unavailable as error:
        log.warning("topics that are gone wait for Kafka: %s", error)


def _is_mine(topic: str) -> bool:
    try:
        return any(tp.topic == topic for tp in app.consumer.assignment())
    except ConsumerNotStarted:
        return False
