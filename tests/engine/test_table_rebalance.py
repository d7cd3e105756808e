"""The replicated table at a rebalance: a worker that loses the partition withdraws what it has not delivered."""

import asyncio

import pytest
from support.tables import FakeProducer, let_tasks_run, rebalance, receive

from tweetream.engine.table import ReplicatedTable
from tweetream.kafka.producer import Abandoned


async def test_a_worker_that_loses_the_partition_withdraws_undelivered_changes(
    table: ReplicatedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(table, (0, b"changed", b"kafka's"), (1, b"deleted", b"kafka's"))
    table[b"changed"] = b"ours"
    table.pop(b"deleted", None)
    table[b"new"] = b"ours"
    await rebalance(table, monkeypatch, owner=False)
    assert dict(table.items()) == {b"changed": b"kafka's", b"deleted": b"kafka's"}
    await table.flush()
    assert producer.log == [], "another worker writes now"


async def test_a_withdrawn_change_gives_way_to_a_value_that_came_from_kafka_meanwhile(
    table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table[b"a"] = b"ours"
    receive(table, (0, b"a", b"the other's"))
    assert table[b"a"] == b"ours"
    await rebalance(table, monkeypatch, owner=False)
    assert table[b"a"] == b"the other's"


async def test_a_change_that_was_delivered_is_not_withdrawn(
    table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table[b"a"] = b"1"
    await table.flush()
    await rebalance(table, monkeypatch, owner=False)
    assert table[b"a"] == b"1"


async def test_a_worker_that_keeps_the_partition_withdraws_nothing(
    table: ReplicatedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    table[b"a"] = b"1"
    await rebalance(table, monkeypatch, owner=True)
    assert table[b"a"] == b"1"
    await table.flush()
    assert producer.log == [(b"a", b"1")]


async def test_a_send_that_ends_after_the_partition_was_lost_leaves_the_table_as_kafka_has_it(
    table: ReplicatedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer.free.clear()
    table[b"a"] = b"1"
    flushing = asyncio.create_task(table.flush())
    await let_tasks_run()
    await rebalance(table, monkeypatch, owner=False)
    producer.free.set()
    with pytest.raises(Abandoned):  # or a count would be acknowledged that was not delivered
        await flushing
    receive(table, (0, b"a", b"1"))
    assert table[b"a"] == b"1"
    receive(table, (1, b"a", b"2"))
    await rebalance(table, monkeypatch, owner=False)
    assert table[b"a"] == b"2", "no stale value comes back"


async def test_a_withdrawal_gives_the_table_another_version(
    table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table[b"a"] = b"1"
    version = table.version
    await rebalance(table, monkeypatch, owner=False)
    assert table.version != version


async def test_two_flushes_at_once_leave_nothing_that_a_rebalance_would_put_back(
    table: ReplicatedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer.free.clear()
    table[b"a"] = b"1"
    flushing = [asyncio.create_task(table.flush()) for _ in range(2)]
    await let_tasks_run()
    producer.free.set()
    await asyncio.gather(*flushing)
    receive(table, (2, b"a", b"2"))
    await rebalance(table, monkeypatch, owner=False)
    assert table[b"a"] == b"2"
