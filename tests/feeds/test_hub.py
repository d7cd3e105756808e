"""The fan-out: feeds that are followed, pieces fetched behind the ring, and the last records."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.feed_writer import Broker, Writer, numbers
from support.records import counted
from support.waiting import until_async

from tweetream.feeds import hub, past
from tweetream.feeds.hub import Hub
from tweetream.feeds.record import Filter, Stamps
from tweetream.kafka import readers


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
        live.on_records = lambda: ends.append(feed.end)
        await writer.write_singly(3)
        await writer.write(4, 5)
        await until_async(lambda: bool(ends) and ends[-1] == 6)
        assert numbers(feed.after(3)) == [3, 4, 5]
        assert [record.offset for record in feed.after(5)] == [5]
        assert feed.after(6) == []


async def test_what_has_come_is_told_also_when_kafka_fails_right_after_it(
    writer: Writer, live: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, failed = AIOKafkaConsumer.getmany, 0

    async def failing(self: AIOKafkaConsumer, *tps: TopicPartition, **options: Any) -> Any:
        nonlocal failed
        if options["timeout_ms"] == hub.SECOND_POLL_MS:
            failed += 1
            raise KafkaError("the connection broke")
        return await whole(self, *tps, **options)

    monkeypatch.setattr(hub, "FLUSH_SHARE", 10**9)  # as under load
    monkeypatch.setattr(AIOKafkaConsumer, "getmany", failing)
    ends: list[int] = []
    async with live.follow(writer.topic, asyncio.Event()) as feed:
        live.on_records = lambda: ends.append(feed.end)
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
        assert not any(event.is_set() for event in events), "nobody is woken by a record"


async def test_a_client_that_leaves_is_removed_also_when_it_fails(writer: Writer, live: Hub) -> None:
    with pytest.raises(RuntimeError):
        async with live.follow(writer.topic, asyncio.Event()) as feed:
            raise RuntimeError
    assert not feed.clients


async def test_what_was_redelivered_is_skipped_also_when_it_was_there_before_the_reader(
    writer: Writer, live: Hub
) -> None:
    await writer.write(0, 1, 2)
    async with live.follow(writer.topic, asyncio.Event()) as feed:
        await writer.write(1, 2, 3)
        await writer.write(2, 3, 4)
        await until_async(lambda: feed.end == 9)
        assert numbers(feed.after(3)) == [3, 4]


async def test_junk_in_a_feed_is_passed_over_and_what_follows_it_comes(writer: Writer, live: Hub) -> None:
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
    assert counted("dead_letters", topic=writer.topic) == 5, "each is put aside once, however often it is read"


async def test_several_feeds_are_followed_at_once_and_none_goes_back(
    writer: Writer, live: Hub, any_broker: Broker
) -> None:
    second = Writer(any_broker, writer.topic.replace("-x-", "-y-"))
    await second.begin()
    async with live.follow(writer.topic, asyncio.Event()) as x:
        await writer.write(0, 1)
        await until_async(lambda: x.end == 2)
        async with live.follow(second.topic, asyncio.Event()) as y:  # whose assignment replaces everything
            await writer.write(2)
            await second.write(0, 1)
            await until_async(lambda: x.end == 3 and y.end == 2)
            assert numbers(x.after(0)) == [0, 1, 2] and numbers(y.after(0)) == [0, 1]
    await second.producer.stop()


async def test_a_feed_is_let_go_some_time_after_its_last_client_left(writer: Writer, live: Hub) -> None:
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


async def test_dropping_a_feed_wakes_its_clients_and_lets_it_go(writer: Writer, live: Hub) -> None:
    client = asyncio.Event()
    async with live.follow(writer.topic, client):
        client.clear()
        live.drop(writer.topic)
        assert client.is_set() and live.followed() == []
    live.drop(writer.topic)
    live.drop("never followed")


@pytest.mark.parametrize("count", [0, 1, 250])
async def test_bounds_are_the_first_offset_and_the_next_one(writer: Writer, live: Hub, count: int) -> None:
    if count:
        await writer.write(*range(count))
    assert await live.past.bounds(writer.topic) == (0, count)


async def test_a_piece_is_fetched_and_the_cursor_behind_it_known(
    writer: Writer, live: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "FETCH_RECORDS", 10)
    await writer.write(*range(20))
    await writer.write(*range(15, 40))  # 15 to 19 again
    stamps, cursor, found = Stamps(), 0, []
    while cursor < 45:
        records, cursor = await live.past.fetch(writer.topic, cursor, stamps, 45)
        assert len(records) <= 10
        found += records
    assert numbers(found) == list(range(40)) and cursor == 45


async def test_nothing_is_fetched_from_the_end_given_on(writer: Writer, live: Hub) -> None:
    await writer.write(*range(20))
    records, cursor = await live.past.fetch(writer.topic, 5, Stamps(), 8)
    assert (numbers(records), cursor) == ([5, 6, 7], 8)


async def test_a_reader_in_the_middle_knows_what_came_before(writer: Writer, live: Hub) -> None:
    await writer.write(0, 1, 2)
    await writer.write(1, 2, 3)
    stamps = await live.past.stamps_before(writer.topic, 3)
    records, _ = await live.past.fetch(writer.topic, 3, stamps, 6)
    assert numbers(records) == [3]


@pytest.mark.parametrize(("number", "expected"), [(0, []), (3, [97, 98, 99]), (1000, list(range(100)))])
async def test_the_last_records_come_oldest_first(
    writer: Writer, live: Hub, number: int, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "FETCH_RECORDS", 8)
    await writer.write(*range(100))
    await writer.write(*range(60, 100))  # all of it again
    assert numbers(await live.past.last(writer.topic, number)) == expected


async def test_the_last_records_of_a_label_are_looked_for_as_far_as_need_be(
    writer: Writer, live: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "FETCH_RECORDS", 8)
    await writer.write(*range(10), *range(11, 201, 2))
    assert numbers(await live.past.last(writer.topic, 4, Filter("traffic"))) == [2, 4, 6, 8]
    looked: list[Any] = []
    stamps_before = live.past.stamps_before

    async def counting(*args: Any) -> Any:
        looked.append(args)
        return await stamps_before(*args)

    monkeypatch.setattr(live.past, "stamps_before", counting)
    assert await live.past.last(writer.topic, 4, Filter("unknown")) == []
    assert len(looked) <= 5, "each looks back up to 50,000 records"


async def test_an_empty_feed_has_no_last_records(writer: Writer, live: Hub) -> None:
    assert await live.past.last(writer.topic, 5) == []


async def test_many_readers_at_once_are_all_served(writer: Writer, live: Hub) -> None:
    await writer.write(*range(50))
    async with asyncio.timeout(20):
        found = await asyncio.gather(*(live.past.last(writer.topic, 5) for _ in range(30)))
    assert all(numbers(records) == [45, 46, 47, 48, 49] for records in found)


async def test_a_reader_that_failed_is_replaced(apache_kafka: KafkaAddress, namespace: str) -> None:
    writer = Writer(apache_kafka, f"{namespace}-feed-x-1")
    await writer.begin()
    await writer.write(0)
    live = Hub(writer.kafka)
    await live.start()
    for _ in range(readers.READERS + 1):
        with pytest.raises(KafkaError):
            await live.past.fetch(writer.topic, 99, Stamps(), 100)  # past the end
    assert numbers(await live.past.last(writer.topic, 1)) == [0]
    await live.stop()
    await writer.producer.stop()
