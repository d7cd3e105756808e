"""The replicated table when a replaced worker still writes: the latest state stays, and its owner rewrites it."""

import asyncio
from pathlib import Path

import pytest
from support.tables import FakeChangelog, FakeProducer, NumberedTable, let_tasks_run, rebalance, receive

from tweetream.engine.snapshot import Snapshot


async def test_writes_of_a_replaced_worker_change_nothing(
    numbered: NumberedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebalance(numbered, monkeypatch, owner=False)
    receive(numbered, (0, b"a", b"7"), (1, b"a", b"5"), (2, b"a", None))
    assert numbered[b"a"] == b"7"
    await numbered.flush()
    assert producer.log == [], "this worker is not the owner"
    receive(numbered, (3, b"a", b"8"))
    assert numbered[b"a"] == b"8"


async def test_the_owner_rewrites_what_a_replaced_worker_overwrote(
    numbered: NumberedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebalance(numbered, monkeypatch, owner=True)
    receive(numbered, (0, b"a", b"7"), (1, b"a", b"5"))
    await numbered.flush()
    assert producer.log == [(b"a", b"7")]


async def test_when_the_changelog_is_gone_its_owner_writes_everything_again_and_every_worker_takes_it(
    numbered: NumberedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(numbered, (40, b"a", b"7"), (41, b"b", b"3"))
    numbered.write_again()
    await numbered.flush()
    assert producer.log == [], "this worker is not the owner"
    await rebalance(numbered, monkeypatch, owner=True)
    await numbered.flush()
    assert sorted(producer.log) == [(b"a", b"7"), (b"b", b"3")]
    receive(numbered, (0, b"a", b"7"), (1, b"b", b"3"), (2, b"b", b"4"))
    assert numbered[b"b"] == b"4" and numbered.read_to == 2, "the offsets of the new changelog count"


async def test_when_the_changelog_only_seemed_gone_the_snapshot_has_all_keys_again(
    numbered: NumberedTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The keys that do not change would be lost at the next start."""
    await rebalance(numbered, monkeypatch, owner=False)
    receive(numbered, (0, b"a", b"7"), (1, b"b", b"3"))
    numbered.keep(Snapshot(tmp_path / "things"))
    numbered.write_again()
    receive(numbered, (2, b"b", b"4"))
    assert numbered.stale, "it is not the first record of a new changelog"
    await numbered.rebuild(FakeChangelog((0, b"a", b"7"), (1, b"b", b"3"), (2, b"b", b"4")))
    numbered.close()
    found = Snapshot(tmp_path / "things").load()
    assert found is not None and found[1] == {b"a": b"7", b"b": b"4"} == dict(numbered.items())


async def test_a_value_to_be_rewritten_stays_when_the_partition_is_lost(
    numbered: NumberedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebalance(numbered, monkeypatch, owner=True)
    receive(numbered, (0, b"a", b"7"), (1, b"a", b"5"))
    await rebalance(numbered, monkeypatch, owner=False)
    assert numbered[b"a"] == b"7"


async def test_a_change_pending_at_a_replacement_gives_way_though_the_partition_is_owned_again(
    numbered: NumberedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbered[b"a"] = b"5"  # and the worker is frozen here
    await rebalance(numbered, monkeypatch, owner=True)
    receive(numbered, (0, b"a", b"5"), (1, b"a", b"7"))
    assert numbered[b"a"] == b"7"
    await numbered.flush()
    assert producer.log == []


async def test_a_worker_that_wrote_after_its_replacement_takes_the_newer_state_and_rewrites_it(
    numbered: NumberedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer.log += [(b"a", b"6"), (b"a", b"7")]  # of the other worker
    numbered[b"a"] = b"5"
    await numbered.flush()
    await rebalance(numbered, monkeypatch, owner=True)
    receive(numbered, (0, b"a", b"6"), (1, b"a", b"7"), (2, b"a", b"5"))
    assert numbered[b"a"] == b"7"
    await numbered.flush()
    assert producer.log[3:] == [(b"a", b"7")]


async def test_a_change_outdated_while_it_is_sent_is_overwritten_with_the_newer_state(
    numbered: NumberedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebalance(numbered, monkeypatch, owner=True)
    producer.free.clear()
    numbered[b"a"] = b"5"
    flushing = asyncio.create_task(numbered.flush())
    await let_tasks_run()
    receive(numbered, (0, b"a", b"7"))
    producer.free.set()
    await flushing
    assert numbered[b"a"] == b"7" and producer.log == [(b"a", b"5"), (b"a", b"7")]
    await rebalance(numbered, monkeypatch, owner=False)
    assert numbered[b"a"] == b"7"


async def test_a_new_owner_rewrites_what_was_overwritten_while_there_was_no_owner(
    numbered: NumberedTable, producer: FakeProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebalance(numbered, monkeypatch, owner=False)
    receive(numbered, (0, b"a", b"7"), (1, b"a", b"5"), (2, b"b", b"7"), (3, b"b", b"5"), (4, b"b", b"8"))
    await rebalance(numbered, monkeypatch, owner=True)
    await numbered.flush()
    assert producer.log == [(b"a", b"7")], "the last record of b has the latest state"


async def test_a_batch_of_changes_leaves_the_latest_state_of_a_key(
    numbered: NumberedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rebalance(numbered, monkeypatch, owner=False)
    receive(numbered, (0, b"a", b"6"), (1, b"a", b"7"), (2, b"a", b"5"), at_once=True)
    assert numbered[b"a"] == b"7"
