"""`tweetream export`: all posts of topics, from a worker's feeds or from an archive, as a file.

From a worker they are collected in a file beside the output first, so that a post of several topics is one row and an
interrupted export goes on. Progress is shown on a terminal.
"""

import argparse
import contextlib
import datetime
import glob
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

from tweetream.archive import parquet_files
from tweetream.archive.address import Address, parse_address
from tweetream.archive.collect import Worker, collect
from tweetream.archive.errors import ArchiveUnavailable, BadArchive
from tweetream.archive.export import posts_of, to_file, to_stream
from tweetream.archive.search import ArchiveReader, Search
from tweetream.archive.sqlite import SqliteStore
from tweetream.models.messages import fail
from tweetream.models.printable import printable
from tweetream.models.topic import BadTopic, check_name

TIMEOUT = 3600.0  # seconds of one statement: nobody else waits for it
SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".db": "sqlite"}


def run(options: argparse.Namespace) -> None:
    """Export. Ends with one line if it cannot."""
    out = None if options.out in (None, "-") else Path(options.out)
    format = options.format or (SUFFIXES.get(out.suffix.lower(), "csv") if out else "csv")
    if out is None and format in ("parquet", "sqlite"):
        fail(f"--out: {format} needs a file; name it")
    try:
        topics = [check_name(name) for name in options.topics.split(",")]
        search = Search(
            label=options.label, since=_ms("--since", options.since), until=_ms("--until", options.until),
            min_score=_score(options.min_score),
        )  # fmt: skip
        if format == "parquet":
            parquet_files.check_pyarrow()
        with _source(options, out, topics, search) as reader:
            _write(reader, topics, search, format, out)
    except BadTopic as error:
        fail(str(error))
    except (BadArchive, ArchiveUnavailable) as error:
        fail(f"export: {error}")
    except BrokenPipeError:
        raise
    except OSError as error:
        fail(f"--out: {options.out} cannot be written: {error.strerror}")


def _write(reader: ArchiveReader, topics: list[str], search: Search, format: str, out: Path | None) -> None:
    with _progress("writing", sum(map(reader.number, topics))) as progress:
        if out is None:
            to_stream(sys.stdout.buffer, posts_of(reader, topics, search), format, progress)
        else:
            to_file(out, reader, topics, search, format, progress)


@contextlib.contextmanager
def _source(
    options: argparse.Namespace, out: Path | None, topics: list[str], search: Search
) -> Iterator[ArchiveReader]:
    """The archive, or one of what a worker has."""
    if options.origin.startswith(("http://", "https://")):
        with _collected(options, out, topics, search) as address, _reader(address) as reader:
            yield reader
        return
    address = parse_address(options.origin)
    if address.kind == "parquet":
        raise BadArchive("an archive of Parquet files is an export already; read its files")
    with _reader(address) as reader:
        yield reader


@contextlib.contextmanager
def _reader(address: Address) -> Iterator[ArchiveReader]:
    reader = ArchiveReader(address, TIMEOUT)
    try:
        yield reader
    finally:
        reader.close()


@contextlib.contextmanager
def _collected(options: argparse.Namespace, out: Path | None, topics: list[str], search: Search) -> Iterator[Address]:
    asked = hashlib.sha256(f"{options.origin} {sorted(topics)} {search}".encode()).hexdigest()[:12]
    near = out or Path(f"tweetream-export-{os.getpid()}")
    file = near.with_name(f".{near.name}.{asked}.db")
    query = {"since": search.since, "label": search.label, "min_score": search.min_score or None}
    given = {name: str(value) for name, value in query.items() if value is not None}
    store = SqliteStore(Address("sqlite", str(file)), "export", 0)
    worker = Worker(options.origin, os.environ.get("TWEETREAM_API_TOKEN", ""))
    with _progress("reading", None) as progress:
        collect(worker, store, topics, given, search.until, progress)
    store.close()
    yield Address("sqlite", str(file))
    for left in file.parent.glob(f"{glob.escape(file.name)}*"):
        left.unlink(missing_ok=True)


@contextlib.contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    with tqdm(total=total, desc=what, unit=" posts", disable=not sys.stderr.isatty(), leave=False) as bar:
        yield lambda number: bar.update(number) and None


def _ms(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) < 16:
        return int(text)
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option}: {printable(text)!r} is not a time; write it as 2026-11-28 or 2026-11-28T09:30:00Z")
    return int((time if time.tzinfo else time.replace(tzinfo=datetime.UTC)).timestamp() * 1000)


def _score(text: str | None) -> float:
    try:
        score = float(text or "0")
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        fail("--min-score: write a number from 0 to 1, such as 0.75")
    return score
