"""What the table of topics says has been applied: here, and in Kafka."""

import asyncio

import pytest
from support.tables import FakeProducer, let_tasks_run, new_table, rebalance

from tweetream.engine.state import TopicsTable


async def test_a_command_is_confirmed_only_when_kafka_has_its_changes(producer: FakeProducer) -> None:
    table = new_table(TopicsTable, producer)
    table.apply(3)
    assert (table.applied, table.confirmed) == (3, -1)
    waiting = asyncio.create_task(table.wait_applied(3))
    await let_tasks_run()
    assert not waiting.done(), "a topic that a rebalance can still undo is not there"
    await table.flush()
    await waiting
    assert (table.applied, table.confirmed) == (3, 3)


async def test_what_is_confirmed_outlives_the_loss_of_the_table_and_the_rest_does_not(
    producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = new_table(TopicsTable, producer)
    table.apply(3)
    await table.flush()
    table.apply(4)
    assert (table.applied, table.confirmed) == (4, 3)
    await rebalance(table, monkeypatch, owner=False)
    assert (table.applied, table.confirmed) == (3, 3)
