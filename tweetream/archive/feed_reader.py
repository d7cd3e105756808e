"""Reads all feeds of a deployment and its retractions from Kafka, in bulk, for an archiver.

The topics table's changelog says which feeds there are: a new topic's feed is read from its start, and a deleted one is
let go at once. A feed that Kafka cannot read is passed over until it can, so that it holds no other.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Mapping
from itertools import groupby
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from tweetream import metrics
from tweetream.archive.batch import Batch
from tweetream.archive.rows import FeedState, row_of
from tweetream.feeds.record import GAP, read_record
from tweetream.kafka.compacted import CompactedReader, CompactedRecord
from tweetream.kafka.connection import Connection
from tweetream.kafka.readers import POLL_MS
from tweetream.kafka.rebootstrap import rebootstrapping, usable
from tweetream.models import codec
from tweetream.models.topic import Topic, check_entry

log = logging.getLogger(__name__)
FETCH_BYTES = 4 * 1024 * 1024  # of a feed in one answer of Kafka
POLL_RECORDS = 5_000
ASK_TIMEOUT = 10.0  # seconds
_APPLIED = b"\x00applied"  # a key of the topics table that is no topic


def changelog_of(namespace: str) -> str:
    """The Kafka topic of the topics table."""
    return f"{namespace}-topics-changelog"


def retractions_of(namespace: str) -> str:
    """The Kafka topic of retracted ids."""
    return f"{namespace}-retracted"


class FeedReader:
    """Reads from where the archive is. `failure` says why reading cannot go on, if it cannot."""

    def __init__(self, kafka: Connection, namespace: str) -> None:
        self._kafka = kafka
        self._compacted = CompactedReader(kafka)
        self._changelog = changelog_of(namespace)
        self._compacted.follow(self._changelog, self._take_topics)
        self._retractions = TopicPartition(retractions_of(namespace), 0)
        self._feeds: dict[str, str] = {}  # user topic → Kafka topic
        self._logs: dict[str, str] = {}  # Kafka topic → its log, as positions name it
        self._states: dict[str, FeedState] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._assigned: set[TopicPartition] = set()
        self._passed_over: set[TopicPartition] = set()  # what Kafka cannot read now
        self._look_again_at = 0.0
        self._lost: set[TopicPartition] = set()  # what Kafka does not have where the archive goes on
        self._retractions_read = False
        self.failure = ""

    async def start(self) -> None:
        await self._compacted.start()
        await self._compacted.ready.wait()

    async def stop(self) -> None:
        await self._compacted.stop()

    def _take_topics(self, records: list[CompactedRecord]) -> None:
        for record in records:
            if record.key == _APPLIED:
                continue
            self._feeds.pop(name := record.key.decode(errors="replace"), None)
            if record.value is None:
                continue
            try:
                topic = codec.decode(record.value, Topic)
                if topic.alive and check_entry(topic) == name:
                    self._feeds[name] = topic.kafka_topic
                    if self._logs.get(topic.kafka_topic) != topic.log:  # new, or made again
                        self._logs[topic.kafka_topic] = topic.log
                        self._assigned, self._passed_over = set(), set()
            except codec.TooNew as error:
                self.failure = str(error)
            except ValueError:
                metrics.dead_letters.labels(self._changelog).inc()

    @contextlib.asynccontextmanager
    async def reading(self, states: Mapping[str, FeedState]) -> AsyncIterator[None]:
        """Within the block, `poll` reads on from these states."""
        # Retractions are read from their start, as every worker does: a new Kafka has other offsets.
        self._states, self._retractions_read = dict(states), False
        self._assigned, self._passed_over = set(), set()
        self._consumer = rebootstrapping(
            AIOKafkaConsumer(
                **self._kafka.arguments(),
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_wait_ms=POLL_MS,
                max_partition_fetch_bytes=FETCH_BYTES,
            )
        )
        try:
            await self._consumer.start()
            yield
        finally:
            await self._consumer.stop()

    async def poll(self, batch: Batch) -> bool:
        """Add what comes within a moment to the batch. Returns whether anything came. Raises KafkaError."""
        consumer = self._consumer
        assert consumer is not None
        await self._assign(consumer)
        try:
            found = await consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        except OffsetOutOfRangeError as error:
            self._lost |= set(error.args[0])
            self._assigned, self._passed_over = set(), set()
            return False
        if not self._assigned:  # a feed was made again meanwhile: these may be of its new log, at the old one's offsets
            return False
        for tp, raws in found.items():
            for day, of_day in groupby(raws, _day):
                some = list(of_day)
                if tp == self._retractions:
                    self._take_retractions(some, batch)
                else:
                    self._take(self._states[tp.topic], day, some, batch)
                self._states[tp.topic].next_offset = some[-1].offset + 1
                if tp != self._retractions:
                    batch.feeds[tp.topic] = batch.days[tp.topic, day] = self._copy(tp.topic)
        if not self._retractions_read and self._retractions not in found:
            self._retractions_read = True  # those from before come first, so that no retracted post shows
        batch.lag = self._lag(consumer)
        return bool(found)

    def _copy(self, kafka_topic: str) -> FeedState:
        state = self._states[kafka_topic]
        return FeedState(state.topic, state.next_offset, state.stamps.copy(), state.log)

    def _take(self, state: FeedState, day: int, raws: list[Any], batch: Batch) -> None:
        stamps, topic, rows, kafka_topic = state.stamps, state.topic, batch.rows, raws[0].topic
        for raw in raws:
            record = read_record(raw, stamps)
            if record is not None and record.label != GAP:
                row = row_of(record, topic, kafka_topic, day)
                if row is not None:
                    rows.append(row)
                    batch.size += len(record.data)
                else:
                    metrics.dead_letters.labels(raw.topic).inc()

    def _take_retractions(self, raws: list[Any], batch: Batch) -> None:
        for raw in raws:
            if raw.key:
                id = raw.key.decode(errors="replace")
                batch.retracted.pop(id, None)  # the last one counts
                batch.retracted[id] = None if raw.value is None else raw.timestamp

    async def _assign(self, consumer: AIOKafkaConsumer) -> None:
        """Follow the topics as they are now."""
        feeds = {kafka_topic: name for name, kafka_topic in self._feeds.items()} if self._retractions_read else {}
        wanted = {TopicPartition(kafka_topic, 0) for kafka_topic in feeds} | {self._retractions}
        due = self._passed_over and time.monotonic() > self._look_again_at
        if wanted == self._assigned | self._passed_over and not due:
            return
        consumer.assign([])  # the questions below would wait for the fetch of a feed that was deleted
        async with asyncio.timeout(ASK_TIMEOUT):
            here = await usable(consumer, {tp.topic for tp in wanted})
            self._passed_over = {tp for tp in wanted if tp.topic not in here}
            self._look_again_at = time.monotonic() + ASK_TIMEOUT
            wanted -= self._passed_over
            starts = await consumer.beginning_offsets(list(wanted))
        consumer.assign(list(wanted))
        for tp, start in starts.items():
            state = self._states.setdefault(tp.topic, FeedState(feeds.get(tp.topic, ""), start))
            consumer.seek(tp, self._place(tp, state, start))
        self._assigned, self._lost = wanted, self._lost & self._passed_over
        metrics.archive_lag.clear()

    def _place(self, tp: TopicPartition, state: FeedState, start: int) -> int:
        """Where reading goes on. A log that was cut or made again is read from its start; stamps tell what is new."""
        now, missing = self._logs.get(tp.topic, ""), start - state.next_offset
        made_again = state.log not in ("", now)
        if made_again:  # also while no archiver ran
            log.warning("%s was made again: what its old log had from %d on is lost", tp.topic, state.next_offset)
        elif missing > 0 and tp != self._retractions:
            log.warning("Kafka deleted %d records of %s before they were archived", missing, tp.topic)
        if made_again or missing > 0 or tp in self._lost:
            state.next_offset = start
        state.log = now
        return state.next_offset

    def _lag(self, consumer: AIOKafkaConsumer) -> int:
        """Records of the feeds that Kafka has and this reader has not read."""
        total = 0
        for tp in self._assigned - {self._retractions}:
            high = consumer.highwater(tp)
            lag = max(0, (high or 0) - self._states[tp.topic].next_offset)
            metrics.archive_lag.labels(self._states[tp.topic].topic).set(lag)
            total += lag
        return total


def _day(raw: Any) -> int:
    """The UTC day of a record's arrival, since 1970."""
    return int(raw.timestamp) // 86_400_000
