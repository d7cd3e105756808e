"""The replicated table: no change is lost, and no key ever goes back to an older value."""

import asyncio

import pytest
from faust.types import TP
from support.tables import FakeChangelog, FakeProducer, let_tasks_run, rebalance, receive

from tweetream.engine.table import ReplicatedTable
from tweetream.kafka.producer import Abandoned, RecordTooLarge
from tweetream.kafka.send_queue import Send


async def test_a_change_is_sent_only_by_a_flush_and_shows_at_once(
    table: ReplicatedTable, producer: FakeProducer
) -> None:
    table[b"a"] = b"1"
    assert table[b"a"] == b"1" and producer.log == []
    await table.flush()
    assert producer.log == [(b"a", b"1")]
    await table.flush()
    assert len(producer.log) == 1, "a delivered change is not sent again"


async def test_changes_are_delivered_in_order_with_the_last_value_of_each_key(
    table: ReplicatedTable, producer: FakeProducer
) -> None:
    table[b"b"] = b"1"
    table[b"a"] = b"2"
    table[b"b"] = b"3"
    table.pop(b"a", None)
    await table.flush()
    assert producer.log == [(b"b", b"3"), (b"a", None)]


async def test_a_thousand_changes_go_out_in_one_send(
    table: ReplicatedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sends: list[Send] = []
    deliver = producer.deliver

    async def noting(topic: str, partition: int, send: Send) -> None:
        sends.append(send)
        await deliver(topic, partition, send)

    monkeypatch.setattr(producer, "deliver", noting)
    for number in range(1_000):
        table[b"%d" % number] = b"1"
    await table.flush()
    assert len(sends) == 1 and len(producer.log) == 1_000
    receive(table, *[(number, b"%d" % number, b"0") for number in range(1_000)])
    assert set(table.values()) == {b"1"}, "each key knows the offset of its own change"


async def test_an_own_change_that_comes_back_is_not_decoded(
    table: ReplicatedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[bytes] = []
    monkeypatch.setattr(table, "check", lambda key, value: checked.append(value))
    table[b"a"] = b"1"
    await table.flush()
    receive(table, (0, b"a", b"1"))
    assert checked == [] and table.read_to == 0
    receive(table, (1, b"a", b"1"), (2, b"a", b"2"))
    assert checked == [b"1", b"2"], "what others wrote is"


async def test_what_follows_a_change_that_is_too_large_is_not_sent_without_it(
    table: ReplicatedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def only_small(topic: str, partition: int, send: Send) -> None:
        for value, _ in send.records:
            if value == b"large":
                assert send.strict
                raise RecordTooLarge
            send.count(1, 7)

    monkeypatch.setattr(producer, "deliver", only_small)
    table[b"a"], table[b"b"], table[b"c"] = b"1", b"large", b"1"
    for _ in range(2):
        with pytest.raises(RecordTooLarge):
            await table.flush()
        assert [table.in_changelog(key) for key in (b"a", b"b", b"c")] == [b"1", None, None]


async def test_an_abandoned_flush_leaves_the_change_for_the_next_one(
    table: ReplicatedTable, producer: FakeProducer
) -> None:
    producer.free.clear()
    table[b"a"] = b"1"
    with pytest.raises(Abandoned):
        await table.flush(lambda: False)
    producer.free.set()
    await table.flush()
    assert producer.log == [(b"a", b"1")]


async def test_a_change_made_while_its_key_is_being_sent_is_sent_after_it(
    table: ReplicatedTable, producer: FakeProducer
) -> None:
    producer.free.clear()
    table[b"a"] = b"1"
    flushing = asyncio.create_task(table.flush())
    await let_tasks_run()
    table[b"a"] = b"2"
    producer.free.set()
    await flushing
    assert producer.log == [(b"a", b"1"), (b"a", b"2")]


async def test_changes_of_another_worker_are_applied(table: ReplicatedTable, producer: FakeProducer) -> None:
    receive(table, (0, b"a", b"1"), (1, b"b", b"2"), (2, b"a", b"3"), (3, b"b", None))
    assert dict(table.items()) == {b"a": b"3"} and producer.log == []


async def test_an_older_record_never_replaces_a_newer_value(table: ReplicatedTable) -> None:
    receive(table, (5, b"a", b"new"))
    receive(table, (3, b"a", b"old"), (4, b"a", None))
    assert table[b"a"] == b"new"


async def test_the_echo_of_an_older_change_of_ours_does_not_undo_a_newer_one(table: ReplicatedTable) -> None:
    table[b"a"] = b"1"
    await table.flush()
    table[b"a"] = b"2"
    await table.flush()
    receive(table, (0, b"a", b"1"))
    assert table[b"a"] == b"2"
    receive(table, (1, b"a", b"2"), (2, b"a", b"3"))
    assert table[b"a"] == b"3"


async def test_the_echo_of_a_change_does_not_bring_back_what_was_deleted_after_it(table: ReplicatedTable) -> None:
    table[b"a"] = b"1"
    await table.flush()
    table.pop(b"a", None)
    await table.flush()
    receive(table, (0, b"a", b"1"), (1, b"a", None))
    assert b"a" not in table


async def test_an_echo_that_comes_while_its_key_is_pending_changes_nothing(
    table: ReplicatedTable, producer: FakeProducer
) -> None:
    table[b"a"] = b"1"
    await table.flush()
    table[b"a"] = b"2"
    receive(table, (0, b"a", b"1"))
    assert table[b"a"] == b"2"
    await table.flush()
    assert producer.log[-1] == (b"a", b"2")


async def test_an_echo_that_comes_before_the_answer_to_the_send_is_recognised(
    table: ReplicatedTable, producer: FakeProducer
) -> None:
    producer.free.clear()
    table[b"a"] = b"1"
    flushing = asyncio.create_task(table.flush())
    await let_tasks_run()
    receive(table, (0, b"a", b"1"))
    producer.free.set()
    await flushing
    table[b"a"] = b"2"
    receive(table, (0, b"a", b"1"))
    assert table[b"a"] == b"2"


async def test_the_recovery_of_a_standby_deletes_nothing(table: ReplicatedTable) -> None:
    receive(table, (0, b"a", b"1"))
    tp = TP(table.changelog_topic_name, 0)
    await table.on_recovery_completed(set(), {tp})
    assert dict(table.items()) == {b"a": b"1"}


async def test_every_change_gives_the_table_another_version(table: ReplicatedTable) -> None:
    seen = {table.version}
    table[b"a"] = b"1"
    seen.add(table.version)
    receive(table, (0, b"b", b"2"))
    seen.add(table.version)
    table.pop(b"a", None)
    seen.add(table.version)
    assert len(seen) == 4


async def test_a_missing_record_makes_the_table_stale_until_it_is_rebuilt(table: ReplicatedTable) -> None:
    receive(table, (0, b"kept", b"1"), (1, b"deleted", b"2"))
    assert not table.stale
    receive(table, (5, b"new", b"3"))  # the deletion was compacted away
    assert table.stale
    await table.rebuild(FakeChangelog((0, b"kept", b"1"), (5, b"new", b"3")))
    assert dict(table.items()) == {b"kept": b"1", b"new": b"3"} and not table.stale


async def test_records_that_come_during_a_rebuild_stay(table: ReplicatedTable) -> None:
    receive(table, (0, b"old", b"1"), (5, b"late", b"2"))
    await table.rebuild(FakeChangelog((4, b"there", b"3")))
    assert dict(table.items()) == {b"late": b"2", b"there": b"3"} and table.read_to == 5


async def test_pending_changes_survive_a_rebuild(table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch) -> None:
    receive(table, (0, b"a", b"kafka's"), (1, b"b", b"kafka's"))
    table[b"a"] = b"ours"
    await table.rebuild(FakeChangelog((2, b"c", b"3")))
    assert dict(table.items()) == {b"a": b"ours", b"c": b"3"}
    await rebalance(table, monkeypatch, owner=False)
    assert dict(table.items()) == {b"c": b"3"}
