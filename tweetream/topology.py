"""Every Kafka topic and table, named in one place, and the services that all agents share.

All of it is declared before anything subscribes: Faust skips a topic for minutes that is missing when a worker joins.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, cast

from faust.exceptions import ConsumerNotStarted
from faust.tables.manager import TableManager
from faust.types import TP, TopicT

from tweetream import metrics
from tweetream.app import app, kafka, settings
from tweetream.engine import changelog
from tweetream.engine.snapshot import Snapshot
from tweetream.engine.state import CountsTable, TopicsTable
from tweetream.engine.table import ReplicatedTable
from tweetream.kafka import admin, dead_letters
from tweetream.kafka.admin import TopicSpec
from tweetream.kafka.compacted import CompactedReader, CompactedRecord
from tweetream.kafka.connection import AccessDenied
from tweetream.kafka.producer import OrderedProducer
from tweetream.kafka.retry import Unavailable, retry_until_available
from tweetream.models import codec
from tweetream.models.feed import FeedName
from tweetream.models.model_info import ModelInfo
from tweetream.sources import without_secret
from tweetream.sources.status import SourceStatuses

log = logging.getLogger(__name__)
NAMESPACE = settings.namespace
DEAD = f"{NAMESPACE}-dead"
RETRACTED = f"{NAMESPACE}-retracted"  # key: the id of a post that its network says was deleted
SOURCES = f"{NAMESPACE}-sources"  # key: a source's URL; value: its state
CHANGES = f"{NAMESPACE}-changes"  # who changed which topic
CLOCK = f"{NAMESPACE}-clock"  # records whose times of arrival tell Kafka's time
WAITING = f"{NAMESPACE}-waiting"  # key: a partition of tagged and a feed; value: from where on the feed lacks posts
ALERTS = f"{NAMESPACE}-alerts"  # how far the alerts of each feed are, and which were delivered
FEED_PREFIX = f"{NAMESPACE}-feed-"
# The broker unpacks what others send compressed: our client may not know the method, and a small batch can be huge.
PLAIN = {"compression.type": "uncompressed"}
_HOUR_MS = 3_600_000
MANY_FEEDS = 16_384  # names remembered: more than there are feeds, and bounded, since forged records name others


def _topic(name: str, partitions: int) -> TopicT:
    # Raw bytes: Faust would stop at a record that does not decode; ours becomes a dead letter.
    return app.topic(
        f"{NAMESPACE}-{name}",
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        partitions=partitions,
    )


posts = _topic("posts", settings.partitions)
tagged = _topic("tagged", settings.partitions)
commands = _topic("commands", 1)
counts = _topic("counts", 1)
POSTS, TAGGED, COMMANDS, COUNTS = (topic.get_topic_name() for topic in (posts, tagged, commands, counts))


def _table(cls: type[ReplicatedTable], name: str) -> Any:
    # A recovery buffer of one: with Faust's thousand another worker sees a change only when a thousand have come.
    table = cls(
        app, name=name, key_type=bytes, value_type=bytes, partitions=1, beacon=app.tables.beacon, is_global=True,
        recovery_buffer_size=1, standby_buffer_size=1,
    )  # fmt: skip
    return app.tables.add(table)


topics_table: TopicsTable = _table(TopicsTable, "topics")
counts_table: CountsTable = _table(CountsTable, "counts")
TABLES: tuple[ReplicatedTable, ...] = (topics_table, counts_table)


class Services:
    """The services that agents, ingest and web share. Each is made when it is first asked for."""

    followed_version = -1  # of the topics table, when the producer and the metrics were told of its topics
    followed_feeds: Mapping[str, str] = MappingProxyType({})  # Kafka topic → user topic

    model: ModelInfo | None = None  # once it is loaded

    @cached_property
    def model_known(self) -> asyncio.Event:
        return asyncio.Event()

    @cached_property
    def deliveries(self) -> set[asyncio.Task[None]]:
        """The deliveries in progress of all agents. The loop holds a task only weakly, and an agent may end first."""
        return set()

    @cached_property
    def producer(self) -> OrderedProducer:
        return OrderedProducer(kafka)

    @cached_property
    def compacted(self) -> CompactedReader:
        """Follows SOURCES, and RETRACTED for the feeds."""
        return CompactedReader(kafka)

    @cached_property
    def source_statuses(self) -> SourceStatuses:
        return SourceStatuses()

    def take_reports(self, records: list[CompactedRecord]) -> None:
        """Take the records of SOURCES."""
        try:
            for record in records:
                taken = self.source_statuses.update(record.value, record.timestamp)
                metrics.dead_letters.labels(SOURCES).inc(not taken)
        except codec.TooNew as error:
            app.abort(str(error))


services = Services()


def feed_topic(name: str, generation: int) -> str:
    """The Kafka topic of a feed; another one each time the user topic is added."""
    return f"{FEED_PREFIX}{FeedName(name, generation)}"


@lru_cache(maxsize=MANY_FEEDS)
def is_feed(kafka_topic: str) -> bool:
    """Whether the Kafka topic can be a feed of ours by its name."""
    return kafka_topic.startswith(FEED_PREFIX) and feed_name(kafka_topic).generation > 0


@lru_cache(maxsize=MANY_FEEDS)
def feed_name(kafka_topic: str) -> FeedName:
    """The user topic and the generation that a feed's Kafka topic belongs to; of another Kafka topic, its own name."""
    try:
        return FeedName.parse(kafka_topic.removeprefix(FEED_PREFIX))
    except ValueError:  # a record of somebody else names it
        return FeedName(kafka_topic, 0)


