"""A table's snapshot on disk: it is loaded whole, or not at all."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tweetream.engine import snapshot
from tweetream.engine.snapshot import Snapshot, fingerprint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    snap = Snapshot(tmp_path / "things")
    assert snap.load() is None
    for offset in range(200):
        snap.put(b"key-%d" % (offset % 50), os.urandom(2000), offset, b"record")
    snap.put(b"key-7", None, 200, b"the last")
    snap.close()
    return tmp_path / "things"


def load(folder: Path) -> tuple[snapshot.SnapshotPosition, dict[bytes, bytes]] | None:
    snap = Snapshot(folder)
    try:
        return snap.load()
    finally:
        snap.close()


def test_what_was_put_is_loaded_with_its_position(folder: Path) -> None:
    for _ in range(2):
        found = load(folder)
        assert found is not None
        position, entries = found
        assert (position.offset, position.record) == (200, b"the last")
        assert set(entries) == {b"key-%d" % number for number in range(50) if number != 7}


def test_a_snapshot_that_was_not_closed_is_whole(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:  # ends like a worker that is killed
        snap = Snapshot(tmp_path / "things")
        snap.load()
        snap.put(b"a", b"1", 0, b"x")
        os._exit(0)
    os.waitpid(pid, 0)
    found = load(tmp_path / "things")
    assert found is not None and found[1] == {b"a": b"1"}


DAMAGES: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "deleted": Path.unlink,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "garbled": lambda path: path.write_bytes(path.read_bytes()[:50] + os.urandom(100) + path.read_bytes()[150:]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_with_any_file_damaged_all_or_nothing_is_loaded(folder: Path, damage: Callable[[Path], object]) -> None:
    whole = load(folder)
    assert whole is not None
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in kept:
        for path in folder.iterdir():
            path.unlink()
        for other, data in kept.items():
            (folder / other).write_bytes(data)
        damage(folder / name)
        assert load(folder) in (whole, None), name


def test_an_entry_that_another_program_changed_is_noticed(folder: Path) -> None:
    rocks = snapshot._open(folder)
    rocks.put(b"\x01key-8", b"another")
    rocks.close()
    assert load(folder) is None


def test_a_snapshot_of_another_format_is_not_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "FORMAT", snapshot.FORMAT + 1)
    assert load(folder) is None


def test_different_records_have_different_fingerprints() -> None:
    records = [(1, b"a", b"b"), (2, b"a", b"b"), (1, b"ab", b""), (1, b"a", None), (1, b"a", b""), (1, b"", b"ab")]
    assert len({fingerprint(*record) for record in records}) == len(records)


@pytest.mark.parametrize("opened", [True, False], ids=["when it is written", "when it is opened"])
def test_a_disk_that_is_full_for_a_while_costs_no_snapshot(
    tmp_path: Path, opened: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one failed write the worker went on without a snapshot until its next start."""

    def full(*args: object) -> None:
        raise snapshot.Broken("No space left on device")

    snap = Snapshot(tmp_path / "things")
    with monkeypatch.context() as patch:
        if opened:
            assert snap.load() is None
            snap.put(b"a", b"1", 0, b"x")
            snap._close()
        patch.setattr(snapshot, "_open", full)
        if not opened:
            assert snap.load() is None
        snap.put(b"a", b"2", 1, b"x")
        snap.put(b"b", b"3", 2, b"x")
    snap.put(b"c", b"4", 3, b"x")  # not yet: it is tried again after a while
    snap._write_at = 0.0
    snap.put(b"b", None, 4, b"last")
    snap.close()
    found = load(tmp_path / "things")
    assert found is not None and found[1] == {b"a": b"2", b"c": b"4"} and found[0].offset == 4
