"""A snapshot is used only if its last record is still in the changelog, and no record after it is missing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from tweetream.engine.application import App
from tweetream.engine.changelog import Changelog
from tweetream.engine.snapshot import Snapshot
from tweetream.engine.table import ReplicatedTable

Records = list[tuple[int, bytes, bytes | None]]
SAVED: Records = [(0, b"a", b"1"), (1, b"b", b"2"), (2, b"c", b"3")]


class Partition:
    """A consumer of one partition with these records (offset, key, value), two a fetch."""

    def __init__(self, records: Records, timestamp: int = 0) -> None:
        self.records, self.timestamp, self._offset = records, timestamp, 0
        self.sought: list[int] = []

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._offset = offset
        self.sought.append(offset)

    async def position(self, tp: TopicPartition) -> int:
        return self._offset

    async def getmany(self, tp: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        found = [record for record in self.records if record[0] >= self._offset][:2]
        self._offset = found[-1][0] + 1
        return {
            tp: [
                SimpleNamespace(offset=offset, key=key, value=value, timestamp=self.timestamp)
                for offset, key, value in found
            ]
        }


async def restored(folder: Path, partition: Partition) -> ReplicatedTable:
    """The table of a worker after its start."""
    app = App("t", broker="kafka://127.0.0.1:1", store="rocksdb://")
    table = ReplicatedTable(app, name="things", key_type=bytes, value_type=bytes, partitions=1, is_global=True)
    table.keep(Snapshot(folder))
    end = partition.records[-1][0] + 1 if partition.records else 0
    begin = partition.records[0][0] if partition.records else 0
    await table.restore(Changelog(partition, "things", begin, end))  # type: ignore[arg-type]
    table.close()
    return table


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A snapshot that a worker has left."""
    table = await restored(tmp_path / "snapshot", Partition(SAVED))
    assert dict(table.items()) == {b"a": b"1", b"b": b"2", b"c": b"3"}
    return tmp_path / "snapshot"


async def test_only_records_after_a_whole_snapshot_are_read(folder: Path) -> None:
    partition = Partition([*SAVED, (3, b"a", None), (4, b"d", b"5")])
    table = await restored(folder, partition)
    assert dict(table.items()) == {b"b": b"2", b"c": b"3", b"d": b"5"}
    assert partition.sought == [2] and table.read_to == 4
    again = Partition(partition.records)
    assert dict((await restored(folder, again)).items()) == dict(table.items())
    assert again.sought == [4]


async def test_a_deletion_that_was_compacted_away_is_applied(folder: Path) -> None:
    table = await restored(folder, Partition([(0, b"a", b"1"), (2, b"c", b"3"), (4, b"d", b"5")]))
    assert dict(table.items()) == {b"a": b"1", b"c": b"3", b"d": b"5"}


async def test_a_snapshot_whose_last_record_was_compacted_away_is_replaced(folder: Path) -> None:
    table = await restored(folder, Partition([(0, b"a", b"1"), (3, b"c", b"4"), (4, b"d", b"5")]))
    assert dict(table.items()) == {b"a": b"1", b"c": b"4", b"d": b"5"}


async def test_a_snapshot_of_another_changelog_is_replaced(folder: Path) -> None:
    table = await restored(folder, Partition([(0, b"x", b"1"), (1, b"y", b"2"), (2, b"z", b"3"), (3, b"x", b"4")]))
    assert dict(table.items()) == {b"x": b"4", b"y": b"2", b"z": b"3"}


async def test_the_same_record_at_another_time_is_another_changelog(folder: Path) -> None:
    table = await restored(folder, Partition([(0, b"x", b"1"), (1, b"b", b"2"), (2, b"c", b"3")], timestamp=7))
    assert b"a" not in table


@pytest.mark.parametrize("records", [[], SAVED[:1], [(7, b"d", b"8")]], ids=["emptied", "shorter", "begins later"])
async def test_a_changelog_that_does_not_reach_the_snapshot_replaces_it(folder: Path, records: Records) -> None:
    table = await restored(folder, Partition(records))
    assert dict(table.items()) == {key: value for _, key, value in records}
    assert dict((await restored(folder, Partition(records))).items()) == dict(table.items())