def is_live(kafka_topic: str) -> bool:
    """Whether the Kafka topic is the feed of an active topic, as far as this worker knows. Nothing else is written."""
    return kafka_topic in topics_table.live_feeds()


def is_filling(kafka_topic: str) -> bool:
    """Whether the feed gets stored posts first, so that live ones wait."""
    return kafka_topic in topics_table.filling_feeds()


def _feed_segment() -> int:
    """The ms for which Kafka writes one file of a feed. A post may stay that much longer than it should."""
    return int(min(settings.feed_retention * 1000, 7 * 24 * _HOUR_MS))


def feed_spec(kafka_topic: str) -> TopicSpec:
    config = {
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
        **PLAIN,
        "retention.ms": str(int(settings.feed_retention * 1000)),
        "segment.ms": str(_feed_segment()),
    }
    return TopicSpec(kafka_topic, 1, config)


def specs() -> list[TopicSpec]:
    """The Kafka topics that every worker needs before it joins."""
    compact = {"cleanup.policy": "compact", **PLAIN}
    keep = {**PLAIN, "cleanup.policy": "delete", "retention.ms": str(7 * 24 * _HOUR_MS)}
    audit = {**keep, "retention.ms": str(90 * 24 * _HOUR_MS), "message.timestamp.type": "LogAppendTime"}
    # A retraction is kept for longer than any feed keeps the post: otherwise the post would come back.
    longest = int(settings.feed_retention * 1000) + _feed_segment() + _HOUR_MS
    return [
        TopicSpec(POSTS, settings.partitions, keep),
        TopicSpec(TAGGED, settings.partitions, keep),
        TopicSpec(COMMANDS, 1, keep),
        TopicSpec(COUNTS, 1, keep),
        TopicSpec(DEAD, 1, keep),
        TopicSpec(RETRACTED, 1, {**compact, "cleanup.policy": "compact,delete", "retention.ms": str(longest)}),
        TopicSpec(SOURCES, 1, compact),
        TopicSpec(WAITING, 1, compact),
        TopicSpec(CHANGES, 1, audit),
        TopicSpec(CLOCK, 1, {**keep, "message.timestamp.type": "LogAppendTime"}),
        TopicSpec(ALERTS, 1, compact),
        TopicSpec(f"{NAMESPACE}-__assignor-__leader", 1, keep),  # Faust's own
        *(TopicSpec(table.changelog_topic_name, 1, compact) for table in TABLES),
    ]


async def dead_letter(topic: str, value: bytes | None, reason: str) -> None:
    """Send a record that cannot be read or delivered to the dead letters. It is counted by its `topic`."""
    await dead_letters.send(services.producer, DEAD, topic, value, reason)
    metrics.dead_letters.labels(topic).inc()


def recovered() -> bool:
    """Whether this worker has its tables and the compacted topics."""
    tables = cast(TableManager, app.tables)
    done = app.started and tables.recovery.completed.is_set() and services.compacted.ready.is_set()
    return bool(done and not any(table.stale for table in TABLES))


def owns_commands() -> bool:
    """Whether this worker applies the commands and runs the sources."""
    try:
        return TP(COMMANDS, 0) in app.consumer.assignment()
    except ConsumerNotStarted:
        return False


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _rebuild_tables() -> None:
    """Rebuild the tables that lack records."""
    try:
        async with changelog.reader(kafka) as consumer:
            for table in TABLES:
                if table.stale:
                    log.info("reading %s from the beginning: records of it are gone", table.changelog_topic_name)
                    await table.rebuild(await changelog.look(consumer, table.changelog_topic_name))
    except Unavailable as error:
        log.warning("a table waits for Kafka: %s", error)


@app.timer(0.5)
async def _look_after_tables() -> None:
    """Rebuild stale tables, and tell the producer and the metrics which topics exist.

    A producer that asks for the metadata of a deleted topic can bring it back to life.
    """
    if any(table.stale for table in TABLES):
        await _rebuild_tables()
    if services.followed_version != topics_table.version:
        services.followed_version = topics_table.version
        feeds = {topic.kafka_topic: topic.name for topic in topics_table.alive()}
        services.producer.follow([*(spec.name for spec in specs()), *feeds])
        metrics.follow_feeds(services.followed_feeds, feeds)
        services.followed_feeds = feeds


@app.before
async def _declare() -> None:
    services.compacted.follow(SOURCES, services.take_reports)
    try:
        new = await admin.declare(kafka, specs(), settings.replication)
    except AccessDenied as error:
        app.abort(str(error))
        return
    for table in TABLES:
        table.producer, table.mend = services.producer, _rebuild_tables
        if app.conf.store.scheme != "memory":
            table.keep(Snapshot(app.conf.tabledir / table.changelog_topic_name))
    if app.conf.store.scheme != "memory":
        await retry_until_available(kafka, lambda: changelog.restore(kafka, TABLES, new))


@app.starting
async def _start() -> None:
    metrics.declare([spec.name for spec in specs()], map(without_secret, settings.sources))
    await services.producer.start()
    names = [spec.name for spec in specs()]
    await retry_until_available(kafka, lambda: services.producer.learn_limit(names))
    await services.compacted.start()


# Each of these steps has a time limit of its own, and the last one registered goes first.
@app.after
async def _close_tables() -> None:
    for table in TABLES:
        table.close()


@app.after
async def _stop_producer() -> None:
    await services.producer.stop()


@app.after
async def _stop_compacted() -> None:
    await services.compacted.stop()
