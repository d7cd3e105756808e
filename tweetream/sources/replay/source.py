"""A file replayed as a stream: text, a table, or JSON of any network, at a rate, once or in a loop.

    replay:PATH[?rate=20&loop=true&format=&text=&id=&time=&author=&url=&lang=&columns=&encoding=&separator=&day_first=]

PATH is absolute (also `replay:///PATH`) or relative to the working directory; percent-encode characters that a URL
cannot hold, such as `?`. `rate` is in posts a second; with 0 posts are given as fast as they are taken. The other
options say how the file is read, where that is not as it seems: `docs/sources.md` explains them.

The id is the network's, or the file's own, `replay:NAME:#ID`, else `replay:NAME:LINE` (see `ids.py`). From the second
round on `~ROUND` is appended. A post keeps its own time. When the file loops, all times of a round move on together: by
as much as no post is in the future when it is given. A position is `LINE`, or `LINE.K` after the Kth post of a record
with several posts, with `~ROUND` from the second round on. LINE counts every LF; for a CSV record it is the last line,
for other tables the row, for a JSON document the value. A position is valid while the file before it does not change.

Unreadable lines are counted and skipped. If a file ends early (a damaged or incomplete archive, or it is deleted before
the next round), the source gives all whole lines before that, and then raises SourceError.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, Post, size_of
from tweetream.sources.base import MAX_TEXT, Chunk, Context, Retracted, SourceError
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.replay.ids import names
from tweetream.sources.replay.options import Options, read_url
from tweetream.sources.replay.rate_limiter import RateLimiter
from tweetream.sources.replay.reader import FileReader, Items
from tweetream.sources.replay.sheets import is_sheet

T = TypeVar("T")
log = logging.getLogger(__name__)

MAX_RECORDS = 400  # of a chunk, posts and others; more would block the event loop
MAX_PIECES = 4  # of the file, read for one chunk
EMPTY_ROUND = 1.0  # seconds to wait after a round without a post

_POSITION = re.compile(r"(\d{1,15})(?:\.(\d{1,9}))?(?:~([1-9]\d{0,8}))?", re.ASCII)


def make(url: str, context: Context) -> "Replay":
    """The source of a URL with the scheme `replay`. Raises SourceError."""
    others = [read_url(other).path for other in context.settings.sources if other.startswith("replay:")]
    path = read_url(url).path
    return Replay(url, name=names([path, *others])[path])


def _wall() -> int:
    return time.time_ns() // 1_000_000


class Replay:
    """A file as a stream of posts."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        wall: Callable[[], int] = _wall,
    ):
        self.url = url
        self.options: Options = read_url(url)
        self.unpaced = self.options.rate == 0
        self._clock, self._sleep, self._wall = clock, sleep, wall
        self._reader = FileReader(self.options.path, self.options.choices, name)
        self._thread: ThreadPoolExecutor | None = None

    def check(self) -> None:
        """Read the beginning of the file: it exists, has the format of its suffix, and has the column."""
        with contextlib.closing(self._reader.items(ParseContext(0), 0, 0)) as items:
            # This reads the first record; 16 pieces are more than the longest record has.
            for _, item in zip(range(16), items, strict=False):
                if item is not None:
                    break
        self._reader.noted.clear()  # they are counted when the posts are given

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        """Chunks after `position`. The file is open while this runs, and closed with it."""
        line, nth, turn = self._start(position)
        with self._thread_if_slow():
            await self._step(self.check)
            if said := await asyncio.to_thread(self._reader.said):  # counting the rows can take a second
                log.warning("%s", said)  # a worker shows nothing below this level, and a person should check it
            lead = await self._lead(line, nth) if self.options.loop else None
            limiter = RateLimiter(self.options.rate, self._clock, self._sleep)
            while True:
                at = ParseContext(0, suffix=f"~{turn}" if turn > 1 else "")
                if lead is not None:
                    at.shift = self._wall() - lead
                idle = not line  # a round that starts in the middle may have no more posts
                with self._items(at, line, nth) as items:
                    end: SourceError | bool = False
                    while not end:
                        limit = await limiter.due()
                        at.now = self._wall()
                        chunk, end = await self._step(partial(_fill, items, limit, at.suffix))
                        chunk.noted, self._reader.noted = self._reader.noted, Counter()
                        if chunk.position:
                            yield chunk
                            limiter.given(len(chunk.posts))
                            idle = idle and not chunk.posts
                    if isinstance(end, SourceError):
                        raise end
                if not self.options.loop:
                    return
                if idle:
                    await self._sleep(EMPTY_ROUND)
                if line:  # the first round began in the middle
                    lead = await self._lead(0, 0)
                line, nth, turn = 0, 0, turn + 1

    @contextlib.contextmanager
    def _thread_if_slow(self) -> Iterator[None]:
        """Within the block `_step` uses a thread if a step can take seconds. A step that still runs then is stopped."""
        thread = self._thread = ThreadPoolExecutor(1, "replay") if is_sheet(self.options.path) else None
        try:
            yield
        finally:
            if thread is not None:
                self._reader.stop()
                thread.shutdown(wait=False)

    async def _step(self, work: Callable[[], T]) -> T:
        return work() if self._thread is None else await asyncio.wrap_future(self._thread.submit(work))

    @contextlib.contextmanager
    def _items(self, at: ParseContext, line: int, nth: int) -> Iterator[Items]:
        items, thread = self._reader.items(at, line, nth), self._thread
        try:
            yield items
        finally:
            if thread is None:
                items.close()
            else:
                thread.submit(items.close)  # after the step that may still run

    async def _lead(self, line: int, nth: int) -> int | None:
        """The time in the file at which a round begins, in ms: the latest at which no post comes before its time."""
        lead = _Lead(1000 / self.options.rate if self.options.rate else 0.0)
        with self._items(ParseContext(self._wall()), line, nth) as items:
            while await self._step(partial(lead.take, items)):
                await asyncio.sleep(0)
        self._reader.noted.clear()  # they are counted when the posts are given
        return lead.ms

    def _start(self, position: str | None) -> tuple[int, int, int]:
        if position is None:
            return 0, 0, 1
        found = _POSITION.fullmatch(position)
        if found is None:
            log.warning("%s: not a position of a replay: %.80r; starting from the beginning", self.url, position)
            return 0, 0, 1
        line, nth, turn = found.groups()
        return int(line), int(nth or 0), int(turn or 1)


