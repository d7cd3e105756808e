"""A snapshot of a table on disk, in RocksDB.

The snapshot holds what Kafka's changelog has up to one offset, and nothing that Kafka did not confirm. It stores the
offset and the fingerprint of the last record it took, and a checksum of all entries. So the reader knows whether the
snapshot is whole, and whether it belongs to the changelog that is there now. A damaged snapshot is thrown away, since
Kafka has everything. No Faust and no Kafka here.
"""

import hashlib
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

log = logging.getLogger(__name__)
FORMAT = 1
TRY_AGAIN = 10.0  # seconds after a failed write
_POSITION = b"\x00place"
_ENTRY = b"\x01"
_MOD = 1 << 64


class Broken(Exception):
    """The snapshot cannot be read or written."""


class SnapshotPosition(msgspec.Struct, frozen=True):
    """How far a snapshot is: the last record it took (offset and `fingerprint`), and the checksum of its entries."""

    format: int
    offset: int
    record: bytes
    checksum: int = msgspec.field(name="sum")


def fingerprint(timestamp: int, key: bytes, value: bytes | None) -> bytes:
    """A hash that differs for any other record at the same offset, in this changelog or another one."""
    body = b"-" if value is None else b"+" + value
    return hashlib.blake2b(b"%d %d " % (timestamp, len(key)) + key + body, digest_size=16).digest()


def _checksum(key: bytes, value: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(b"%d " % len(key) + key + value, digest_size=8).digest())


class Snapshot:
    """The snapshot of one table. What cannot be written, for example to a full disk, is kept and tried again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rocks: Any = None
        self._in_use = False
        self._emptied = True  # whether the folder holds nothing but this snapshot
        self._unwritten: dict[bytes, bytes | None] = {}
        self._failing = False
        self._write_at = 0.0  # no write before this time
        self._sums: dict[bytes, int] = {}
        self._total = 0

    def load(self) -> tuple[SnapshotPosition, dict[bytes, bytes]] | None:
        """The position and entries on disk. None if there are none or they are damaged; the snapshot is then empty."""
        if self._folder.exists():
            try:
                self._rocks = _open(self._folder)
                found = self._read()
                self._in_use = True
                return found
            except Broken as error:
                log.warning("%s is damaged; it is made again from Kafka: %s", self._folder, error)
        self.clear()
        return None

    def _read(self) -> tuple[SnapshotPosition, dict[bytes, bytes]] | None:
        entries: dict[bytes, bytes] = {}
        position = None
        with _broken():
            found = self._rocks.iter()
            found.seek_to_first()
            while found.valid():
                key, value = found.key(), found.value()
                if key == _POSITION:
                    position = msgspec.msgpack.decode(value, type=SnapshotPosition)
                else:
                    entries[key.removeprefix(_ENTRY)] = value
                found.next()
            found.status()
        self._sums = {key: _checksum(key, value) for key, value in entries.items()}
        self._total = sum(self._sums.values()) % _MOD
        if position is None and not entries:
            return None
        if position is None or position.format != FORMAT or position.checksum != self._total:
            raise Broken("its checksum does not fit its entries")
        return position, entries

    def clear(self) -> None:
        """Remove all entries."""
        self.close()
        self._sums, self._total = {}, 0
        self._in_use, self._emptied = True, False
        try:
            self._ensure_open()
        except (OSError, Broken) as error:
            self._fail(error)

    def _ensure_open(self) -> None:
        if not self._emptied:
            if self._folder.is_dir() and not self._folder.is_symlink():
                shutil.rmtree(self._folder)
            else:
                self._folder.unlink(missing_ok=True)
            self._emptied = True
        if self._rocks is None:
            self._rocks = _open(self._folder)

    def put(self, key: bytes, value: bytes | None, offset: int, record: bytes) -> None:
        """Take the next record of the changelog, at `offset`."""
        if not self._in_use:
            return
        self._total -= self._sums.pop(key, 0)
        if value is not None:
            self._sums[key] = _checksum(key, value)
            self._total += self._sums[key]
        self._total %= _MOD
        self._unwritten[key] = value
        if time.monotonic() < self._write_at:
            return
        try:
            self._write(SnapshotPosition(FORMAT, offset, record, self._total))
        except (OSError, Broken) as error:
            self._fail(error)

    def _write(self, position: SnapshotPosition) -> None:
        from rocksdict import WriteBatch

        batch = WriteBatch(raw_mode=True)  # all of it or nothing, even if the worker dies now
        for key, value in self._unwritten.items():
            if value is None:
                batch.delete(_ENTRY + key)
            else:
                batch.put(_ENTRY + key, value)
        batch.put(_POSITION, msgspec.msgpack.encode(position))
        self._ensure_open()
        with _broken():
            self._rocks.write(batch)
        self._unwritten.clear()
        if self._failing:
            self._failing = False
            log.info("%s is written again", self._folder)

    def close(self) -> None:
        """Close it as it is on disk."""
        self._in_use = False
        self._unwritten.clear()
        self._close()

    def _close(self) -> None:
        rocks, self._rocks = self._rocks, None
        if rocks is not None:
            with suppress(Broken), _broken():  # the checksum is compared when it is opened again
                rocks.close()

    def _fail(self, error: Exception) -> None:
        """Try again later, and meanwhile go on without it. RocksDB writes no more after an error: open it anew."""
        if not self._failing:
            log.warning("%s cannot be written; trying again: %s", self._folder, _line(error))
        self._failing = True
        self._write_at = time.monotonic() + TRY_AGAIN
        self._close()


def _open(folder: Path) -> Any:
    from rocksdict import Options, Rdict  # here, so that a worker without snapshots does not load it

    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_max_open_files(64)
    options.set_write_buffer_size(1 << 20)
    options.set_keep_log_file_num(2)
    options.set_stats_dump_period_sec(0)
    options.set_max_background_jobs(2)
    with _broken():
        return Rdict(str(folder), options=options)


@contextmanager
def _broken() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # RocksDB's binding raises nothing narrower
        raise Broken(_line(error)) from error


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [repr(error)])[0]
