"""A cursor: replay from Kafka joins the ring with no record missing or doubled, and gaps are reported."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.feed_writer import Writer, numbers
from support.records import cursor, delete_before, read
from support.waiting import until_async

from tweetream.feeds import past, ring
from tweetream.feeds.cursor import Cursor, Gap
from tweetream.feeds.hub import Hub
from tweetream.feeds.ring import FeedRing
from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.models.feed import Position

Broker = EmbeddedBroker | KafkaAddress


@pytest.fixture
async def feed(writer: Writer, live: Hub, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FeedRing]:
    """A followed feed; its first ten records were written before."""
    await writer.write(*range(10))
    for module in (past, ring):
        monkeypatch.setattr(module, "FETCH_RECORDS", 4)  # the ring loads no more of the records before
    async with live.follow(writer.topic, asyncio.Event()) as feed:
        yield feed


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring so small that it soon drops a client's next record."""
    monkeypatch.setattr(ring, "RING", 30)


async def test_from_now_on_means_from_the_end(writer: Writer, live: Hub, feed: FeedRing) -> None:
    one = cursor(live, feed, None)
    assert await one.check() is None and one.offset == 10
    assert await one.next() == [] and one.position == Position("x", "1", 9)
    await writer.write(10, 11)
    assert numbers(await read(one, 12)) == [10, 11]


async def test_a_feed_without_a_record_has_the_position_before_its_first(writer: Writer, live: Hub) -> None:
    async with live.follow(writer.topic, asyncio.Event()) as feed:
        one = cursor(live, feed, None)
        assert one.position == Position("x", "1", -1)
        await writer.write(0)
        assert numbers(await read(one, 1)) == [0] and one.position == Position("x", "1", 0)


@pytest.mark.usefixtures("small")
async def test_replay_meets_the_ring_with_nothing_missing_or_doubled_while_records_are_appended(
    writer: Writer, live: Hub, feed: FeedRing
) -> None:
    end = 10

    async def append() -> None:
        nonlocal end
        for first in range(10, 1500, 30):  # each batch begins with half of the batch before it
            again = range(max(0, first - 15), first + 30)
            await writer.write(*again)
            end += len(again)
            await asyncio.sleep(0.005)

    appending = asyncio.create_task(append())
    await until_async(lambda: feed.end > 200)
    ones = [cursor(live, feed, at) for at in (0, 3, 9, feed.start + 1)]
    starts = [0, 3, 9]

    async def slowly(one: Cursor) -> list[int]:
        found: list[Any] = []
        async with asyncio.timeout(90):
            while not (appending.done() and one.offset >= feed.end and feed.end == end):
                records = await one.next()
                found += records
                await asyncio.sleep(0 if records else 0.005)
        return numbers(found)

    found = await asyncio.gather(*(slowly(one) for one in ones))
    for start, seen in zip(starts, found[:3], strict=True):
        assert seen == list(range(start, 1510))
    assert found[3] == list(range(found[3][0], 1510))


@pytest.mark.usefixtures("small")
async def test_a_client_that_stops_reading_goes_on_from_kafka(writer: Writer, live: Hub, feed: FeedRing) -> None:
    one = cursor(live, feed, None)
    await writer.write(10)
    assert numbers(await read(one, 11)) == [10]
    for first in range(11, 131, 10):
        await writer.write(*range(first, first + 10))
    await until_async(lambda: feed.end == 131)
    assert feed.start > 11, "the client's next record has left the ring"
    assert numbers(await read(one, 131)) == list(range(11, 131))


@pytest.mark.usefixtures("small")
async def test_duplicates_are_skipped_in_the_ring_and_in_older_records(
    writer: Writer, live: Hub, feed: FeedRing
) -> None:
    await writer.write(*range(5, 60))
    await writer.write(*range(20, 100))
    await until_async(lambda: feed.end == 145)
    assert numbers(await read(cursor(live, feed, 0), 145)) == list(range(100))
    assert numbers(await read(cursor(live, feed, 12), 145)) == list(range(10, 100)), "12 is a duplicate"


async def test_an_offset_in_the_log_gives_no_gap(writer: Writer, live: Hub, feed: FeedRing) -> None:
    for at in (0, 5, 10):
        assert await cursor(live, feed, at).check() is None


async def test_an_offset_past_the_end_is_a_gap_and_moves_to_the_end(writer: Writer, live: Hub, feed: FeedRing) -> None:
    one = cursor(live, feed, 2**63)
    assert await one.check() == Gap("x", Position("x", "1", 2**63 - 1), Position("x", "1", 10))
    assert one.offset == 10 and await one.check() is None
    await writer.write(10)
    assert numbers(await read(one, 11)) == [10]


async def test_a_hub_that_lags_a_little_makes_no_gap(writer: Writer, live: Hub, feed: FeedRing) -> None:
    one = cursor(live, feed, 12)
    checking = asyncio.create_task(one.check())
    await writer.write(10, 11, 12)
    assert await checking is None and one.offset == 12
    assert numbers(await read(one, 13)) == [12]


async def test_an_offset_that_retention_has_passed_is_a_gap_and_moves_to_the_first(
    apache_kafka: KafkaAddress, namespace: str
) -> None:
    writer = Writer(apache_kafka, f"{namespace}-feed-x-1")
    await writer.begin()
    await writer.write(*range(20))
    await delete_before(apache_kafka, writer.topic, 8)
    live = Hub(writer.kafka)
    await live.start()
    try:
        async with live.follow(writer.topic, asyncio.Event()) as feed:
            one = cursor(live, feed, 3)
            gap = await one.check()
            assert gap is not None and gap.start == Position("x", "1", 2) and one.offset == 8
            assert numbers(await read(one, 20)) == list(range(8, 20))
    finally:
        await live.stop()
        await writer.producer.stop()


async def test_older_records_come_from_kafka_and_then_the_ring_goes_on(
    writer: Writer, live: Hub, feed: FeedRing
) -> None:
    await writer.write(*range(10, 20))
    await until_async(lambda: feed.end == 20)
    one = cursor(live, feed, 3)
    assert await one.check() is None
    found = await read(one, 20)
    assert numbers(found) == list(range(3, 20)), "the ring has all records that were there when the feed was joined"
    assert one.position == Position("x", "1", 19)


async def test_a_position_is_never_that_of_a_skipped_record(writer: Writer, live: Hub, feed: FeedRing) -> None:
    one = cursor(live, feed, None)
    await writer.write(10, 11)
    await read(one, 12)
    await writer.write(10, 11)
    await until_async(lambda: feed.end == 14)
    assert await one.next() == []
    assert one.position == Position("x", "1", 11)