class _Lead:
    """The latest time (ms) at which a round may begin, from the posts so far; None without a post that has a time."""

    def __init__(self, every: float) -> None:
        self.ms: int | None = None
        self._every, self._number = every, 0

    def take(self, items: Items) -> bool:
        """Look at the posts of a piece of the file; False at its end."""
        with contextlib.suppress(SourceError):  # an error in the file is raised when its posts are given
            for item in items:
                if item is None:
                    return True
                if isinstance(item[2], Post):
                    if (created := item[2].created_at) is not None:
                        lead = created - round(self._number * self._every)
                        self.ms = max(lead, created if self.ms is None else self.ms)
                    self._number += 1
        return False


def _fill(items: Items, limit: int, suffix: str) -> tuple[Chunk, SourceError | bool]:
    """A chunk of at most `limit` posts, and whether the file ends there. A chunk without a position is empty."""
    chunk, last = Chunk([], ""), (0, 0)
    size, count, read = 0, 0, 0
    end: SourceError | bool = True
    try:
        for item in items:
            if item is None:
                read += 1
                if read < MAX_PIECES:
                    continue
                end = False
                break
            line, nth, found, _ = item
            last, count = (line, nth), count + 1
            if isinstance(found, Post):
                chunk.posts.append(found)
                size += size_of(found.text)
            elif isinstance(found, Retracted):
                chunk.retracted.append(found.id + suffix)
                chunk.dropped[Drop.NOT_A_POST] += 1
            else:
                chunk.dropped[found] += 1
            # This leaves room for one more text of any length.
            if len(chunk.posts) == limit or size > MAX_BYTES - MAX_TEXT or count == MAX_RECORDS:
                end = False
                break
    except SourceError as error:  # raised after the chunk with the records before it
        end = error
    if count:
        chunk.position = f"{last[0]}.{last[1]}{suffix}" if last[1] else f"{last[0]}{suffix}"
    return chunk, end
