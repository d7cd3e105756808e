"""Reads the changelogs of tables with a consumer that joins no group; Faust then goes on from there.

Faust trusts a copy on disk whatever has become of the changelog since: it may be that of another cluster, emptied, or
compacted so that deletions are gone. Here a snapshot counts only if its last record is still in the changelog and
no record after it is missing. Otherwise the table is read from the beginning.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError

from tweetream.engine.snapshot import SnapshotPosition, fingerprint
from tweetream.kafka.admin import CLOSE_TIMEOUT, TIMEOUT
from tweetream.kafka.connection import Connection
from tweetream.kafka.rebootstrap import rebootstrapping
from tweetream.kafka.retry import Unavailable, wait_at_most

log = logging.getLogger(__name__)
QUIET = 10  # seconds that Kafka may give no record although it has more


class ChangelogRecord(msgspec.Struct, frozen=True):
    """A change of a table, as the changelog has it."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes | None

    @property
    def fingerprint(self) -> bytes:
        return fingerprint(self.timestamp, self.key, self.value)


class Changelog:
    """The one partition of a table's changelog: where it begins and ends, and its records."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, begin: int, end: int) -> None:
        self._consumer = consumer
        self._tp = TopicPartition(topic, 0)
        self.begin = begin
        self.end = end

    async def after(self, position: SnapshotPosition) -> list[ChangelogRecord] | None:
        """The records after `position`. None if this is not the changelog of the snapshot, or records are missing."""
        if not self.begin <= position.offset < self.end:
            return None
        records = await self.read(position.offset)
        offsets = [record.offset for record in records]
        end = position.offset + len(offsets)
        if offsets != list(range(position.offset, end)) or end < self.end:
            return None
        return records[1:] if records[0].fingerprint == position.record else None

    async def read(self, start: int) -> list[ChangelogRecord]:
        """The records from `start` to `end`. Raises KafkaTimeoutError."""
        found: list[ChangelogRecord] = []
        if start >= self.end:
            return found
        self._consumer.seek(self._tp, start)
        quiet = 0
        while await self._consumer.position(self._tp) < self.end:
            raws = (await self._consumer.getmany(self._tp, timeout_ms=1000)).get(self._tp, [])
            found += [
                ChangelogRecord(raw.offset, raw.timestamp, raw.key, raw.value) for raw in raws if raw.key is not None
            ]
            quiet = 0 if raws else quiet + 1
            if quiet >= QUIET:
                raise KafkaTimeoutError(f"{self._tp} gives nothing")
        return found


@asynccontextmanager
async def reader(kafka: Connection) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer to read changelogs with. Raises Unavailable."""
    consumer = AIOKafkaConsumer(
        **kafka.arguments(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=10,  # the next request would wait for a fetch that finds nothing
    )
    rebootstrapping(consumer)
    try:
        async with asyncio.timeout(TIMEOUT):
            await consumer.start()
        yield consumer
    except (KafkaError, TimeoutError, OSError) as error:
        raise Unavailable(repr(error)) from error
    finally:
        await wait_at_most(CLOSE_TIMEOUT, consumer.stop())


async def look(consumer: AIOKafkaConsumer, topic: str) -> Changelog:
    """The changelog as it is now."""
    tp = TopicPartition(topic, 0)
    consumer.assign([tp])
    begin, end = await consumer.beginning_offsets([tp]), await consumer.end_offsets([tp])
    return Changelog(consumer, topic, begin[tp], end[tp])


async def restore(kafka: Connection, tables: Iterable[Any], new: set[str]) -> None:
    """Bring the tables to the ends of their changelogs, from their snapshots where valid. Raises Unavailable."""
    async with reader(kafka) as consumer:
        for table in tables:
            if table.changelog_topic_name in new:
                await table.restore(Changelog(consumer, table.changelog_topic_name, 0, 0))
                continue
            await table.restore(await look(consumer, table.changelog_topic_name))
