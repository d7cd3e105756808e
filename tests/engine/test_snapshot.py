"""A table's copy on disk: whole and as it was left, or nothing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tweetream.engine import snapshot
from tweetream.engine.snapshot import Snapshot, fingerprint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = Snapshot(tmp_path / "things")
    assert copy.load() is None
    for offset in range(200):
        copy.put(b"key-%d" % (offset % 50), os.urandom(2000), offset, b"record")
    copy.put(b"key-7", None, 200, b"the last")
    copy.close()
    return tmp_path / "things"


def load(folder: Path) -> tuple[snapshot.SnapshotPosition, dict[bytes, bytes]] | None:
    copy = Snapshot(folder)
    try:
        return copy.load()
    finally:
        copy.close()


def test_what_was_put_is_there_with_its_place(folder: Path) -> None:
    for _ in range(2):
        found = load(folder)
        assert found is not None
        place, entries = found
        assert (place.offset, place.record) == (200, b"the last")
        assert set(entries) == {b"key-%d" % number for number in range(50) if number != 7}


def test_a_copy_that_was_not_closed_is_whole(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:  # dies as a worker does that is killed
        copy = Snapshot(tmp_path / "things")
        copy.load()
        copy.put(b"a", b"1", 0, b"x")
        os._exit(0)
    os.waitpid(pid, 0)
    found = load(tmp_path / "things")
    assert found is not None and found[1] == {b"a": b"1"}


DAMAGES: dict[str, Callable[[Path], None]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "deleted": Path.unlink,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "garbled": lambda path: path.write_bytes(path.read_bytes()[:50] + os.urandom(100) + path.read_bytes()[150:]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_any_file_damaged_leaves_all_or_nothing(folder: Path, damage: Callable[[Path], None]) -> None:
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


def test_an_entry_changed_behind_its_back_is_found(folder: Path) -> None:
    rocks = snapshot._open(folder)
    rocks.put(b"\x01key-8", b"another")
    rocks.close()
    assert load(folder) is None


def test_what_another_release_wrote_is_made_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "FORMAT", snapshot.FORMAT + 1)
    assert load(folder) is None


def test_records_that_differ_in_anything_have_fingerprints_that_differ() -> None:
    records = [(1, b"a", b"b"), (2, b"a", b"b"), (1, b"ab", b""), (1, b"a", None), (1, b"a", b""), (1, b"", b"ab")]
    assert len({fingerprint(*record) for record in records}) == len(records)
