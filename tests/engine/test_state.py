"""What the table of topics says has been applied: here, and in Kafka."""

import asyncio
from typing import Any

import msgspec
import pytest
from support.tables import FakeProducer, let_tasks_run, new_table, rebalance

from tweetream.engine.state import TopicsTable
from tweetream.models.backfill import Backfill
from tweetream.models.topic import Topic
from tweetream.topology import FEED_PREFIX


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


async def test_only_the_topic_that_changed_is_decoded_again(producer: FakeProducer) -> None:
    """Stops topics that come and go: with 2,000 tombstones each change cost every reader some ms of the loop."""
    table = new_table(TopicsTable, producer)
    first, second = (Topic(name, (name,), 1, 1, f"{FEED_PREFIX}{name}-1", 1) for name in ("a", "b"))
    table.apply(1, first, second)
    before = {topic.name: topic for topic in table.entries()}
    table.apply(2, msgspec.structs.replace(second, deleted_at=5))
    after = {topic.name: topic for topic in table.entries()}
    assert after["a"] is before["a"] and after["b"] == msgspec.structs.replace(second, deleted_at=5)
    table.apply(3, forgotten="a")
    assert [topic.name for topic in table.entries()] == ["b"] and table.entry("a") is None


async def test_a_feed_is_live_while_its_topic_is_active_and_filling_while_it_gets_stored_posts(
    producer: FakeProducer,
) -> None:
    table = new_table(TopicsTable, producer)
    first, second = (Topic(name, (name,), 1, 1, f"{FEED_PREFIX}{name}-1", 1) for name in ("a", "b"))
    assert table.live_feeds() == table.filling_feeds() == set()
    running = msgspec.structs.replace(second, backfill=Backfill(60, until=5))
    table.apply(1, first, running)
    assert table.live_feeds() == {first.kafka_topic, second.kafka_topic}
    assert table.filling_feeds() == {second.kafka_topic} and table.alive() == [first, running]
    again = msgspec.structs.replace(first, generation=2, kafka_topic=f"{FEED_PREFIX}a-2")
    table.apply(2, again, msgspec.structs.replace(running, deleted_at=5))
    assert table.live_feeds() == {again.kafka_topic} and table.filling_feeds() == set()
    assert table.alive() == [again], "also when it was asked before"


async def test_a_feed_has_stored_posts_to_look_at_when_its_backfill_has_ended_and_brought_some(
    producer: FakeProducer,
) -> None:
    """While a feed is filled its ids are not complete, and must not be remembered."""
    table = new_table(TopicsTable, producer)

    def topic(name: str, **backfill: Any) -> Topic:
        told = Backfill(60, until=5, **backfill) if backfill else None
        return Topic(name, (name,), 1, 1, f"{FEED_PREFIX}{name}-1", 1, backfill=told)

    done, failed = topic("done", state="done", posts=3), topic("failed", state="failed", posts=3)
    deleted = msgspec.structs.replace(topic("deleted", state="done", posts=3), deleted_at=7)
    none, running = topic("none", state="done", posts=0), topic("running", state="running", posts=3)
    table.apply(1, topic("without"), done, failed, deleted, none, running)
    assert table.filled_feeds() == {one.kafka_topic: one for one in (done, failed)}
