"""An archive as a folder of Parquet files, `day=DAY/topic=NAME/GENERATION-START-END.parquet`, which all tools read.

A file has the posts of a feed's offsets START to before END. It appears by rename when it is complete, and holds the
stamps of its end. So the files say how far each feed is archived, and a kill loses and doubles nothing. A feed that was
made again has offsets from 0 on anew: its files are named GENERATION.1, then GENERATION.2. A post of two topics is in
the folder of each. Files whose names begin with `_` or `.` are ours; readers pass over them.
Limits: `day` is the UTC day of a post's arrival in its feed. A retraction looks through the ids of all files.
"""

import contextlib
import datetime
import fcntl
import os
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
from typing_extensions import override

from tweetream.archive import parquet_files
from tweetream.archive.batch import Batch, Store
from tweetream.archive.errors import ArchiveUnavailable, BadArchive
from tweetream.archive.rows import FeedState, Row, read_stamps, stamps_text
from tweetream.models.feed import FeedName, base36

STATE, LOCK = "_state.json", "_lock"
VERSION = 1


class _Folder(msgspec.Struct):
    """What the files do not say: ids that were retracted, and how far Kafka topics are read that have no file."""

    version: int
    namespace: str
    retracted: dict[str, int] = {}  # with the time in ms
    feeds: dict[str, tuple[str, int, str]] = {}  # Kafka topic: user topic, next offset, stamps
    begun: dict[str, tuple[int, str]] = {}  # Kafka topic: how often its offsets began anew, and its log


class _Reach(NamedTuple):
    """How far the files of a Kafka topic reach: how often its offsets began anew, and the offset."""

    again: int
    end: int


