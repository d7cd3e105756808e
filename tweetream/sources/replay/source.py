"""A file replayed as a stream: text, CSV, or JSON lines of any network, at a rate, once or for ever.

    replay:PATH[?rate=20&loop=true&format=text|csv|jsonl&column=text]

PATH is relative to the working directory or absolute (also `replay:///PATH`); percent-encode what a
URL cannot hold, as `?`. `rate` is posts a second, 0 as fast as they are taken. The format goes by the
suffix, below `.gz` or `.bz2`. `column` names the text in CSV (beside it `id`, `url`, `author`,
`lang`, `created_at` are read) and in JSON objects.

Ids are the line's own, as written, else `replay:BASENAME:LINE`; from the second round on they end in
`~ROUND`. A post keeps the time it claims; it gets the present one when it claims none, and always when
the file loops. A position is `LINE`, or `LINE.K` behind the Kth post of a line that holds several, with
`~ROUND` from the second round on; LINE counts every LF (of a CSV record: the last line). It holds as
long as what precedes it in the file stays the same.

What cannot be read is counted and passed over. A file that breaks off (damaged or cut archive, gone at
the next round) gives all whole lines before that, and then SourceError.
"""

import asyncio
import contextlib
import logging
import os
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, Post
from tweetream.sources.base import MAX_TEXT, Chunk, Retracted, SourceError
from tweetream.sources.post_builder import ParseContext, make_post, too_long
from tweetream.sources.replay.formats import parse
from tweetream.sources.replay.lines import blocks, pieces, records, without_cr
from tweetream.sources.replay.options import Options, read_url

log = logging.getLogger(__name__)

TICK = 0.02  # seconds: what falls due within one goes out together
BURST = 1.0  # seconds: behind by more than that, a replay does not make up for it
MAX_RECORDS = 400  # of a chunk, posts and others together: more would keep the event loop waiting
MAX_PIECES = 4  # of the file, read for one chunk
EMPTY_ROUND = 1.0  # seconds to wait behind a round without a post

# Where a record ends, (LINE, K), and what it holds. None: a piece of the file is done.
Item = tuple[int, int, Post | Drop | Retracted] | None
Items = Generator[Item, None, None]
_POSITION = re.compile(r"(\d{1,15})(?:\.(\d{1,9}))?(?:~([1-9]\d{0,8}))?", re.ASCII)


def _wall() -> int:
    return time.time_ns() // 1_000_000


class Pace:
    """A schedule on a steady clock: how many posts are due, waited for in ticks.

    It does not drift, since each post has its time, whenever the ones before it went.
    """

    def __init__(self, rate: float, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]):
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._next = clock()  # when the next post is due
        self._together = max(1, min(MAX_POSTS, round(rate * TICK)))

    async def due(self) -> int:
        """Wait until a tick's posts are due; how many there are, at most MAX_POSTS."""
        if not self._rate:
            await asyncio.sleep(0)
            return MAX_POSTS
        target = self._next + (self._together - 1) / self._rate
        now = self._clock()
        if now >= target:
            await asyncio.sleep(0)  # behind its time: others have their turn nevertheless
        while now < target:
            await self._sleep(target - now)
            now = self._clock()
        self._next = max(self._next, now - BURST)
        return max(self._together, min(MAX_POSTS, int((now - self._next) * self._rate + 1e-6) + 1))

    def took(self, posts: int) -> None:
        """So many of them went."""
        if self._rate:
            self._next += posts / self._rate


