"""A replicated table without Kafka: its producer keeps what it is sent, and its changelog has the records given."""

import asyncio
from types import SimpleNamespace
from typing import TypeVar

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import RecordMetadata
from faust.types import TP
from typing_extensions import override

from tweetream.engine.application import App
from tweetream.engine.changelog import Changelog, ChangelogRecord
from tweetream.engine.table import ReplicatedTable
from tweetream.kafka.connection import Connection
from tweetream.kafka.producer import Abandoned, OrderedProducer
from tweetream.kafka.send_queue import Headers, Send, StillAssigned, always

Table = TypeVar("Table", bound=ReplicatedTable)


class FakeProducer(OrderedProducer):
    """Keeps the records it is sent, one after the other, while `free` is set."""

    def __init__(self) -> None:
        super().__init__(Connection(["127.0.0.1:1"]))  # never started
        self.log: list[tuple[bytes | None, bytes | None]] = []
        self.free = asyncio.Event()
        self.free.set()

    @override
    async def send(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        still_assigned: StillAssigned = always,
    ) -> RecordMetadata:
        await self._until_free(still_assigned)
        self.log.append((key, value))
        return RecordMetadata(topic, partition, TopicPartition(topic, partition), len(self.log) - 1, 0, 1, 0)

    async def _until_free(self, still_assigned: StillAssigned) -> None:
        while not self.free.is_set():
            await asyncio.sleep(0)
            if not still_assigned():
                raise Abandoned

    @override
    async def deliver(self, topic: str, partition: int, send: Send) -> None:
        await self._until_free(send.still_assigned)
        send.count(len(send.records), len(self.log))
        self.log += [(key, value) for key, (value, _) in zip(send.keys or (), send.records, strict=True)]


class FakeChangelog(Changelog):
    """A changelog of the records given as (offset, key, value)."""

    def __init__(self, *records: tuple[int, bytes, bytes | None]) -> None:
        super().__init__(None, "things", 0, records[-1][0] + 1 if records else 0)
        self._records = [ChangelogRecord(offset, 0, key, value) for offset, key, value in records]

    @override
    async def read(self, start: int) -> list[ChangelogRecord]:
        return self._records


class NumberedTable(ReplicatedTable):
    """A table whose values are numbers that only grow."""

    @override
    def is_outdated(self, key: bytes, there: bytes, new: bytes | None) -> bool:
        return new is None or int(new) < int(there)


def new_table(kind: type[Table], producer: FakeProducer) -> Table:
    app = App("t", broker="kafka://127.0.0.1:1", store="memory://")
    table = kind(
        app, name="things", key_type=bytes, value_type=bytes, partitions=1, is_global=True,
        recovery_buffer_size=1, standby_buffer_size=1,
    )  # fmt: skip
    table.producer = producer
    app.tables.add(table)
    return table


def receive(table: ReplicatedTable, *records: tuple[int, bytes, bytes | None], at_once: bool = False) -> None:
    """The table gets changelog records (offset, key, value): one by one, or `at_once`."""
    tp = TP(table.changelog_topic_name, 0)
    events = [
        SimpleNamespace(
            key=key, value=value, message=SimpleNamespace(offset=offset, timestamp=0.0, value=value, partition=0, tp=tp)
        )
        for offset, key, value in records
    ]
    for batch in [events] if at_once else [[event] for event in events]:
        table.apply_changelog_batch(batch)


async def rebalance(table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch, owner: bool) -> None:
    """A rebalance ends; the worker is then the owner of the table's partition, or not."""
    tp = TP(table.changelog_topic_name, 0)
    monkeypatch.setattr(table.app.assignor, "assigned_actives", lambda: {tp} if owner else set())
    await table.on_rebalance({tp}, set(), set())


async def let_tasks_run() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
