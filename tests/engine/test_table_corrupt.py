"""Garbage in a table's changelog ends the worker with one line, unless a later record of its key replaces it."""

from pathlib import Path

import pytest
from support.tables import FakeChangelog, FakeProducer, new_table, receive
from typing_extensions import override

from tweetream.engine.changelog import ChangelogRecord
from tweetream.engine.snapshot import Snapshot, SnapshotPosition
from tweetream.engine.state import CountsTable, TopicsTable
from tweetream.engine.table import ReplicatedTable
from tweetream.models import codec
from tweetream.models.topic import Topic

GOOD = codec.encode(Topic("macet", ("macet",), 1, 1, "t-feed-macet-1", 3))
APPLIED = b"\x00applied"


class Strict(ReplicatedTable):
    """A table whose values are numbers."""

    @override
    def check(self, key: bytes, value: bytes) -> None:
        int(value)


@pytest.fixture
def reasons(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why the worker was told to end."""
    found: list[str] = []
    monkeypatch.setattr("tweetream.engine.application.App.abort", lambda _, reason: found.append(reason))
    return found


def test_garbage_that_comes_now_ends_the_worker_and_changes_nothing(reasons: list[str]) -> None:
    table = new_table(TopicsTable, FakeProducer())
    receive(table, (0, b"macet", GOOD), (1, APPLIED, b"3"), (2, b"macet", b"junk"))
    assert table.entry("macet") is not None and table.applied == 3
    (reason,) = reasons
    assert "offset 2" in reason and "macet" in reason and "start the workers again" in reason and "\n" not in reason


@pytest.mark.parametrize("value", [b"", b"x", b"-2", b"9" * 20, b"1_0"])
def test_an_applied_mark_that_is_no_offset_is_garbage(value: bytes, reasons: list[str]) -> None:
    table = new_table(TopicsTable, FakeProducer())
    receive(table, (0, APPLIED, b"3"), (1, APPLIED, value))
    assert len(reasons) == 1 and table.applied == 3


def test_counts_that_do_not_decode_are_garbage(reasons: list[str]) -> None:
    receive(new_table(CountsTable, FakeProducer()), (0, b"t-feed-a-1", b"\x01\x81"))
    assert len(reasons) == 1


def test_a_newer_version_asks_for_an_upgrade(reasons: list[str]) -> None:
    receive(new_table(TopicsTable, FakeProducer()), (0, b"macet", b"\x02" + GOOD[1:]))
    assert reasons == ["a record has version 2, this worker reads up to 1: upgrade it first"]


@pytest.mark.parametrize("repair", [b"7", None])
async def test_garbage_that_was_replaced_or_deleted_since_is_passed_over(
    repair: bytes | None, reasons: list[str]
) -> None:
    table = new_table(Strict, FakeProducer())
    await table.restore(FakeChangelog((0, b"a", b"1"), (1, b"a", b"junk"), (2, b"b", b"2"), (3, b"a", repair)))
    assert reasons == [] and dict(table.items()) == ({b"b": b"2"} | ({b"a": repair} if repair else {}))


class Read(FakeChangelog):
    """A changelog that continues any snapshot."""

    @override
    async def after(self, position: SnapshotPosition) -> list[ChangelogRecord]:
        return [record for record in self._records if record.offset > position.offset]


async def test_a_snapshot_never_hides_the_garbage_from_the_next_start(tmp_path: Path, reasons: list[str]) -> None:
    for records in ([], [(1, b"a", b"junk")], [(1, b"a", b"junk")]):
        table = new_table(Strict, FakeProducer())
        table.keep(Snapshot(tmp_path / "things"))
        await table.restore(Read((0, b"a", b"1"), *records))
        table.close()
    assert len(reasons) == 2
