"""The past of a feed by pages, backwards and forwards, while it grows. Knows no web and no Faust.

A page is the posts between two places in the log; the answer names places from which the next page follows without
a hole, also when a filter let nothing pass. Every offset is judged by the page that covers it, and by the rule that
streams have: what was redelivered is skipped. A page looks through SCAN records or a little more, then it is given as
it is, so that a filter that matches little costs many short requests rather than an endless one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
from aiokafka.errors import OffsetOutOfRangeError

from tweetream.feeds.hub import SCAN, Hub
from tweetream.feeds.record import EVERY_POST, Filter, Record
from tweetream.kafka.readers import PIECE
from tweetream.models.feed import Position

# Records that are read before a page's own, besides those of the look-back. A stream's position never rests on a
# record that came again; a page read backwards can begin amid such, long after they came first, where a look-back by
# time finds nothing but what came again.
OVERLAP = 1_000
TRIES = 3


class Asked(msgspec.Struct, frozen=True):
    """What a page is to hold: at most `number` posts behind `after`, ahead of `before`, since a time (ms), wanted."""

    number: int
    after: Position | None = None
    before: Position | None = None
    since: int | None = None
    wanted: Filter = EVERY_POST


class Page(msgspec.Struct):
    """A page, oldest first. `before` is None if nothing lies ahead of it, `after` if no record is there to name.

    `gap` is a position that is not in the log (any more), and the offset that was taken in its place.
    """

    records: list[Record]
    before: int | None
    after: int | None
    gap: tuple[Position, int] | None = None


class _Span(msgspec.Struct):
    """The offsets from `lower` up to, not including, `upper`; nothing that is wanted lies before `floor`."""

    floor: int
    lower: int
    upper: int
    gap: tuple[Position, int] | None = None


async def page(hub: Hub, kafka_topic: str, generation: str, asked: Asked) -> Page:
    """The page that was asked for: the newest posts of what it may hold, the oldest if `after` is given."""
    for _ in range(TRIES):
        with contextlib.suppress(OffsetOutOfRangeError):  # retention took away what was just found to be there
            return await _page(hub, kafka_topic, generation, asked)
    return await _page(hub, kafka_topic, generation, asked)


async def _page(hub: Hub, kafka_topic: str, generation: str, asked: Asked) -> Page:
    first, end = await _bounds(hub, kafka_topic, generation, asked)
    span = _Span(first, first, end)
    if asked.since is not None:
        since = await hub.offset_of_time(kafka_topic, asked.since)
        span.floor = span.lower = end if since is None else max(first, min(since, end))
    if asked.after is not None:
        span.lower = max(span.lower, _place(asked.after, 1, generation, first, end, span))
    if asked.before is not None:
        span.upper = _place(asked.before, 0, generation, first, end, span)
    found = await (_backward if asked.after is None else _forward)(hub, kafka_topic, first, span, asked)
    found.gap = span.gap
    return found


async def _bounds(hub: Hub, kafka_topic: str, generation: str, asked: Asked) -> tuple[int, int]:
    """The first offset and the one behind the last, as far as this worker knows now."""
    ours = [place for place in (asked.after, asked.before) if place is not None and place.generation == generation]
    wanted = max((place.offset + (place is asked.after) for place in ours), default=0)
    for _ in range(10):  # the embedded broker's answer can be a little wrong
        first, end = await hub.bounds(kafka_topic)
        feed = hub.feed(kafka_topic)
        if feed is not None and max(first, wanted) <= feed.end:
            return first, feed.end  # the ring may be a moment behind, and has it all in memory
        if wanted <= end:
            break
        await asyncio.sleep(0.05)
    return first, end


def _place(given: Position, add: int, generation: str, first: int, end: int, span: _Span) -> int:
    """The offset that a position stands for; one that is in the log if it is not, and then the gap is noted."""
    at = given.offset + add
    if given.generation == generation and first <= at <= end:
        return at
    there = end if given.generation == generation and at > end else first
    span.gap = (given, there)
    return there


class _Passed(msgspec.Struct):
    """What was looked through: the records that are wanted, and the first and the last that are no redelivery."""

    wanted: list[Record] = []
    first: int | None = None
    last: int | None = None

    def take(self, records: list[Record], asked: Asked) -> None:
        if records:
            self.first = records[0].offset if self.first is None else self.first
            self.last = records[-1].offset
            self.wanted += filter(asked.wanted.passes, records)


async def _backward(hub: Hub, kafka_topic: str, first: int, span: _Span, asked: Asked) -> Page:
    found: list[Record] = []
    oldest, newest = None, None
    top, size = span.upper, max(PIECE, asked.number)
    # With no record passed there is no place to go on from, however many were looked through.
    while top > span.lower and len(found) < asked.number and (span.upper - top < SCAN or oldest is None):
        feed = hub.feed(kafka_topic)
        ringed = feed is not None and feed.start < top <= feed.end
        start = max(span.lower, feed.start if feed is not None and ringed else top - size)
        block = _Passed()
        async for records in _read(hub, kafka_topic, first, start, top):
            block.take(records, asked)
        found = block.wanted + found
        oldest = oldest if block.first is None else block.first
        newest = block.last if newest is None else newest
        top, size = start, min(2 * size, SCAN)  # blocks grow, since each costs a look-back
    surplus = len(found) - asked.number
    before = None if top <= span.floor and surplus <= 0 else oldest
    if surplus >= 0:
        found = found[surplus:]
        before = None if before is None else found[0].offset
    if newest is None and span.upper > 0:
        newest = span.upper - 1
    return Page(found, before, newest)


async def _forward(hub: Hub, kafka_topic: str, first: int, span: _Span, asked: Asked) -> Page:
    passed = _Passed()
    async for records in _read(hub, kafka_topic, first, span.lower, span.upper):
        passed.take(records, asked)
        seen = 0 if passed.last is None else passed.last - span.lower
        if len(passed.wanted) >= asked.number or seen >= SCAN:
            break
    found = passed.wanted[: asked.number]
    after = found[-1].offset if len(passed.wanted) >= asked.number else passed.last
    if after is None and span.lower > 0:
        # The place it was asked for, so that a client sees that it has caught up.
        after = asked.after.offset if asked.after and span.gap is None else span.lower - 1
    before = found[0].offset if found else span.lower
    return Page(found, before if span.lower > span.floor else None, after)


async def _read(hub: Hub, kafka_topic: str, first: int, start: int, end: int) -> AsyncIterator[list[Record]]:
    """The records from `start` up to `end` that are no redeliveries, in pieces: from the ring if it has them all."""
    if start >= end:
        return
    feed = hub.feed(kafka_topic)
    if feed is not None and feed.start <= start and end <= feed.end:
        yield feed.between(start, end)
        return
    cursor = max(first, start - OVERLAP)
    stamps = await hub.stamps_at(kafka_topic, cursor)
    while cursor < end:
        records, cursor = await hub.fetch(kafka_topic, cursor, stamps, end)
        yield [record for record in records if record.offset >= start]
