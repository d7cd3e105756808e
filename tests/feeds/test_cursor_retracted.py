"""A client's place where posts are taken back: none comes to it, and of those that it may have it is told, once."""

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
    """Sixty posts, half of them behind the ring."""
    for module in (past, ring):
        monkeypatch.setattr(module, "FETCH_RECORDS", 4)
    monkeypatch.setattr(ring, "RING", 30)
    async with live.follow(writer.topic, asyncio.Event()) as feed:
        await post(writer, *range(60))
        await until_async(lambda: feed.end == 60)
        assert 25 < feed.start < 35
        yield feed


async def post(writer: Writer, *numbers: int) -> None:
    """Records whose posts have the number as id."""
    for n in numbers:
        await writer.raw(b'{"id":"%d","topic":"x","n":%d}' % (n, n), writer.headers(n))


def ids(records: list[Any]) -> list[int]:
    return [int(id_of(record.data)) for record in records]


def gone(found: list[bytes]) -> list[int]:
    return sorted(map(int, found))


async def test_what_was_taken_back_comes_to_nobody_behind_the_ring_or_in_it_and_who_had_it_is_told(
    writer: Writer, live: Hub, feed: FeedRing
) -> None:
    told: list[int] = []
    live.on_records = lambda: told.append(feed.retracted)
    early = cursor(live, feed, 10)
    assert ids(await read(early, 60)) == list(range(10, 60)) and early.caught_up
    slow = cursor(live, feed, 12)
    for n in (11, 14, 40, 59, 200):
        live.retract(str(n), 60_000)
    await until_async(lambda: told[-1:] == [2])
    assert not early.caught_up and gone(early.retracted()) == [40, 59], "those in the ring"
    assert early.caught_up and early.retracted() == []
    assert slow.retracted() == [], "it has had none of them"
    assert ids(await read(slow, 60)) == [n for n in range(12, 60) if n not in (14, 40, 59)]
    assert slow.position == Position("x", "1", 58) and early.position == Position("x", "1", 59)
    await writer.raw(b'{"id":"200","topic":"x","n":200}', writer.headers(60))
    await post(writer, 61)
    await until_async(lambda: feed.end == 62)
    assert not early.caught_up and early.retracted() == [], "what was taken back before it came nobody has had"
    assert ids(await read(early, 62)) == ids(await read(slow, 62)) == [61] and early.caught_up
    assert ids(await live.past.last(writer.topic, 3)) == [57, 58, 61]
    live.retract("61", 60_000)
    await post(writer, *range(62, 110))
    await until_async(lambda: feed.end == 110)
    assert not early.ringed and gone(early.retracted()) == [61], "what it had is told also when the ring has moved on"
    assert ids(await read(early, 110)) == list(range(62, 110))


async def test_who_comes_again_is_told_of_what_was_taken_back_meanwhile(
    live: Hub, feed: FeedRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await cursor(live, feed, 60).missed_retractions(59) == []
    arrived = feed.arrival(59)
    assert arrived is not None
    for n in (12, 20, 57):
        live.retract(str(n), arrived)
    live.retract("58", arrived - 3 * SLACK)  # of that it was told when it was there
    assert gone(await cursor(live, feed, 60).missed_retractions(59)) == [57]
    assert gone(await cursor(live, feed, 57).missed_retractions(56)) == [], "it has not had it, and never gets it"
    assert feed.start > 22 and gone(await cursor(live, feed, 22).missed_retractions(21)) == [20]
    monkeypatch.setattr(past, "FETCH_RECORDS", 50)
    assert gone(await cursor(live, feed, 22).missed_retractions(21)) == [12, 20], (
        "behind the ring some of what lies before"
    )
    assert gone(await cursor(live, feed, 4).missed_retractions(3)) == []


async def test_what_was_taken_back_before_a_feed_is_followed_is_known_to_who_comes_again(
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
                "also what was read to know what came before"
            )
            await post(writer, 20)
            assert ids(await read(again, 21)) == [20]
    finally:
        await other.stop()


async def test_what_is_taken_back_while_a_feed_is_joined_is_not_in_its_ring(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post(writer, *range(20))
    other, whole = Hub(writer.kafka), next_records
    await other.start()

    async def piecemeal(reader: Any, tp: TopicPartition, most: int) -> list[Any]:
        found = await whole(reader, tp, 5)
        other.retract(str(found[-1].offset), 0)
        return found

    monkeypatch.setattr(past, "next_records", piecemeal)
    try:
        async with other.follow(writer.topic, asyncio.Event()) as feed:
            assert ids(feed.after(0)) == [n for n in range(20) if n not in (4, 9, 14, 19)]
    finally:
        await other.stop()
