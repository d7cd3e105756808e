"""A cursor and retractions: it gives no retracted post, and gives each retraction of a delivered post once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.structs import TopicPartition
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.feed_writer import Writer
from support.records import cursor, read
from support.waiting import until_async

from tweetream.feeds import past, ring
from tweetream.feeds.hub import Hub
from tweetream.feeds.retractions import SLACK, id_of
from tweetream.feeds.ring import FeedRing
from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.kafka.readers import next_records
from tweetream.models.feed import Position

Broker = EmbeddedBroker | KafkaAddress


@pytest.fixture
async def feed(writer: Writer, live: Hub, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FeedRing]:
    """A feed of sixty posts; the older half has left the ring."""
    for module in (past, ring):
        monkeypatch.setattr(module, "FETCH_RECORDS", 4)
    monkeypatch.setattr(ring, "RING", 30)
    async with live.follow(writer.topic, asyncio.Event()) as feed:
        await post(writer, *range(60))
        await until_async(lambda: feed.end == 60)
        assert 25 < feed.start < 35
        yield feed


async def post(writer: Writer, *numbers: int) -> None:
    """Write records whose posts have these numbers as ids."""
    for n in numbers:
        await writer.raw(b'{"id":"%d","topic":"x","n":%d}' % (n, n), writer.headers(n))


def ids(records: list[Any]) -> list[int]:
    return [int(id_of(record.data)) for record in records]


def gone(found: list[bytes]) -> list[int]:
    return sorted(map(int, found))


async def test_a_retracted_post_comes_to_no_client_and_clients_that_had_it_get_the_retraction(
    writer: Writer, live: Hub, feed: FeedRing
) -> None:
    announced: list[int] = []
    live.on_records = lambda feeds: announced.append(feed.retracted)
    early = cursor(live, feed, 10)
    assert ids(await read(early, 60)) == list(range(10, 60)) and early.caught_up
    slow = cursor(live, feed, 12)
    for n in (11, 14, 40, 59, 200):
        live.retract(str(n), 60_000)
    await until_async(lambda: announced[-1:] == [2])
    assert not early.caught_up and gone(early.retracted()) == [40, 59], "those that were in the ring"
    assert early.caught_up and early.retracted() == []
    assert slow.retracted() == [], "none was delivered to it"
    assert ids(await read(slow, 60)) == [n for n in range(12, 60) if n not in (14, 40, 59)]
    assert slow.position == Position("x", "1", 58) and early.position == Position("x", "1", 59)
    await writer.raw(b'{"id":"200","topic":"x","n":200}', writer.headers(60))
    await post(writer, 61)
    await until_async(lambda: feed.end == 62)
    assert not early.caught_up and early.retracted() == [], "no client had a post that was retracted before it came"
    assert ids(await read(early, 62)) == ids(await read(slow, 62)) == [61] and early.caught_up
    assert ids(await live.past.last(writer.topic, 3)) == [57, 58, 61]
    live.retract("61", 60_000)
    await post(writer, *range(62, 110))
    await until_async(lambda: feed.end == 110)
    assert not early.ringed and gone(early.retracted()) == [61], (
        "it gets the retraction also after the record has left the ring"
    )
    assert ids(await read(early, 110)) == list(range(62, 110))


async def test_a_client_that_comes_again_gets_the_retractions_in_between(
    live: Hub, feed: FeedRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await cursor(live, feed, 60).missed_retractions(59) == []
    arrived = feed.arrival(59)
    assert arrived is not None
    for n in (12, 20, 57):
        live.retract(str(n), arrived)
    live.retract("58", arrived - 3 * SLACK)  # a retraction that it got before it left
    assert gone(await cursor(live, feed, 60).missed_retractions(59)) == [57]
    assert gone(await cursor(live, feed, 57).missed_retractions(56)) == [], "it did not have 57 and never gets it"
    assert feed.start > 22 and gone(await cursor(live, feed, 22).missed_retractions(21)) == [20]
    monkeypatch.setattr(past, "FETCH_RECORDS", 50)
    assert gone(await cursor(live, feed, 22).missed_retractions(21)) == [12, 20], (
        "also some records older than its last one"
    )
    assert gone(await cursor(live, feed, 4).missed_retractions(3)) == []


async def test_a_client_that_comes_again_gets_retractions_from_before_the_feed_was_followed(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "FETCH_RECORDS", 5)
    await post(writer, *range(20))
    other = Hub(writer.kafka)
    await other.start()
    try:
        for n in (3, 17, 19):
            other.retract(str(n), 4_000_000_000_000)
        async with other.follow(writer.topic, asyncio.Event()) as feed:
            assert feed.start == 15 and ids(feed.after(15)) == [15, 16, 18]
            now = cursor(other, feed, None)
            assert now.caught_up and now.position == Position("x", "1", 18)
            again = cursor(other, feed, 20)
            assert gone(await again.missed_retractions(19)) == [3, 17, 19], (
                "also of records that were read for the stamps"
            )
            await post(writer, 20)
            assert ids(await read(again, 21)) == [20]
    finally:
        await other.stop()


async def test_a_post_retracted_while_a_feed_is_joined_is_not_in_its_ring(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post(writer, *range(20))
    other = Hub(writer.kafka)
    await other.start()

    async def few_at_once(reader: Any, tp: TopicPartition, scan: object) -> list[Any]:
        found = await next_records(reader, tp, 5)
        other.retract(str(found[-1].offset), 0)
        return found

    monkeypatch.setattr(past, "_fetched", few_at_once)
    try:
        async with other.follow(writer.topic, asyncio.Event()) as feed:
            assert ids(feed.after(0)) == [n for n in range(20) if n not in (4, 9, 14, 19)]
    finally:
        await other.stop()
