"""Pages of a feed's posts, backwards and forwards, while the feed grows. Knows no web and no Faust.

A page has the posts between two offsets. It names the offsets where the next pages start, also when no post passes the
filter, so that pages leave no hole. As in streams, duplicates are skipped. A page reads about SCAN records at most:
a filter that matches few posts costs many short requests instead of an endless one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
from aiokafka.errors import OffsetOutOfRangeError

from tweetream.feeds.past import SCAN, PastReader
from tweetream.feeds.record import EVERY_POST, FeedRecord, Filter
from tweetream.kafka.readers import FETCH_RECORDS
from tweetream.models.feed import Position

# Records that are read before a page's own, besides the dedup window. A page that is read backwards can start amid
# duplicates, long after their first delivery; there the dedup window may hold nothing but duplicates. A stream needs no
# overlap, since its position is never that of a duplicate.
OVERLAP = 1_000
TRIES = 3


class PageQuery(msgspec.Struct, frozen=True):
    """At most `number` posts that pass the filter: after a position, before a position, since a time (ms)."""

    number: int
    after: Position | None = None
    before: Position | None = None
    since: int | None = None
    post_filter: Filter = EVERY_POST


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
        since = await past.offset_of_time(kafka_topic, query.since)
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
        first, end = await past.bounds(kafka_topic)
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


class _Scan(msgspec.Struct):
    """What was read: the records that pass the filter, and the first and last offset that was no duplicate."""

    passing: list[FeedRecord] = []
    first: int | None = None
    last: int | None = None

    def take(self, records: list[FeedRecord], query: PageQuery) -> None:
        if records:
            self.first = records[0].offset if self.first is None else self.first
            self.last = records[-1].offset
            self.passing += filter(query.post_filter.passes, records)


async def _backward(past: PastReader, kafka_topic: str, first: int, span: _Span, query: PageQuery) -> Page:
    found: list[FeedRecord] = []
    oldest, newest = None, None
    top, size = span.upper, max(FETCH_RECORDS, query.number)
    # Without any record that is no duplicate, the page would have no offset to name: read on.
    while top > span.lower and len(found) < query.number and (span.upper - top < SCAN or oldest is None):
        feed = past.ring(kafka_topic)
        ringed = feed is not None and feed.start < top <= feed.end
        start = max(span.lower, feed.start if feed is not None and ringed else top - size)
        block = _Scan()
        async for records in _read(past, kafka_topic, first, start, top):
            block.take(records, query)
        found = block.passing + found
        oldest = oldest if block.first is None else block.first
        newest = block.last if newest is None else newest
        top, size = start, min(2 * size, SCAN)  # blocks grow, since each reads a dedup window first
    surplus = len(found) - query.number
    before = None if top <= span.floor and surplus <= 0 else oldest
    if surplus >= 0:
        found = found[surplus:]
        before = None if before is None else found[0].offset
    if newest is None and span.upper > 0:
        newest = span.upper - 1
    return Page(found, before, newest)


async def _forward(past: PastReader, kafka_topic: str, first: int, span: _Span, query: PageQuery) -> Page:
    scan = _Scan()
    async for records in _read(past, kafka_topic, first, span.lower, span.upper):
        scan.take(records, query)
        seen = 0 if scan.last is None else scan.last - span.lower
        if len(scan.passing) >= query.number or seen >= SCAN:
            break
    found = scan.passing[: query.number]
    after = found[-1].offset if len(scan.passing) >= query.number else scan.last
    if after is None and span.lower > 0:
        # The position given, so that the client sees that it has caught up.
        after = query.after.offset if query.after and span.gap is None else span.lower - 1
    before = found[0].offset if found else span.lower
    return Page(found, before if span.lower > span.floor else None, after)


async def _read(
    past: PastReader, kafka_topic: str, first: int, start: int, end: int
) -> AsyncIterator[list[FeedRecord]]:
    """The records from `start` to before `end`, without duplicates, in lists; from the ring if it has them all."""
    if start >= end:
        return
    feed = past.ring(kafka_topic)
    if feed is not None and feed.start <= start and end <= feed.end:
        yield feed.between(start, end)
        return
    cursor = max(first, start - OVERLAP)
    stamps = await past.stamps_before(kafka_topic, cursor)
    while cursor < end:
        records, cursor = await past.fetch(kafka_topic, cursor, stamps, end)
        yield [record for record in records if record.offset >= start]
