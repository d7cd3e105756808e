"""`tweetream record`: the posts of a source, written to a file that `replay:` gives again unchanged.

The file has a line for each post, in our own format (`formats.py` reads it), and a line for each deletion. Every few
seconds the new lines are appended as a complete archive, which gzip and bzip2 allow. So the file is complete at any
time, even after a kill, and a full disk loses nothing that was written before.
Limits: one source. It is followed as a worker follows it, but a post given twice is known only among the last MAX_IDS.
"""

import argparse
import asyncio
import bz2
import contextlib
import gzip
import logging
import os
import sys
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tweetream import settings
from tweetream.matching import normalise_track
from tweetream.models.drop import Drop
from tweetream.models.feed import rfc3339
from tweetream.models.messages import fail
from tweetream.models.post import Post
from tweetream.models.printable import PrintableLog
from tweetream.models.signals import end_signals
from tweetream.models.topic import BadTopic, check_name
from tweetream.sources import Chunk, Context, Note, Source, SourceError, open_source
from tweetream.sources.status import State
from tweetream.sources.supervisor import Supervisor

EVERY = 5.0  # seconds between two writes; a kill loses the posts since the last
PART = 1024 * 1024  # bytes of lines that are written at once
MAX_IDS = 50_000  # ids remembered, to leave out posts that a source gives twice
ENDS = (".jsonl", ".jsonl.gz", ".jsonl.bz2")
_encode = msgspec.json.Encoder().encode


def fields_of(post: Post) -> dict[str | None, Any]:
    """A post in our own format."""
    fields: dict[str | None, Any] = {
        "id": post.id,
        "source": post.source,
        "url": post.url,
        "author": post.author,
        "text": post.text,
        "lang": post.lang,
        "created_at": None if post.created_at is None else rfc3339(post.created_at),
    }
    return fields | {"also": post.also} if post.also else fields


def line(post: Post) -> bytes:
    """A post in our own format, as a line without its end."""
    return _encode(fields_of(post))


class Capture:
    """A new file, complete after every `flush`. Raises OSError, which is FileExistsError if the file exists."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.kept = 0  # lines in the file
        self._pack: Callable[[bytes], bytes] = bytes
        if path.endswith(".gz"):
            self._pack = gzip.compress
        elif path.endswith(".bz2"):
            self._pack = bz2.compress
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._lines: list[bytes] = []
        self._size = 0
        self._end = 0  # of the complete part

    def add(self, text: bytes) -> None:
        """Add a line."""
        self._lines.append(text)
        self._size += len(text) + 1
        if self._size >= PART:
            self.flush()

    def flush(self) -> None:
        """Write the added lines. If that fails, the file keeps its former end."""
        if not self._lines:
            return
        data = memoryview(self._pack(b"\n".join([*self._lines, b""])))
        end = self._end + len(data)
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self._end = end
        self.kept += len(self._lines)
        self._lines.clear()
        self._size = 0

    def close(self) -> None:
        """Close the file; a file without a line is deleted."""
        os.close(self._file)
        if not self.kept:
            with contextlib.suppress(OSError):  # it is gone already
                os.unlink(self.path)


class Recorder:
    """Follows a source until it ends or `stop` is called, and writes its posts."""

    def __init__(self, source: Source, capture: Capture) -> None:
        self.posts = self.retracted = self.time_unknown = 0
        self.dropped: Counter[Drop] = Counter()
        self.noted: Counter[Note] = Counter()
        self._capture = capture
        self._ids: OrderedDict[str, None] = OrderedDict()
        self.supervisor = Supervisor(source)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Raises OSError if the file cannot be written."""
        tasks = {
            asyncio.create_task(self.supervisor.run(None, self._take)),
            asyncio.create_task(self._flush()),
            asyncio.create_task(self._stopping.wait()),
        }
        if sys.stderr.isatty():
            tasks.add(asyncio.create_task(self._progress()))
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        for task in done:
            task.result()
        self._capture.flush()

    async def _take(self, chunk: Chunk) -> None:
        for post in chunk.posts:
            if post.id in self._ids:
                self.dropped[Drop.DUPLICATE] += 1
                continue
            self._ids[post.id] = None
            if len(self._ids) > MAX_IDS:
                self._ids.popitem(last=False)
            self._capture.add(line(post))
            self.posts += 1
            self.time_unknown += post.created_at is None
        for id in chunk.retracted:
            self._capture.add(_encode({"retracted": id}))
            self.retracted += 1
        self.dropped += chunk.dropped - Counter({Drop.NOT_A_POST: len(chunk.retracted)})  # the file has these notices
        self.noted += chunk.noted
        await asyncio.sleep(0)  # a source without pauses would keep all other tasks waiting

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            self._capture.flush()

    async def _progress(self) -> None:
        while True:
            status = self.supervisor.status
            said = f"{self.posts:,} posts, {status.posts_per_minute:,} in the last minute, {status.state}"
            print(f"\r\x1b[K{said}", end="", file=sys.stderr, flush=True)
            await asyncio.sleep(1.0)


