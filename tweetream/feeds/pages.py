"""Pages of a feed's posts, backwards and forwards, while the feed grows. Knows no web and no Faust.

A page has the posts between two offsets. It names the offsets where the next pages start, also when no post passes the
filter, so that pages leave no hole. As in streams, duplicates are skipped. A page reads about SCAN records at most:
a filter that matches few posts costs many short requests instead of an endless one. It has PAGE_BYTES at most. A client
that has read more than its share, or for READ_FOR seconds, gets what was found, with the position to go on from.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import msgspec
from aiokafka.errors import OffsetOutOfRangeError

from tweetream.feeds.budget import Scan
from tweetream.feeds.past import GROWTH, SCAN, Newest, PastReader, size_of
from tweetream.feeds.record import EVERY_POST, FeedRecord, Filter
from tweetream.kafka.readers import FETCH_RECORDS
from tweetream.models.feed import Position

# Records that are read before a page's own, besides the dedup window. A page that is read backwards can start amid
# duplicates, long after their first delivery; there the dedup window may hold nothing but duplicates. A stream needs no
# overlap, since its position is never that of a duplicate.
OVERLAP = 1_000
TRIES = 3
PAGE_BYTES = 2 * 1024 * 1024  # of the posts of a page; a page has at least one post
READ_FOR = 5.0  # seconds, on a machine that is too busy for SCAN records
BLOCK_BYTES = 4 * PAGE_BYTES  # of records that are read at once, if there are more than one


class PageQuery(msgspec.Struct, frozen=True):
    """At most `number` posts that pass the filter: after a position, before a position, since a time (ms)."""

    number: int
    after: Position | None = None
    before: Position | None = None
    since: int | None = None
    post_filter: Filter = EVERY_POST
    scan: Scan | None = None  # what the client may read


class Page(msgspec.Struct):
    """A page of records, oldest first. `before` is None without older posts, `after` is None in an empty feed.

    `gap` has a position that the log does not have (any more), and the offset that replaces it.
    """

    records: list[FeedRecord]
    before: int | None
    after: int | None
    gap: tuple[Position, int] | None = None


class _Span(msgspec.Struct):
    """The offsets to read, from `lower` to before `upper`; the query asks for nothing before `floor`."""

    floor: int
    lower: int
    upper: int
    gap: tuple[Position, int] | None = None
    until: float = msgspec.field(default_factory=lambda: time.monotonic() + READ_FOR)


async def page(past: PastReader, kafka_topic: str, generation: str, query: PageQuery) -> Page:
    """The newest posts of those that the query asks for; the oldest ones if it has `after`."""
    for _ in range(TRIES):
        with contextlib.suppress(OffsetOutOfRangeError):  # retention removed the offset meanwhile
            return await _page(past, kafka_topic, generation, query)
    return await _page(past, kafka_topic, generation, query)


async def _page(past: PastReader, kafka_topic: str, generation: str, query: PageQuery) -> Page:
    first, end = await _bounds(past, kafka_topic, generation, query)
    span = _Span(first, first, end)
    if query.since is not None:
        since = await past.offset_of_time(kafka_topic, query.since, query.scan)
        span.floor = span.lower = end if since is None else max(first, min(since, end))
    if query.after is not None:
        span.lower = max(span.lower, _offset(query.after, 1, generation, first, end, span))
    if query.before is not None:
        span.upper = _offset(query.before, 0, generation, first, end, span)
    found = await (_backward if query.after is None else _forward)(past, kafka_topic, first, span, query)
    found.gap = span.gap
    return found


async def _bounds(past: PastReader, kafka_topic: str, generation: str, query: PageQuery) -> tuple[int, int]:
    """The first offset of the log and the offset after the last, as this worker knows them now."""
    given = [position for position in (query.after, query.before) if position and position.generation == generation]
    needed = max((position.offset + (position is query.after) for position in given), default=0)
    for _ in range(10):  # the embedded broker's answer can be too low
        first, end = await past.bounds(kafka_topic, query.scan)
        feed = past.ring(kafka_topic)
        if feed is not None and max(first, needed) <= feed.end:
            return first, feed.end  # the ring can lag a moment, but reading it is cheap
        if needed <= end:
            break
        await asyncio.sleep(0.05)
    return first, end


def _offset(given: Position, add: int, generation: str, first: int, end: int, span: _Span) -> int:
    """The offset of a position, plus `add`. If the log does not have it: the nearest one, and the gap is noted."""
    offset = given.offset + add
    if given.generation == generation and first <= offset <= end:
        return offset
    nearest = end if given.generation == generation and offset > end else first
    span.gap = (given, nearest)
    return nearest


class _Block:
    """What was read of a block: the newest records that pass, and the first and last that was no duplicate."""

    def __init__(self, newest: Newest) -> None:
        self.newest = newest
        self.size = 0  # bytes of all records
        self.first: int | None = None
        self.last: int | None = None

    def take(self, records: list[FeedRecord]) -> None:
        if records:
            self.first = records[0].offset if self.first is None else self.first
            self.last = records[-1].offset
            self.size += size_of(records)
            self.newest.take(records)


async def _backward(past: PastReader, kafka_topic: str, first: int, span: _Span, query: PageQuery) -> Page:
    found: list[FeedRecord] = []
    oldest, newest, cut = None, None, False
    room = PAGE_BYTES
    top, size = span.upper, max(FETCH_RECORDS, query.number)
    # Without any record that is no duplicate, the page would have no offset to name: read on.
    while (
        top > span.lower and not cut and len(found) < query.number and (oldest is None or _may_go_on(span, top, query))
    ):
        feed = past.ring(kafka_topic)
        ringed = feed is not None and feed.start < top <= feed.end
        start, began = max(span.lower, feed.start if feed is not None and ringed else top - size), time.monotonic()
        block = _Block(Newest(query.post_filter, query.number - len(found), room))
        async for records in _read(past, kafka_topic, first, start, top, query.scan):
            block.take(records)
            if block.size > BLOCK_BYTES and not ringed and block.last is not None and block.last < top - 1:
                break
        else:
            found = [*block.newest.records, *found]
            room -= block.newest.size
            cut = block.newest.cut
            oldest = oldest if block.first is None else block.first
            newest = block.last if newest is None else newest
            growth = GROWTH if time.monotonic() - began < READ_FOR / GROWTH else 1
            top, size = start, min(growth * size, SCAN)
            continue
        size = block.last - start + 1  # so many of these large records can be read at once
    before = None if top <= span.floor and not cut else oldest
    if before is not None and found and (cut or len(found) >= query.number):
        before = found[0].offset
    if newest is None and span.upper > 0:
        newest = span.upper - 1
    return Page(found, before, newest)


def _may_go_on(span: _Span, top: int, query: PageQuery) -> bool:
    over = query.scan is not None and query.scan.wait
    return span.upper - top < SCAN and not over and time.monotonic() < span.until


async def _forward(past: PastReader, kafka_topic: str, first: int, span: _Span, query: PageQuery) -> Page:
    passing: list[FeedRecord] = []
    last: int | None = None
    size = 0
    async for records in _read(past, kafka_topic, first, span.lower, span.upper, query.scan):
        new = list(filter(query.post_filter.passes, records))
        passing += new
        size += size_of(new)
        last = records[-1].offset if records else last
        seen = 0 if last is None else last - span.lower
        over = time.monotonic() >= span.until or (query.scan is not None and query.scan.wait)
        if len(passing) >= query.number or size >= PAGE_BYTES or seen >= SCAN or (over and last is not None):
            break
    found = _oldest(passing, query.number)
    after = found[-1].offset if found and (len(found) == query.number or len(found) < len(passing)) else last
    if after is None and span.lower > 0:
        # The position given, so that the client sees that it has caught up.
        after = query.after.offset if query.after and span.gap is None else span.lower - 1
    before = found[0].offset if found else span.lower
    return Page(found, before if span.lower > span.floor else None, after)


def _oldest(records: list[FeedRecord], number: int) -> list[FeedRecord]:
    """The first of the records, up to `number` of them and PAGE_BYTES."""
    size = 0
    for nth, record in enumerate(records[:number]):
        size += len(record.data)
        if nth and size > PAGE_BYTES:
            return records[:nth]
    return records[:number]


async def _read(
    past: PastReader, kafka_topic: str, first: int, start: int, end: int, scan: Scan | None
) -> AsyncIterator[list[FeedRecord]]:
    """The records from `start` to before `end`, without duplicates, in lists; from the ring if it has them all."""
    if start >= end:
        return
    feed = past.ring(kafka_topic)
    if feed is not None and feed.start <= start and end <= feed.end:
        yield feed.between(start, end)
        return
    cursor = max(first, start - OVERLAP)
    stamps = await past.stamps_before(kafka_topic, cursor, scan)
    while cursor < end:
        records, cursor = await past.fetch(kafka_topic, cursor, stamps, end, scan)
        yield [record for record in records if record.offset >= start]
