"""Every Kafka topic and table, named in one place, and what all agents share: the outbox and dead letters.

All of it is declared before anything subscribes: Faust skips for minutes a topic that is missing when a
worker joins.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Any, cast

from faust.tables.manager import TableManager
from faust.types import TopicT

from tweetream import metrics
from tweetream.app import app, kafka, settings
from tweetream.engine import changelog
from tweetream.engine.snapshot import Snapshot
from tweetream.engine.table import ReplicatedTable
from tweetream.engine.worker import stop_worker
from tweetream.kafka import admin
from tweetream.kafka.compacted import CompactedReader, Record
from tweetream.kafka.connection import AccessDenied
from tweetream.kafka.producer import Headers, OrderedProducer, RecordRejected
from tweetream.models import codec
from tweetream.models.feed import base36
from tweetream.models.topic import Counts, Topic
from tweetream.sources.status import SourceStatuses

log = logging.getLogger(__name__)
NAMESPACE = settings.namespace
DEAD = f"{NAMESPACE}-dead"
FEED_PREFIX = f"{NAMESPACE}-feed-"
DEAD_BYTES = 64 * 1024  # of a record that is put aside, the rest is cut
_HOUR_MS = 3_600_000


def _topic(name: str, partitions: int) -> TopicT:
    # Raw: what does not decode is put aside by us, since Faust would stop on it.
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

RETRACTED = f"{NAMESPACE}-retracted"  # key: the id of a post that its network says was deleted
SOURCES = f"{NAMESPACE}-sources"  # key: a source's URL; value: how it does

producer = OrderedProducer(kafka)
compacted = CompactedReader(kafka)  # follows these two
source_statuses = SourceStatuses()
flowing = app.flow_control.is_active  # agents go on trying to deliver for as long as this says


class TopicsTable(ReplicatedTable):
    """The topics and tombstones, by name, and how many commands have been applied (`applied`)."""

    _APPLIED = b"\x00applied"

    @property
    def applied(self) -> int:
        """The offset of the last command applied, -1 if there was none."""
        return int(self.get(self._APPLIED, b"-1"))

    def apply(self, offset: int, *changed: Topic, forgotten: str = "") -> None:
        """Write what a command did, and last that it has been applied."""
        for topic in changed:
            self[topic.name.encode()] = codec.encode(topic)
        if forgotten:
            self.pop(forgotten.encode(), None)
        self[self._APPLIED] = str(offset).encode()

    def is_outdated(self, key: bytes, there: bytes, new: bytes | None) -> bool:
        if key == self._APPLIED:
            return new is None or int(new) < int(there)
        old = codec.decode(there, Topic)
        return old.alive if new is None else codec.decode(new, Topic).command < old.command

    _read: dict[str, Topic]
    _read_at = -1

    def entry(self, name: str) -> Topic | None:
        """The topic or tombstone of that name."""
        return self._entries().get(name)

    def entries(self) -> Iterable[Topic]:
        """All topics and tombstones."""
        return self._entries().values()

    def _entries(self) -> dict[str, Topic]:
        """The table decoded, once for each version of it: agents ask for each batch."""
        if self._read_at != self.version:
            topics = [codec.decode(data, Topic) for key, data in self.items() if key != self._APPLIED]
            self._read = {topic.name: topic for topic in topics}
            self._read_at = self.version
        return self._read

    def alive(self) -> list[Topic]:
        """The active topics, by name."""
        return sorted((topic for topic in self.entries() if topic.alive), key=lambda topic: topic.name)


class CountsTable(ReplicatedTable):
    """How many posts each feed has had, by the feed's Kafka topic."""

    def entry(self, kafka_topic: str) -> Counts:
        data = self.get(kafka_topic.encode())
        return Counts() if data is None else codec.decode(data, Counts)

    def put(self, kafka_topic: str, entry: Counts) -> None:
        self[kafka_topic.encode()] = codec.encode(entry)

    def is_outdated(self, key: bytes, there: bytes, new: bytes | None) -> bool:
        if new is None:
            return False
        old, counted = codec.decode(there, Counts), codec.decode(new, Counts).stamps
        return any(stamp > counted.get(partition, (-1, -1, -1)) for partition, stamp in old.stamps.items())


async def _mend() -> None:
    """Rebuild the tables that lack something."""
    try:
        async with changelog.reader(kafka) as consumer:
            for table in _tables():
                if table.stale:
                    log.info("reading %s from the beginning: records of it are gone", table.changelog_topic_name)
                    await table.rebuild(await changelog.look(consumer, table.changelog_topic_name))
    except admin.Unavailable as error:
        log.warning("a table waits for Kafka: %s", error)


def _table(cls: type[ReplicatedTable], name: str) -> Any:
    # A buffer of one: with Faust's thousand another worker would see a change when a thousand have come.
    table = cls(
        app, name=name, key_type=bytes, value_type=bytes, partitions=1, beacon=app.tables.beacon, is_global=True,
        recovery_buffer_size=1, standby_buffer_size=1,
    )  # fmt: skip
    table.producer = producer
    table.mend = _mend
    return app.tables.add(table)