def run(options: argparse.Namespace) -> None:
    """Record what the options say."""
    record(options.source, options.out, options.topic)


def record(url: str, out: str, topics: Sequence[str] | None) -> None:
    """Record until the source ends, Ctrl-C or SIGTERM. Ends with one line if it cannot."""
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""  # the line of progress
    handler = logging.StreamHandler()
    handler.addFilter(PrintableLog())
    logging.basicConfig(format=f"{clear}tweetream: %(message)s", level=logging.WARNING, handlers=[handler])
    source = opened(url, topics)
    capture = _capture(out)
    began = time.monotonic()
    try:
        recorder = asyncio.run(_record(source, capture))
    except OSError as error:
        print(clear, end="", file=sys.stderr)
        fail(f"{out} cannot be written: {error.strerror}; the {capture.kept} lines in it are complete")
    finally:
        capture.close()
    print(f"{clear}tweetream: {_counts(recorder)}, in {time.monotonic() - began:.0f} s", file=sys.stderr)
    if recorder.supervisor.status.state is State.REFUSED:
        raise SystemExit(1)


def opened(url: str, topics: Sequence[str] | None) -> Source:
    """The source, for these topics or those of the settings. Ends with one line if it cannot be opened."""
    known = settings.load()
    try:
        tracks = {check_name(name): normalise_track([name]) for name in topics or known.topics}
        source = open_source(url, Context(known, lambda: tracks))
        source.check()
    except SourceError as error:
        fail(f"source: {error}")
    except BadTopic as error:
        fail(f"topic: {error}")
    return source


def _capture(out: str) -> Capture:
    if not out.endswith(ENDS):
        fail(f"--out: the name must end in {', '.join(ENDS)}, so that replay: knows the format")
    try:
        return Capture(out)
    except FileExistsError:
        fail(f"--out: {out} exists; give another name, or delete the file first")
    except OSError as error:
        fail(f"--out: {out} cannot be written: {error.strerror}")


async def _record(source: Source, capture: Capture) -> Recorder:
    recorder = Recorder(source, capture)
    loop = asyncio.get_running_loop()
    for number in end_signals():
        loop.add_signal_handler(number, recorder.stop)
    await recorder.run()
    return recorder


def _counts(recorder: Recorder) -> str:
    said = f"posts {recorder.posts}, deletions {recorder.retracted}, left out {recorder.dropped.total()}"
    if recorder.dropped:
        said += f" ({', '.join(f'{reason} {number}' for reason, number in sorted(recorder.dropped.items()))})"
    if recorder.time_unknown:
        said += f", time_unknown {recorder.time_unknown}"
    said += "".join(f", {note} {number}" for note, number in sorted(recorder.noted.items()))
    return f"{said}, from {recorder.supervisor.url}"
