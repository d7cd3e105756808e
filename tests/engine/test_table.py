"""The replicated table: no change is lost, and no key ever goes back to an older value."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from tweetream.engine.application import App
from tweetream.engine.changelog import Record
from tweetream.engine.table import ReplicatedTable
from tweetream.kafka.producer import Abandoned


class FakeOutbox:
    """Keeps what it is sent, one after the other, once `free` is set."""

    def __init__(self) -> None:
        self.log: list[tuple[bytes, bytes | None]] = []
        self.free = asyncio.Event()
        self.free.set()

    async def send(
        self, topic: str, partition: int, value: bytes | None, *, key: bytes, still_assigned: Callable[[], bool]
    ) -> Any:
        while not self.free.is_set():
            await asyncio.sleep(0)
            if not still_assigned():
                raise Abandoned
        self.log.append((key, value))
        return SimpleNamespace(offset=len(self.log) - 1)


@pytest.fixture
async def table() -> ReplicatedTable:
    app = App("t", broker="kafka://127.0.0.1:1", store="memory://")
    table = ReplicatedTable(
        app, name="things", key_type=bytes, value_type=bytes, partitions=1, is_global=True,
        recovery_buffer_size=1, standby_buffer_size=1,
    )  # fmt: skip
    table.producer = FakeOutbox()  # type: ignore[assignment]
    app.tables.add(table)
    return table


class Log:
    """A changelog that is there: `records` are (offset, key, value)."""

    def __init__(self, *records: tuple[int, bytes, bytes | None]) -> None:
        self.records = [Record(offset, 0, key, value) for offset, key, value in records]
        self.begin, self.end = 0, self.records[-1].offset + 1 if records else 0

    async def read(self, start: int) -> list[Record]:
        return self.records


def changelog(table: ReplicatedTable, *records: tuple[int, bytes, bytes | None]) -> None:
    """Records (offset, key, value) of the changelog arrive."""
    tp = TP(table.changelog_topic_name, 0)
    for offset, key, value in records:
        message = SimpleNamespace(offset=offset, value=value, partition=0, tp=tp)
        table.apply_changelog_batch([SimpleNamespace(key=key, value=value, message=message)])


async def rebalanced(table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch, mine: bool) -> None:
    tp = TP(table.changelog_topic_name, 0)
    monkeypatch.setattr(table.app.assignor, "assigned_actives", lambda: {tp} if mine else set())
    await table.on_rebalance({tp}, set(), set())


async def soon() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_change_is_sent_only_by_a_flush_and_shows_at_once(table: ReplicatedTable) -> None:
    table[b"a"] = b"1"
    assert table[b"a"] == b"1" and table.producer.log == []
    await table.flush()
    assert table.producer.log == [(b"a", b"1")]
    await table.flush()
    assert len(table.producer.log) == 1, "what was delivered is not sent again"


async def test_changes_are_delivered_in_the_order_they_were_made_the_last_value_of_each(table: ReplicatedTable) -> None:
    table[b"b"] = b"1"
    table[b"a"] = b"2"
    table[b"b"] = b"3"
    table.pop(b"a", None)
    await table.flush()
    assert table.producer.log == [(b"b", b"3"), (b"a", None)]


async def test_a_flush_that_is_given_up_leaves_the_change_for_the_next_one(table: ReplicatedTable) -> None:
    table.producer.free.clear()
    table[b"a"] = b"1"
    with pytest.raises(Abandoned):
        await table.flush(lambda: False)
    table.producer.free.set()
    await table.flush()
    assert table.producer.log == [(b"a", b"1")]


async def test_a_change_made_while_its_key_is_being_sent_is_sent_after_it(table: ReplicatedTable) -> None:
    table.producer.free.clear()
    table[b"a"] = b"1"
    flushing = asyncio.create_task(table.flush())
    await soon()
    table[b"a"] = b"2"
    table.producer.free.set()
    await flushing
    assert table.producer.log == [(b"a", b"1"), (b"a", b"2")]


async def test_the_changelog_of_another_worker_is_taken(table: ReplicatedTable) -> None:
    changelog(table, (0, b"a", b"1"), (1, b"b", b"2"), (2, b"a", b"3"), (3, b"b", None))
    assert dict(table.items()) == {b"a": b"3"} and table.producer.log == []


async def test_an_older_record_never_replaces_a_newer_value(table: ReplicatedTable) -> None:
    changelog(table, (5, b"a", b"new"))
    changelog(table, (3, b"a", b"old"), (4, b"a", None))
    assert table[b"a"] == b"new"


async def test_the_echo_of_an_older_change_of_ours_does_not_undo_a_newer_one(table: ReplicatedTable) -> None:
    table[b"a"] = b"1"
    await table.flush()
    table[b"a"] = b"2"
    await table.flush()
    changelog(table, (0, b"a", b"1"))
    assert table[b"a"] == b"2"
    changelog(table, (1, b"a", b"2"), (2, b"a", b"3"))
    assert table[b"a"] == b"3"


async def test_the_echo_of_a_change_does_not_bring_back_what_was_deleted_after_it(table: ReplicatedTable) -> None:
    table[b"a"] = b"1"
    await table.flush()
    table.pop(b"a", None)
    await table.flush()
    changelog(table, (0, b"a", b"1"), (1, b"a", None))
    assert b"a" not in table


async def test_an_echo_that_comes_while_its_key_is_pending_changes_nothing(table: ReplicatedTable) -> None:
    table[b"a"] = b"1"
    await table.flush()
    table[b"a"] = b"2"
    changelog(table, (0, b"a", b"1"))
    assert table[b"a"] == b"2"
    await table.flush()
    assert table.producer.log[-1] == (b"a", b"2")


async def test_an_echo_that_comes_before_the_answer_to_the_send_is_known_as_ours(table: ReplicatedTable) -> None:
    table.producer.free.clear()
    table[b"a"] = b"1"
    flushing = asyncio.create_task(table.flush())
    await soon()
    changelog(table, (0, b"a", b"1"))
    table.producer.free.set()
    await flushing
    table[b"a"] = b"2"
    changelog(table, (0, b"a", b"1"))
    assert table[b"a"] == b"2"


async def test_who_loses_the_partition_withdraws_what_was_not_delivered(
    table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    changelog(table, (0, b"changed", b"kafka's"), (1, b"deleted", b"kafka's"))
    table[b"changed"] = b"ours"
    table.pop(b"deleted", None)
    table[b"new"] = b"ours"
    await rebalanced(table, monkeypatch, mine=False)
    assert dict(table.items()) == {b"changed": b"kafka's", b"deleted": b"kafka's"}
    await table.flush()
    assert table.producer.log == [], "another worker writes now"


async def test_what_is_withdrawn_gives_way_to_what_came_from_kafka_while_it_was_pending(
    table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table[b"a"] = b"ours"
    changelog(table, (0, b"a", b"the other's"))
    assert table[b"a"] == b"ours"
    await rebalanced(table, monkeypatch, mine=False)
    assert table[b"a"] == b"the other's"


async def test_a_change_that_was_delivered_is_not_withdrawn(
    table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table[b"a"] = b"1"
    await table.flush()
    await rebalanced(table, monkeypatch, mine=False)
    assert table[b"a"] == b"1"


async def test_who_keeps_the_partition_withdraws_nothing(
    table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table[b"a"] = b"1"
    await rebalanced(table, monkeypatch, mine=True)
    assert table[b"a"] == b"1"
    await table.flush()
    assert table.producer.log == [(b"a", b"1")]


async def test_the_recovery_of_a_standby_deletes_nothing(table: ReplicatedTable) -> None:
    changelog(table, (0, b"a", b"1"))
    tp = TP(table.changelog_topic_name, 0)
    await table.on_recovery_completed(set(), {tp})
    assert dict(table.items()) == {b"a": b"1"}


async def test_every_change_gives_the_table_another_version(table: ReplicatedTable) -> None:
    seen = {table.version}
    table[b"a"] = b"1"
    seen.add(table.version)
    changelog(table, (0, b"b", b"2"))
    seen.add(table.version)
    table.pop(b"a", None)
    seen.add(table.version)
    assert len(seen) == 4


async def test_a_send_that_ends_after_the_partition_was_lost_leaves_the_table_as_kafka_has_it(
    table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.producer.free.clear()
    table[b"a"] = b"1"
    flushing = asyncio.create_task(table.flush())
    await soon()
    await rebalanced(table, monkeypatch, mine=False)
    table.producer.free.set()
    with pytest.raises(Abandoned):  # or what was counted would be acknowledged, though nobody delivered it
        await flushing
    changelog(table, (0, b"a", b"1"))
    assert table[b"a"] == b"1"
    changelog(table, (1, b"a", b"2"))
    await rebalanced(table, monkeypatch, mine=False)
    assert table[b"a"] == b"2", "nothing stale is put back"


async def test_what_is_withdrawn_gives_the_table_another_version(
    table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table[b"a"] = b"1"
    version = table.version
    await rebalanced(table, monkeypatch, mine=False)
    assert table.version != version


class Numbered(ReplicatedTable):
    """Values are numbers that only grow."""

    def is_outdated(self, key: bytes, there: bytes, new: bytes | None) -> bool:
        return new is None or int(new) < int(there)


@pytest.fixture
async def numbered(table: ReplicatedTable) -> ReplicatedTable:
    table.__class__ = Numbered  # type: ignore[assignment]
    return table


async def test_what_a_worker_writes_that_was_replaced_changes_nothing(
    numbered: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebalanced(numbered, monkeypatch, mine=False)
    changelog(numbered, (0, b"a", b"7"), (1, b"a", b"5"), (2, b"a", None))
    assert numbered[b"a"] == b"7"
    await numbered.flush()
    assert numbered.producer.log == [], "it is not ours to write"
    changelog(numbered, (3, b"a", b"8"))
    assert numbered[b"a"] == b"8"


async def test_the_owner_writes_again_what_such_a_worker_overwrote(
    numbered: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebalanced(numbered, monkeypatch, mine=True)
    changelog(numbered, (0, b"a", b"7"), (1, b"a", b"5"))
    await numbered.flush()
    assert numbered.producer.log == [(b"a", b"7")]


async def test_what_is_restored_stays_when_the_partition_is_lost_before(
    numbered: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebalanced(numbered, monkeypatch, mine=True)
    changelog(numbered, (0, b"a", b"7"), (1, b"a", b"5"))
    await rebalanced(numbered, monkeypatch, mine=False)
    assert numbered[b"a"] == b"7"


async def test_what_was_pending_when_a_worker_was_replaced_gives_way_though_the_partition_is_its_own_again(
    numbered: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbered[b"a"] = b"5"  # and it is frozen here
    await rebalanced(numbered, monkeypatch, mine=True)
    changelog(numbered, (0, b"a", b"5"), (1, b"a", b"7"))
    assert numbered[b"a"] == b"7"
    await numbered.flush()
    assert numbered.producer.log == []


async def test_a_worker_that_wrote_after_it_was_replaced_takes_what_stands_before_and_writes_that_again(
    numbered: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbered.producer.log += [(b"a", b"6"), (b"a", b"7")]  # the other worker's
    numbered[b"a"] = b"5"
    await numbered.flush()
    await rebalanced(numbered, monkeypatch, mine=True)
    changelog(numbered, (0, b"a", b"6"), (1, b"a", b"7"), (2, b"a", b"5"))
    assert numbered[b"a"] == b"7"
    await numbered.flush()
    assert numbered.producer.log[3:] == [(b"a", b"7")]


async def test_what_gives_way_while_it_is_sent_is_overwritten_with_what_it_gave_way_to(
    numbered: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebalanced(numbered, monkeypatch, mine=True)
    numbered.producer.free.clear()
    numbered[b"a"] = b"5"
    flushing = asyncio.create_task(numbered.flush())
    await soon()
    changelog(numbered, (0, b"a", b"7"))
    numbered.producer.free.set()
    await flushing
    assert numbered[b"a"] == b"7" and numbered.producer.log == [(b"a", b"5"), (b"a", b"7")]
    await rebalanced(numbered, monkeypatch, mine=False)
    assert numbered[b"a"] == b"7"


async def test_two_flushes_at_once_leave_nothing_that_a_rebalance_would_put_back(
    table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.producer.free.clear()
    table[b"a"] = b"1"
    flushing = [asyncio.create_task(table.flush()) for _ in range(2)]
    await soon()
    table.producer.free.set()
    await asyncio.gather(*flushing)
    changelog(table, (2, b"a", b"2"))
    await rebalanced(table, monkeypatch, mine=False)
    assert table[b"a"] == b"2"


async def test_who_becomes_the_owner_writes_again_what_was_overwritten_while_there_was_none(
    numbered: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebalanced(numbered, monkeypatch, mine=False)
    changelog(numbered, (0, b"a", b"7"), (1, b"a", b"5"), (2, b"b", b"7"), (3, b"b", b"5"), (4, b"b", b"8"))
    await rebalanced(numbered, monkeypatch, mine=True)
    await numbered.flush()
    assert numbered.producer.log == [(b"a", b"7")], "of b the last is the latest"


async def test_of_a_batch_of_changes_the_latest_state_of_a_key_is_taken(
    numbered: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebalanced(numbered, monkeypatch, mine=False)
    tp = TP(numbered.changelog_topic_name, 0)
    events = [
        SimpleNamespace(key=b"a", value=value, message=SimpleNamespace(offset=offset, value=value, partition=0, tp=tp))
        for offset, value in enumerate([b"6", b"7", b"5"])
    ]
    numbered.apply_changelog_batch(events)
    assert numbered[b"a"] == b"7"


async def test_a_record_that_is_missing_makes_the_table_stale_until_it_was_rebuilt(table: ReplicatedTable) -> None:
    changelog(table, (0, b"kept", b"1"), (1, b"deleted", b"2"))
    assert not table.stale
    changelog(table, (5, b"new", b"3"))  # the deletion was compacted away
    assert table.stale
    await table.rebuild(Log((0, b"kept", b"1"), (5, b"new", b"3")))
    assert dict(table.items()) == {b"kept": b"1", b"new": b"3"} and not table.stale


async def test_what_came_while_the_table_was_rebuilt_stays(table: ReplicatedTable) -> None:
    changelog(table, (0, b"old", b"1"), (5, b"late", b"2"))
    await table.rebuild(Log((4, b"there", b"3")))
    assert dict(table.items()) == {b"late": b"2", b"there": b"3"} and table.read_to == 5


async def test_what_is_pending_stays_when_the_table_is_rebuilt(
    table: ReplicatedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    changelog(table, (0, b"a", b"kafka's"), (1, b"b", b"kafka's"))
    table[b"a"] = b"ours"
    await table.rebuild(Log((2, b"c", b"3")))
    assert dict(table.items()) == {b"a": b"ours", b"c": b"3"}
    await rebalanced(table, monkeypatch, mine=False)
    assert dict(table.items()) == {b"c": b"3"}