class Replay:
    """The source of `replay:` URLs. Construction raises SourceError for a URL that cannot be."""

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        wall: Callable[[], int] = _wall,
    ):
        self.url = url
        self.options: Options = read_url(url)
        self.unpaced = self.options.rate == 0
        self._clock, self._sleep, self._wall = clock, sleep, wall
        # A name that is not UTF-8 could not travel.
        name = os.path.basename(self.options.path).encode("utf-8", "replace").decode()
        self._prefix = f"replay:{name}:"

    def check(self) -> None:
        """Read the file's beginning: it is there, it is what its suffix says, and has the column."""
        with contextlib.closing(self._items(ParseContext(0), 0, 0)) as items:
            # The first record, or more pieces than its longest can have.
            for _, item in zip(range(16), items, strict=False):
                if item is not None:
                    return

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        """Chunks from behind `position`; the file is open while it runs, and closed with it."""
        line, nth, turn = self._start(position)
        pace = Pace(self.options.rate, self._clock, self._sleep)
        while True:
            at = ParseContext(0, suffix=f"~{turn}" if turn > 1 else "", present=self.options.loop)
            idle = not line  # a round begun in its middle may well have nothing more
            with contextlib.closing(self._items(at, line, nth)) as items:
                end: SourceError | bool = False
                while not end:
                    limit = await pace.due()
                    at.now = self._wall()
                    chunk, end = _fill(items, limit, at.suffix)
                    if chunk.position:
                        yield chunk
                        pace.took(len(chunk.posts))
                        idle = idle and not chunk.posts
                if isinstance(end, SourceError):
                    raise end
            if not self.options.loop:
                return
            if idle:
                await self._sleep(EMPTY_ROUND)
            line, nth, turn = 0, 0, turn + 1

    def _start(self, position: str | None) -> tuple[int, int, int]:
        if position is None:
            return 0, 0, 1
        found = _POSITION.fullmatch(position)
        if found is None:
            log.warning("%s: no position of a replay: %.80r; starting from the beginning", self.url, position)
            return 0, 0, 1
        line, nth, turn = found.groups()
        return int(line), int(nth or 0), int(turn or 1)

    def _items(self, at: ParseContext, line: int, nth: int) -> Items:
        """What stands behind (line, nth). Each post is made when it is asked for: `at` has the time then."""
        read = {"text": self._text, "jsonl": self._json, "csv": self._csv}[self.options.format]
        return read(at, line, nth)

    def _lines(self, skip: int) -> Iterator[tuple[int, bytes | None] | None]:
        number = 0
        for block in blocks(pieces(self.options.path)):
            yield None
            if number + len(block) <= skip:
                number += len(block)
                continue
            for line in block:
                number += 1
                if number > skip:
                    yield number, line

    def _text(self, at: ParseContext, line: int, nth: int) -> Items:
        prefix = self._prefix
        for read in self._lines(line):
            if read is None:
                yield None
                continue
            number, raw = read
            if raw is None:
                yield number, 0, Drop.TOO_LONG
                continue
            text = without_cr(raw).decode("utf-8", "replace")
            if not text or text.isspace():
                yield number, 0, Drop.BLANK
            elif too_long(text):
                yield number, 0, Drop.TOO_LONG
            else:
                yield number, 0, Post(f"{prefix}{number}{at.suffix}", "replay", text, at.now, at.now)

    def _json(self, at: ParseContext, line: int, nth: int) -> Items:
        # A line that was given in part is read again, and what was given of it passed over.
        for read in self._lines(line - 1 if nth else line):
            if read is None:
                yield None
                continue
            number, raw = read
            if raw is None or not raw or raw.isspace():
                yield number, 0, Drop.TOO_LONG if raw is None else Drop.BLANK
                continue
            at.name = f"{self._prefix}{number}"
            found = parse(raw, at, self.options.column)
            if isinstance(found, Post | Drop | Retracted):
                yield number, 0, found
                continue
            for k, item in enumerate(found, 1):
                if number > line or k > nth:
                    yield number, k, item

    def _csv(self, at: ParseContext, line: int, nth: int) -> Items:
        columns: dict[str, int] = {}
        width = 0
        mark = b"\t" if self.options.tabs else b","
        for read in records(blocks(pieces(self.options.path)), line, mark):
            if read is None:
                yield None
                continue
            begin, end, fields = read
            if not columns:
                columns, width = self._header(fields)
            elif isinstance(fields, Drop):
                yield end, 0, fields
            elif not columns[self.options.column] < len(fields) <= width:
                # More fields than columns: a comma that should have been quoted, and a text cut short.
                yield end, 0, Drop.MALFORMED
            else:
                at.name = f"{self._prefix}{begin}"
                yield end, 0, self._row(columns, fields, at)

    def _header(self, fields: list[bytes] | Drop) -> tuple[dict[str, int], int]:
        names = [] if isinstance(fields, Drop) else [f.decode("utf-8", "replace").strip() for f in fields]
        if self.options.column not in names:
            listed = ", ".join(names)[:200] or "none that can be read"
            raise SourceError(
                f"{self.options.path}: no column {self.options.column!r} in its first line; name the one "
                f"that holds the text with ?column=NAME (there are: {listed})"
            )
        # Of two columns of one name the first counts.
        return {name: i for i, name in reversed(list(enumerate(names)))}, len(names)

    def _row(self, columns: dict[str, int], fields: list[bytes], at: ParseContext) -> Post | Drop:
        text = fields[columns[self.options.column]].decode("utf-8", "replace")
        given = {
            name: fields[columns[name]].decode("utf-8", "replace").strip()
            for name in ("id", "url", "author", "lang", "created_at")
            if columns.get(name, len(fields)) < len(fields)
        }
        created = given.pop("created_at", None)
        return make_post(at, "replay", text, created=created, **given)


def _fill(items: Items, limit: int, suffix: str) -> tuple[Chunk, SourceError | bool]:
    """A chunk of at most `limit` posts, and whether that is the end. Without a position it is empty."""
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
            line, nth, found = item
            last, count = (line, nth), count + 1
            if isinstance(found, Post):
                chunk.posts.append(found)
                text = found.text
                size += len(text) if text.isascii() else len(text.encode())
            elif isinstance(found, Retracted):
                chunk.retracted.append(found.id + suffix)
                chunk.dropped[Drop.NOT_A_POST] += 1
            else:
                chunk.dropped[found] += 1
            # Room is left for one more text of any length.
            if len(chunk.posts) == limit or size > MAX_BYTES - MAX_TEXT or count == MAX_RECORDS:
                end = False
                break
    except SourceError as error:  # after what was read before it
        end = error
    if count:
        chunk.position = f"{last[0]}.{last[1]}{suffix}" if last[1] else f"{last[0]}{suffix}"
    return chunk, end
