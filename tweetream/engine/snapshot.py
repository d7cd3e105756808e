"""A table's copy on disk, in RocksDB, and the data folder it lies in.

The copy holds what Kafka's changelog has up to one offset, never anything that Kafka did not confirm. It says of itself
how far it is, by the very record it ends with, and sums up all its entries, so that whoever opens it can tell whether
it is whole and whether it belongs to the changelog that is there now. Whatever is damaged is thrown away: Kafka has it
all. Knows no Faust and no Kafka.
"""

import fcntl
import hashlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import msgspec

log = logging.getLogger(__name__)
FORMAT = 1
_PLACE = b"\x00place"
_ENTRY = b"\x01"
_MOD = 1 << 64


class Unusable(Exception):
    """The data folder cannot be used; one line that says why."""


class Broken(Exception):
    """The copy cannot be read, or written any more."""


def claim(folder: Path, namespace: str) -> TextIO:
    """Have the folder, for one worker of the namespace until the file returned is closed. Raises Unusable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f"{namespace}.lock").open("a")
    except OSError as error:
        raise Unusable(f"TWEETREAM_DATA_DIR: {folder} cannot be written ({error.strerror or error})") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise Unusable(
            f"TWEETREAM_DATA_DIR: another worker of {namespace} uses {folder.absolute()}: give each a folder of its own"
        ) from None
    return lock


def make_folder(folder: Path) -> None:
    """Have a folder inside the data folder, whatever lies in its place. Raises Unusable."""
    try:
        if not folder.is_dir():
            folder.unlink(missing_ok=True)
            folder.mkdir()
    except OSError as error:
        raise Unusable(f"TWEETREAM_DATA_DIR: {folder} cannot be made ({error.strerror or error})") from None


class SnapshotPosition(msgspec.Struct, frozen=True):
    """How far a copy is: the last record it took (offset and `fingerprint`), and the sum of its entries."""

    format: int
    offset: int
    record: bytes
    sum: int


def fingerprint(timestamp: int, key: bytes, value: bytes | None) -> bytes:
    """Tells one record from all others that may ever be at its offset, in this changelog or another one."""
    body = b"-" if value is None else b"+" + value
    return hashlib.blake2b(b"%d %d " % (timestamp, len(key)) + key + body, digest_size=16).digest()


def _sum(key: bytes, value: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(b"%d " % len(key) + key + value, digest_size=8).digest())


class Snapshot:
    """The copy of one table. After an error it is given up, until the next start of the worker."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rocks: Any = None
        self._sums: dict[bytes, int] = {}
        self._total = 0

    def load(self) -> tuple[SnapshotPosition, dict[bytes, bytes]] | None:
        """What is there, or None if there is nothing, or nothing that could be trusted; then it is empty now."""
        if self._folder.exists():
            try:
                self._rocks = _open(self._folder)
                return self._read()
            except Broken as error:
                log.warning("%s is damaged and made anew from Kafka: %s", self._folder, error)
        self.clear()
        return None

    def _read(self) -> tuple[SnapshotPosition, dict[bytes, bytes]] | None:
        entries: dict[bytes, bytes] = {}
        place = None
        with _broken():
            found = self._rocks.iter()
            found.seek_to_first()
            while found.valid():
                key, value = found.key(), found.value()
                if key == _PLACE:
                    place = msgspec.msgpack.decode(value, type=SnapshotPosition)
                else:
                    entries[key.removeprefix(_ENTRY)] = value
                found.next()
            found.status()
        self._sums = {key: _sum(key, value) for key, value in entries.items()}
        self._total = sum(self._sums.values()) % _MOD
        if place is None and not entries:
            return None
        if place is None or place.format != FORMAT or place.sum != self._total:
            raise Broken("its entries are not those it was left with")
        return place, entries

    def clear(self) -> None:
        """Begin again with nothing."""
        self.close()
        self._sums, self._total = {}, 0
        try:
            if self._folder.is_dir() and not self._folder.is_symlink():
                shutil.rmtree(self._folder)
            else:
                self._folder.unlink(missing_ok=True)
            self._rocks = _open(self._folder)
        except (OSError, Broken) as error:
            self._give_up(error)

    def put(self, key: bytes, value: bytes | None, offset: int, record: bytes) -> None:
        """Take a record of the changelog: the next one, or while the copy is made anew, one after the other."""
        if self._rocks is None:
            return
        from rocksdict import WriteBatch

        self._total -= self._sums.pop(key, 0)
        if value is not None:
            self._sums[key] = _sum(key, value)
            self._total += self._sums[key]
        self._total %= _MOD
        batch = WriteBatch(raw_mode=True)  # all of it or nothing, whenever the worker dies
        if value is None:
            batch.delete(_ENTRY + key)
        else:
            batch.put(_ENTRY + key, value)
        batch.put(_PLACE, msgspec.msgpack.encode(SnapshotPosition(FORMAT, offset, record, self._total)))
        try:
            with _broken():
                self._rocks.write(batch)
        except Broken as error:
            self._give_up(error)

    def close(self) -> None:
        rocks, self._rocks = self._rocks, None
        if rocks is not None:
            with suppress(Broken), _broken():  # what was written is checked when it is opened again
                rocks.close()

    def _give_up(self, error: Exception) -> None:
        log.warning("%s cannot be written, going on without it: %s", self._folder, _line(error))
        self._rocks = None


def _open(folder: Path) -> Any:
    from rocksdict import Options, Rdict  # here, so that a worker that keeps nothing does not load it

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