class ParquetStore(Store):
    """The folder. Rows gather for a minute, or until the feeds are quiet, so that files are not many."""

    gather, settle, max_rows = 60.0, 2.0, 50_000

    def __init__(self, folder: Path, namespace: str, keep_retracted: float) -> None:
        parquet_files.check_pyarrow()
        self._folder, self._namespace, self._keep_retracted = folder, namespace, int(keep_retracted * 1000)
        self._prefix = f"{namespace}-feed-"
        self._state = _Folder(VERSION, namespace)
        self._next: dict[str, _Reach] = {}  # by Kafka topic, where the files end
        self._lock: int | None = None

    @override
    def open(self) -> dict[str, FeedState]:
        with self._explained():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._load()
            if not self._take_lock():
                raise BadArchive(f"another archiver writes into {self._folder} already")
            self._save()
            for unfinished in self._folder.glob("day=*/topic=*/.*.new"):
                unfinished.unlink()
            states: dict[str, FeedState] = {}
            self._next = {}
            for name, (topic, offset, stamps) in self._state.feeds.items():
                again, log = self._state.begun.get(name, (0, ""))
                states[name] = FeedState(topic, offset, read_stamps(stamps), log)
                self._next[name] = _Reach(again, offset)
            for name, (reach, path) in self._last_files().items():
                if reach > self._next.get(name, (0, -1)):
                    states[name], self._next[name] = self._state_of(name, reach, path), reach
        return states

    def _load(self) -> None:
        path = self._folder / STATE
        if not path.exists():
            if strange := next((found.name for found in self._folder.iterdir() if found.name != LOCK), None):
                raise BadArchive(f"{self._folder} has {strange!r}, which is not ours: name an empty folder")
            return
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_Folder)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BadArchive(f"{path} is not ours: name an empty folder") from None
        if found.version != VERSION:
            raise BadArchive(f"the archive has version {found.version}, this release reads {VERSION}")
        if found.namespace != self._namespace:
            raise BadArchive(f"the archive belongs to the namespace {found.namespace!r}, not to {self._namespace!r}")
        self._state = found

    def _save(self) -> None:
        unfinished = self._folder / f".{STATE}"
        unfinished.write_bytes(msgspec.json.encode(self._state))
        unfinished.rename(self._folder / STATE)

    def _take_lock(self) -> bool:
        if self._lock is None:
            lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return False
            self._lock = lock
        return True

    def _last_files(self) -> dict[str, tuple[_Reach, Path]]:
        """For each Kafka topic how far its files reach, and the file that does."""
        found: dict[str, tuple[_Reach, Path]] = {}
        for path in self._files():
            log, _, end = path.stem.rsplit("-", 2)
            generation, _, again = log.partition(".")
            kafka_topic = f"{self._prefix}{path.parent.name.removeprefix('topic=')}-{generation}"
            reach = _Reach(int(again or 0), int(end))
            if kafka_topic not in found or reach > found[kafka_topic][0]:
                found[kafka_topic] = reach, path
        return found

    def _state_of(self, kafka_topic: str, reach: _Reach, path: Path) -> FeedState:
        """The state of a feed that reaches as far as this file."""
        stamps, log = parquet_files.place_of(path)
        return FeedState(self._name_of(kafka_topic).topic, reach.end, read_stamps(stamps), log)

    def _name_of(self, kafka_topic: str) -> FeedName:
        return FeedName.parse(kafka_topic.removeprefix(self._prefix))

    def _files(self) -> Iterator[Path]:
        return (path for path in self._folder.glob("day=*/topic=*/*.parquet") if not path.name.startswith("."))

    @override
    def write(self, batch: Batch) -> int:
        with self._explained():
            for id, at in batch.retracted.items():
                self._state.retracted.pop(id, None)
                if at is not None:
                    self._state.retracted[id] = at
            number = sum(self._put(*piece) for piece in self._pieces(batch))
            others = {name: state for name, state in batch.feeds.items() if not name.startswith(self._prefix)}
            if batch.retracted:
                self._take_out({id for id, at in batch.retracted.items() if at is not None})
                oldest = time.time_ns() // 1_000_000 - self._keep_retracted
                self._state.retracted = {id: at for id, at in self._state.retracted.items() if at >= oldest}
                self._remember(others)
        return number

    def _pieces(self, batch: Batch) -> Iterator[tuple[str, int, FeedState, list[Row]]]:
        rows: defaultdict[tuple[str, int], list[Row]] = defaultdict(list)
        for row in batch.rows:
            if row.entry.id not in self._state.retracted:
                rows[row.kafka_topic, row.day].append(row)
        # In the order of offsets, also where the clocks of two brokers make two days alternate.
        for (kafka_topic, day), end in sorted(batch.days.items(), key=lambda item: item[1].next_offset):
            if not kafka_topic.startswith(self._prefix):
                continue  # the retractions
            yield kafka_topic, day, end, rows.get((kafka_topic, day), [])

    def _put(self, kafka_topic: str, day: int, end: FeedState, rows: list[Row]) -> int:
        """Write a file, unless there is no post: the next one then reaches back that far."""
        if not rows:
            return 0
        again, start = self._next.get(kafka_topic, (0, 0))
        if end.next_offset <= start:  # the feed's log was made again
            again, start = again + 1, 0
        log = base36(self._name_of(kafka_topic).generation) + (f".{again}" if again else "")
        name = f"{log}-{start}-{end.next_offset}.parquet"
        path = self._folder / f"day={_date(day)}" / f"topic={end.topic}" / name
        about = parquet_files.About(self._namespace, stamps_text(end.stamps), end.log)
        parquet_files.write(parquet_files.table_of(rows, about), path)
        self._next[kafka_topic] = _Reach(again, end.next_offset)
        return len(rows)

    def _take_out(self, ids: Collection[str]) -> int:
        if not ids:
            return 0
        found: set[str] = set()
        for path, there in parquet_files.matching(self._files(), "id", ids):
            parquet_files.leave_out(path, there)
            found.update(there)
        return len(found)

    def _remember(self, states: Mapping[str, FeedState]) -> None:
        for name, state in states.items():
            self._state.feeds[name] = (state.topic, state.next_offset, stamps_text(state.stamps))
        self._save()

    @override
    def expire(self, before: int, most: int) -> int:
        last = _date(before // 86_400_000)
        with self._explained():
            old = [path for path in self._files() if path.parent.parent.name.removeprefix("day=") < last]
            if not old:
                return 0
            number = sum(map(parquet_files.number_of_rows, old))
            for name, (reach, path) in self._last_files().items():  # the files alone say how far the feeds are
                if path in old:
                    state = self._state_of(name, reach, path)
                    self._state.feeds[name] = (state.topic, reach.end, stamps_text(state.stamps))
                    self._state.begun[name] = (reach.again, state.log)
            self._save()
            for path in old:
                path.unlink()
                for folder in path.parents[:2]:
                    with contextlib.suppress(OSError):  # it has other files
                        folder.rmdir()
        return min(number, most - 1)  # all of them at once

    @override
    def ids_of(self, author: str) -> list[str]:
        with self._explained():
            if not (self._folder / STATE).exists():
                raise BadArchive(f"there is no archive in {self._folder}")
            found = parquet_files.matching(self._files(), "author", {author, author.removeprefix("@")})
            return sorted({id for _, ids in found for id in ids})

    @override
    def retract(self, ids: dict[str, int]) -> int:
        with self._explained():
            self._load()
            if not self._take_lock():  # the archiver that runs reads the retractions, and takes the posts out
                return len(ids)
            self._state.retracted |= ids
            number = self._take_out(ids)
            self._save()
            self.close()
            return number

    @override
    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise BadArchive(f"{error.filename or self._folder}: {error.strerror}") from error
        except NotADirectoryError as error:
            raise BadArchive(f"{self._folder} is no folder") from error
        except OSError as error:
            raise ArchiveUnavailable(f"{self._folder}: {error.strerror or error}") from error


def _date(day: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat()
