"""Writes posts of an archive into a file: CSV, JSON lines, Parquet or SQLite, which appears when it is complete.

CSV and JSON lines go on after an interruption: a small file beside the unfinished one says up to which post and which
byte it is good. The other formats begin anew.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import msgspec

from tweetream.archive import parquet_files
from tweetream.archive.address import Address
from tweetream.archive.batch import Batch
from tweetream.archive.rows import BITS, Row, ms_of
from tweetream.archive.search import ArchiveReader, Found, Search
from tweetream.archive.sqlite import SqliteStore
from tweetream.models.feed import FeedEntry
from tweetream.models.post_files import COLUMNS, header, post_lines

AT_ONCE = 5_000  # posts
_COLUMNS = (*COLUMNS, "topics")
_NAMESPACE = "export"
Progress = Callable[[int], None]


class _Mark(msgspec.Struct):
    """How far an unfinished file is good, and of what it is."""

    asked: str
    after: int
    size: int


def posts_of(reader: ArchiveReader, topics: Sequence[str], search: Search) -> Iterator[list[Found]]:
    """The posts of the topics, oldest first, each once, some at a time."""

    def of_topic(topic: str) -> Iterator[Found]:
        return chain.from_iterable(reader.every(msgspec.structs.replace(search, topic=topic), AT_ONCE))

    last = -1
    posts = heapq.merge(*map(of_topic, topics), key=lambda post: post.key)
    while some := list(islice(posts, AT_ONCE)):
        new = []
        for post in some:
            if post.key != last:
                new.append(post)
            last = post.key
        yield new


def to_stream(output: IO[bytes], found: Iterator[list[Found]], format: str, progress: Progress) -> None:
    """Write CSV or JSON lines."""
    output.write(header(_COLUMNS, format))
    for some in found:
        output.write(post_lines(some, _COLUMNS, format))
        progress(len(some))


def to_file(
    path: Path, reader: ArchiveReader, topics: Sequence[str], search: Search, format: str, progress: Progress
) -> None:
    """Write the file. Raises OSError, ArchiveUnavailable or BadArchive."""
    unfinished = path.with_name(f".{path.name}.part")
    if format in ("csv", "jsonl"):
        _to_lines(unfinished, reader, topics, search, format, progress)
    else:
        unfinished.unlink(missing_ok=True)
        found = posts_of(reader, topics, search)
        (_to_parquet if format == "parquet" else _to_sqlite)(unfinished, found, progress)
    unfinished.rename(path)
    _mark_of(unfinished).unlink(missing_ok=True)


def _mark_of(unfinished: Path) -> Path:
    return unfinished.with_name(f"{unfinished.name}.json")


def _to_lines(
    unfinished: Path, reader: ArchiveReader, topics: Sequence[str], search: Search, format: str, progress: Progress
) -> None:
    asked = f"{format} {sorted(topics)} {search}"
    mark = _read_mark(unfinished, asked)
    with unfinished.open("r+b" if mark.size else "wb") as output:
        output.truncate(mark.size)
        output.seek(mark.size)
        if not mark.size:
            output.write(header(_COLUMNS, format))
        for some in posts_of(reader, topics, msgspec.structs.replace(search, after=mark.after)):
            output.write(post_lines(some, _COLUMNS, format))
            output.flush()
            if some:
                mark = _Mark(asked, some[-1].key, output.tell())
                _mark_of(unfinished).write_bytes(msgspec.json.encode(mark))
            progress(len(some))


def _read_mark(unfinished: Path, asked: str) -> _Mark:
    """Where to go on; at the start unless the same was asked for."""
    try:
        found = msgspec.json.decode(_mark_of(unfinished).read_bytes(), type=_Mark)
        if found.asked == asked and unfinished.stat().st_size >= found.size:
            return found
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        pass
    return _Mark(asked, -1, 0)


def _to_parquet(unfinished: Path, found: Iterator[list[Found]], progress: Progress) -> None:
    import pyarrow
    from pyarrow import parquet

    topics = pyarrow.field("topics", pyarrow.list_(pyarrow.string()))
    schema = parquet_files.schema().append(topics)
    with parquet.ParquetWriter(unfinished, schema, compression="zstd") as writer:
        for some in found:
            columns: dict[str, Any] = {name: [getattr(post, name) for post in some] for name in schema.names}
            for name in ("created_at", "received_at"):
                columns[name] = [None if time is None else ms_of(time) for time in columns[name]]
            writer.write_table(pyarrow.table(columns, schema))
            progress(len(some))


def _to_sqlite(unfinished: Path, found: Iterator[list[Found]], progress: Progress) -> None:
    store = SqliteStore(Address("sqlite", str(unfinished)), _NAMESPACE, 0)
    store.open()
    for some in found:
        store.write(Batch([Row(_event(post), post.key >> BITS, list(post.topics)) for post in some]))
        progress(len(some))
    store.close()


def _event(post: Found) -> FeedEntry:
    return FeedEntry(*(getattr(post, name) for name in COLUMNS))