topics: TopicsTable = _table(TopicsTable, "topics")
counts_table: CountsTable = _table(CountsTable, "counts")


def _take_reports(records: list[Record]) -> None:
    try:
        for notice in records:
            source_statuses.update(notice.value, notice.timestamp)
    except codec.TooNew as error:
        stop_worker(str(error))


compacted.follow(SOURCES, _take_reports)


def _tables() -> tuple[ReplicatedTable, ...]:
    return topics, counts_table


def feed_name(name: str, generation: int) -> str:
    """The Kafka topic of a feed: another one each time a topic is made."""
    return f"{FEED_PREFIX}{name}-{base36(generation)}"


def is_dead(kafka_topic: str, command: int) -> bool:
    """Whether the feed was deleted, as far as this worker knows, when it was there at `command`.

    A feed that is not in the table is dead if the table is that far, and new if it is not.
    """
    name, _, generation = kafka_topic.removeprefix(FEED_PREFIX).rpartition("-")
    entry = topics.entry(name)
    if entry is None:
        return topics.applied >= command
    made = int(generation, 36)
    return entry.generation > made or (entry.generation == made and not entry.alive)


def topic_of(kafka_topic: str) -> str:
    """The name of the topic that a feed belongs to."""
    return kafka_topic.removeprefix(FEED_PREFIX).rpartition("-")[0]


def _feed_segment() -> int:
    """The ms that Kafka writes one file of a feed for: so much longer than it should the feed may keep a post."""
    return int(min(settings.feed_retention * 1000, 7 * 24 * _HOUR_MS))


def feed_spec(kafka_topic: str) -> admin.TopicSpec:
    config = {
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(int(settings.feed_retention * 1000)),
        "segment.ms": str(_feed_segment()),
    }
    return admin.TopicSpec(kafka_topic, 1, config)


def specs() -> list[admin.TopicSpec]:
    """The Kafka topics that every worker needs before it joins."""
    compact = {"cleanup.policy": "compact"}
    keep = {"cleanup.policy": "delete", "retention.ms": str(7 * 24 * _HOUR_MS)}
    # The word that a post was deleted stays for longer than any feed has the post: else the post would be back.
    longest = int(settings.feed_retention * 1000) + _feed_segment() + _HOUR_MS
    return [
        admin.TopicSpec(POSTS, settings.partitions, keep),
        admin.TopicSpec(TAGGED, settings.partitions, keep),
        admin.TopicSpec(COMMANDS, 1, keep),
        admin.TopicSpec(COUNTS, 1, keep),
        admin.TopicSpec(DEAD, 1, keep),
        admin.TopicSpec(RETRACTED, 1, {"cleanup.policy": "compact,delete", "retention.ms": str(longest)}),
        admin.TopicSpec(SOURCES, 1, compact),
        admin.TopicSpec(f"{NAMESPACE}-__assignor-__leader", 1, keep),  # Faust's own
        *(admin.TopicSpec(table.changelog_topic_name, 1, compact) for table in _tables()),
    ]


async def dead_letter(topic: str, value: bytes | None, reason: str) -> None:
    """Send what cannot be read or delivered to the dead letters, and count it under the topic it came from."""
    log.warning("put aside a record of %s: %s", topic, reason)
    headers: Headers = [("topic", topic.encode()), ("reason", reason[:1000].encode())]
    try:
        await producer.send(DEAD, 0, (value or b"")[:DEAD_BYTES], headers=headers)
    except RecordRejected as error:
        log.error("a dead letter was refused: %s", error)
    metrics.dead_letters.labels(topic).inc()


def recovered() -> bool:
    """Whether this worker's tables are there, and what was retracted."""
    done = app.started and cast(TableManager, app.tables).recovery.completed.is_set() and compacted.ready.is_set()
    return bool(done and not any(table.stale for table in _tables()))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def wait_applied(offset: int, timeout: float) -> bool:
    """Wait until this worker's topics table has command `offset`; false when the time is over or flow suspended."""
    deadline = time.monotonic() + timeout
    while topics.applied < offset:
        if time.monotonic() >= deadline or not flowing():
            return False
        await asyncio.sleep(0.01)
    return True


@app.timer(0.5)
async def _follow() -> None:
    """Let the producer ask for the topics that are there alone: its asking can bring a deleted one back to life."""
    global _followed
    if any(table.stale for table in _tables()):
        await _mend()
    if topics.version != _followed:
        _followed = topics.version
        producer.follow([*(spec.name for spec in specs()), *(topic.kafka_topic for topic in topics.alive())])


_followed = -1


@app.before
async def _declare() -> None:
    try:
        new = await admin.declare(kafka, specs(), settings.replication)
    except AccessDenied as error:
        stop_worker(str(error))
        await asyncio.Event().wait()  # the end comes from outside
    if app.conf.store.scheme != "memory":
        for table in _tables():
            table.keep(Snapshot(app.conf.tabledir / table.changelog_topic_name))
        await admin.retry_until_available(kafka, lambda: changelog.restore(kafka, _tables(), new))
    await producer.start()
    await compacted.start()


@app.after
async def _close() -> None:
    for table in _tables():
        table.close()


app.after(producer.stop)
app.after(compacted.stop)
