"""Reading the past of feeds: bounds, fetches, stamps and the last records."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaError, LeaderNotAvailableError
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.feed_writer import Writer, numbers

from tweetream.feeds import past
from tweetream.feeds.hub import Hub
from tweetream.feeds.record import Filter, Stamps
from tweetream.kafka import readers


@pytest.mark.parametrize("count", [0, 1, 250])
async def test_bounds_are_the_first_offset_and_the_next_one(writer: Writer, live: Hub, count: int) -> None:
    if count:
        await writer.write(*range(count))
    assert await live.past.bounds(writer.topic) == (0, count)


async def test_a_fetch_gives_a_number_of_records_and_the_offset_to_go_on_from(
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


async def test_a_fetch_ends_before_the_given_offset(writer: Writer, live: Hub) -> None:
    await writer.write(*range(20))
    records, cursor = await live.past.fetch(writer.topic, 5, Stamps(), 8)
    assert (numbers(records), cursor) == ([5, 6, 7], 8)


async def test_a_reader_that_starts_in_the_middle_recognises_duplicates(writer: Writer, live: Hub) -> None:
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


async def test_the_last_records_of_a_label_are_searched_as_far_back_as_needed(
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
    assert len(looked) <= 5, "each call can read a dedup window of 50,000 records"


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


async def test_a_call_for_a_topic_that_kafka_turns_out_not_to_have_ends_at_once(writer: Writer, live: Hub) -> None:
    """Kafka's client would ask for 40 s."""
    gone, past_reader = f"{writer.topic}-gone", live.past
    there = {gone, writer.topic}
    past_reader.available = there.__contains__
    asking = [asyncio.create_task(past_reader.bounds(gone)) for _ in range(readers.READERS)]
    await asyncio.wait(asking, timeout=past.LOOK)
    assert not any(task.done() for task in asking), "it may be there in a moment"
    there.remove(gone)
    began = asyncio.get_running_loop().time()
    ended = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(error, LeaderNotAvailableError) for error in ended), ended
    assert asyncio.get_running_loop().time() - began < 3 * past.LOOK
    assert await past_reader.bounds(writer.topic) == (0, 0), "the readers are free again"
