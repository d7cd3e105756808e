"""The hub: feeds that are followed, and their clients."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from support.kafka.feed_writer import Broker, Writer, numbers
from support.records import counted
from support.waiting import until_async

from tweetream.feeds import hub, pace
from tweetream.feeds.budget import PacedScan, ReadBudget
from tweetream.feeds.hub import Hub
from tweetream.feeds.record import Stamps
from tweetream.feeds.ring import FeedRing
from tweetream.kafka.connection import Connection
from tweetream.kafka.session_consumer import SessionConsumer


@pytest.fixture
async def live(writer: Writer) -> AsyncIterator[Hub]:
    live = Hub(writer.kafka, feed_idle_timeout=0.3)
    await live.start()
    yield live
    await live.stop()


async def test_a_client_sees_what_comes_after_it_joined(writer: Writer, live: Hub) -> None:
    await writer.write(0, 1, 2)
    ends: list[int] = []
    async with live.follow(writer.topic, asyncio.Event()) as feed:
        assert feed.end == 3
        live.on_records = lambda feeds: ends.append(feed.end)
        await writer.write_singly(3)
        await writer.write(4, 5)
        await until_async(lambda: bool(ends) and ends[-1] == 6)
        assert numbers(feed.after(3)) == [3, 4, 5]
        assert [record.offset for record in feed.after(5)] == [5]
        assert feed.after(6) == []


async def test_new_records_are_announced_also_when_kafka_fails_right_after_them(
    writer: Writer, live: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, failed = SessionConsumer.getmany, 0

    async def failing(self: SessionConsumer, **options: Any) -> Any:
        nonlocal failed
        if options["timeout_ms"] == hub.SECOND_POLL_MS:
            failed += 1
            raise KafkaError("the connection broke")
        return await whole(self, **options)

    monkeypatch.setattr(pace, "SHARE", 1e-9)  # as under load
    monkeypatch.setattr(SessionConsumer, "getmany", failing)
    ends: list[int] = []
    async with live.follow(writer.topic, asyncio.Event()) as feed:
        live.on_records = lambda feeds: ends.append(feed.end)
        for n in range(3):
            await writer.write(n)
            await until_async(lambda n=n: feed.end == n + 1)
            await asyncio.sleep(0.2)
            assert ends[-1:] == [n + 1]
    assert failed


async def test_all_clients_of_a_feed_share_it(writer: Writer, live: Hub) -> None:
    events = [asyncio.Event() for _ in range(20)]
    async with contextlib.AsyncExitStack() as stack:
        follows = [stack.enter_async_context(live.follow(writer.topic, event)) for event in events]
        feeds = await asyncio.gather(*follows)
        assert all(feed is feeds[0] for feed in feeds) and feeds[0].clients == set(events)
        await writer.write(0)
        await until_async(lambda: feeds[0].end == 1)
        assert not any(event.is_set() for event in events), "a record wakes no client"


async def test_a_client_that_leaves_is_removed_also_when_it_fails(writer: Writer, live: Hub) -> None:
    with pytest.raises(RuntimeError):
        async with live.follow(writer.topic, asyncio.Event()) as feed:
            raise RuntimeError
    assert not feed.clients


async def test_a_duplicate_is_skipped_also_when_its_first_delivery_was_before_the_reader(
    writer: Writer, live: Hub
) -> None:
    await writer.write(0, 1, 2)
    async with live.follow(writer.topic, asyncio.Event()) as feed:
        await writer.write(1, 2, 3)
        await writer.write(2, 3, 4)
        await until_async(lambda: feed.end == 9)
        assert numbers(feed.after(3)) == [3, 4]


async def test_junk_in_a_feed_is_skipped_and_the_next_record_comes(writer: Writer, live: Hub) -> None:
    async with live.follow(writer.topic, asyncio.Event()) as feed:
        for value in (b"junk", b"", b'{"n":1}\n{"n":2}', '{"n":"é"}'.encode()):
            await writer.raw(value, writer.headers(1))
        await writer.raw(b'{"n":1}', [])
        await writer.write(1)
        await until_async(lambda: feed.end == 6)
        assert numbers(feed.after(0)) == [1]
        assert counted("dead_letters", topic=writer.topic) == 5
    assert numbers(await live.past.last(writer.topic, 10)) == [1]
    live.drop(writer.topic)
    assert numbers(await live.past.last(writer.topic, 10)) == [1]
    async with live.follow(writer.topic, asyncio.Event()):
        await live.past.stamps_before(writer.topic, 6)
    assert counted("dead_letters", topic=writer.topic) == 5, "each is counted once, however often it is read"


async def test_several_feeds_are_followed_at_once_and_none_is_read_twice(
    writer: Writer, live: Hub, any_broker: Broker
) -> None:
    second = Writer(any_broker, writer.topic.replace("-x-", "-y-"))
    await second.begin()
    async with live.follow(writer.topic, asyncio.Event()) as x:
        await writer.write(0, 1)
        await until_async(lambda: x.end == 2)
        async with live.follow(second.topic, asyncio.Event()) as y:  # its assignment replaces the earlier one
            await writer.write(2)
            await second.write(0, 1)
            await until_async(lambda: x.end == 3 and y.end == 2)
            assert numbers(x.after(0)) == [0, 1, 2] and numbers(y.after(0)) == [0, 1]
    await second.producer.stop()


async def test_a_feed_is_dropped_some_time_after_its_last_client_left(writer: Writer, live: Hub) -> None:
    async with live.follow(writer.topic, asyncio.Event()):
        await asyncio.sleep(0.6)
        assert live.followed() == [writer.topic]
    await until_async(lambda: live.followed() == [])
    await writer.write(0)
    async with live.follow(writer.topic, asyncio.Event()) as feed:
        assert feed.end == 1


async def test_a_client_that_comes_back_in_time_finds_the_same_feed(writer: Writer, live: Hub) -> None:
    async with live.follow(writer.topic, asyncio.Event()) as feed:
        pass
    async with live.follow(writer.topic, asyncio.Event()) as again:
        assert again is feed


async def test_dropping_a_feed_wakes_its_clients_and_ends_following_it(writer: Writer, live: Hub) -> None:
    client = asyncio.Event()
    async with live.follow(writer.topic, client):
        client.clear()
        live.drop(writer.topic)
        assert client.is_set() and live.followed() == []
    live.drop(writer.topic)
    live.drop("never followed")


async def test_a_hub_whose_reader_has_ended_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(hub: Hub) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Hub, "_follow_all", fail)
    dead = Hub(Connection(["127.0.0.1:1"]))
    assert dead.ended == ""
    await dead.start()
    await until_async(lambda: dead.ended == "the reader of the feeds has ended: RuntimeError('a bug')")
    await dead.stop()
    assert Hub(Connection(["127.0.0.1:1"])).ended == ""


async def test_a_client_pays_for_the_records_that_are_read_to_follow_a_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops a client that makes a worker read the last records of all feeds, minute by minute."""
    live, loaded, slept = Hub(Connection(["127.0.0.1:1"])), list[Any](), list[float]()
    scan = PacedScan(ReadBudget(10, 100, lambda: 0.0), ReadBudget(10, 100, lambda: 0.0), filtered=False)

    async def load(kafka_topic: str, scan: Any) -> FeedRing:
        loaded.append((kafka_topic, scan))
        return FeedRing(kafka_topic, 0, Stamps())

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(live.past, "load_ring", load)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    async with live.follow("a", asyncio.Event(), scan):
        scan.spend([0] * 200)
        async with live.follow("a", asyncio.Event(), scan):
            assert (loaded, slept) == ([("a", scan)], []), "others follow it already"
        async with live.follow("b", asyncio.Event(), scan):
            assert loaded[1:] == [("b", scan)] and slept == [pytest.approx(10.1)]
