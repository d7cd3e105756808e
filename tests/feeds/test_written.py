"""The writer of a feed learns at its end what the feed has, and writes nothing twice."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.kafka.feed_writer import Writer
from support.records import post_record

from tweetream.feeds import written
from tweetream.feeds.record import Stamps
from tweetream.feeds.written import KnownOfFeeds, Records, WrittenStamps
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.readers import READERS, next_records
from tweetream.models.feed import Stamp, rfc3339

counted: dict[int, Stamp] = {}
remade: dict[str, int] = {}  # ms since 1970, by Kafka topic
missing: set[str] = set()


async def read_counted(feed: str) -> Stamps:
    found = Stamps()
    for stamp in counted.values():
        found.admit(stamp)
    return found


KNOWN = KnownOfFeeds(
    read_counted,
    lambda feed: remade.get(feed, 0),
    lambda feed: feed not in missing,
)
RETENTION = 60.0


def batch(writer: Writer, *numbers: int, received_at: float = 0.0) -> Records:
    time_of = rfc3339(round(received_at * 1000))
    return [
        post_record(
            Stamp.unpack(dict(writer.headers(n))["origin"]), b'{"n":%d,"received_at":"%s"}' % (n, time_of.encode())
        )
        for n in numbers
    ]


def numbers_of(records: Records) -> list[int]:
    return [int(record.value[5:].partition(b",")[0]) for record in records]


@pytest.fixture
async def known(writer: Writer) -> AsyncIterator[WrittenStamps]:
    for facts in (counted, remade, missing):
        facts.clear()  # type: ignore[attr-defined]
    known = WrittenStamps(writer.kafka, 1, RETENTION, KNOWN)
    yield known
    await known.stop()


async def unwritten(known: WrittenStamps, writer: Writer, records: Records, rebalance: int = 1) -> list[int]:
    return numbers_of(await known.unwritten(writer.topic, records, rebalance, lambda: True))


async def test_what_the_feed_has_is_not_written_again_however_long_ago_it_was(
    known: WrittenStamps, writer: Writer
) -> None:
    await writer.write(*range(500))
    assert await unwritten(known, writer, batch(writer, *range(200))) == []
    assert await unwritten(known, writer, batch(writer, *range(490, 510))) == list(range(500, 510))
    assert await unwritten(known, writer, batch(writer, *range(510, 520))) == list(range(510, 520))


async def test_after_a_rebalance_the_end_is_read_again_since_another_worker_may_have_written(
    known: WrittenStamps, writer: Writer
) -> None:
    assert await unwritten(known, writer, batch(writer, 0, 1)) == [0, 1]
    await writer.write(0, 1)
    assert await unwritten(known, writer, batch(writer, 0, 1)) == [0, 1], "once for each rebalance"
    assert await unwritten(known, writer, batch(writer, 0, 1, 2), rebalance=2) == [2]


async def test_what_was_written_since_is_not_written_again_though_no_rebalance_came(
    known: WrittenStamps, writer: Writer
) -> None:
    assert await unwritten(known, writer, batch(writer, 0, 1)) == [0, 1]
    known.add(writer.topic, batch(writer, 0, 1))
    assert await unwritten(known, writer, batch(writer, 0, 1, 2)) == [2]


async def test_a_partition_that_came_long_before_the_others_is_found(
    known: WrittenStamps, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "FETCH_RECORDS", 8)
    await writer.raw(b"{}", [("label", b"x"), ("score", b"1"), ("origin", Stamp(1, 1, 7, 7).pack())])
    await writer.write(*range(300))
    known = WrittenStamps(writer.kafka, 2, RETENTION, KNOWN)
    again = [post_record(Stamp(1, 1, 7, index)) for index in (6, 7, 8)]
    assert await known.unwritten(writer.topic, again, 1, lambda: True) == again[2:]
    await known.stop()


async def test_an_end_that_takes_longer_than_a_step_may_is_read_all_the_same(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many workers that begin at once on a few cores took longer than any limit for the whole, and began again."""
    monkeypatch.setattr(written, "SLICE", 20)
    monkeypatch.setattr(written, "TIMEOUT", 0.5)

    async def slowly(*given: Any) -> Any:
        await asyncio.sleep(0.1)
        return await next_records(*given)

    monkeypatch.setattr(written, "next_records", slowly)
    await writer.write(*range(300))
    known = WrittenStamps(writer.kafka, 2, RETENTION, KNOWN)
    async with asyncio.timeout(15):
        assert await unwritten(known, writer, batch(writer, *range(290, 310))) == list(range(300, 310))
    await known.stop()


async def test_the_wait_for_a_reader_does_not_count(
    known: WrittenStamps, writer: Writer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(written, "TIMEOUT", 1.0)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(READERS):
            await stack.enter_async_context(known._readers.lend())
        call = asyncio.create_task(unwritten(known, writer, batch(writer, 1)))
        await asyncio.sleep(1.5)
    assert await call == [1] and not caplog.records


async def test_calls_for_a_feed_return_in_their_order(known: WrittenStamps, writer: Writer) -> None:
    done: list[int] = []

    async def call(number: int) -> None:
        await unwritten(known, writer, batch(writer, number))
        done.append(number)

    tasks = [asyncio.create_task(call(number)) for number in range(5)]
    await tasks[0]
    tasks += [asyncio.create_task(call(number)) for number in range(5, 9)]
    await asyncio.gather(*tasks)
    assert done == list(range(9))


async def test_a_feed_that_is_not_in_kafka_has_nothing_and_is_looked_at_again(
    known: WrittenStamps, writer: Writer
) -> None:
    for _ in range(2):
        found = await known.unwritten(f"{writer.topic}-gone", batch(writer, 0), 1, lambda: True)
        assert numbers_of(found) == [0]


async def test_feeds_that_come_and_go_are_forgotten(known: WrittenStamps, writer: Writer) -> None:
    await unwritten(known, writer, batch(writer, 0))
    known.keep(lambda feed: True)
    assert known._ends.keys() == known._locks.keys() == {writer.topic}
    known.keep(lambda feed: False)
    assert not known._ends and not known._locks


async def test_a_feed_that_is_no_longer_assigned_is_not_read(known: WrittenStamps, writer: Writer) -> None:
    with pytest.raises(Abandoned):
        await known.unwritten(writer.topic, batch(writer, 0), 1, lambda: False)


async def test_what_retention_took_from_the_feed_is_not_written_again(
    known: WrittenStamps, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, and older than the feed keeps posts: it was there. What is younger cannot have left the feed."""

    async def nothing_left(*_: object) -> tuple[Stamps, bool]:
        return Stamps(), False

    monkeypatch.setattr(written, "stamps_at_end", nothing_left)
    now = time.time()
    records = batch(writer, 0, 1, 2, received_at=now - 2 * RETENTION) + batch(writer, 3, received_at=now)
    assert await unwritten(known, writer, records, 1) == [0, 1, 2, 3], "nothing was counted"
    counted[0] = Stamp(0, 1, 0, 1)
    assert await unwritten(known, writer, records, 2) == [2, 3]
    counted[0] = Stamp(0, 1, 0, 5)
    assert await unwritten(known, writer, records, 3) == [3]


async def test_what_a_log_had_that_somebody_deleted_is_not_written_to_the_one_made_again(
    known: WrittenStamps, writer: Writer
) -> None:
    """It was counted. What the feed lacks was counted as well, and is written all the same."""
    counted[0] = Stamp(0, 1, 0, 1)
    now = time.time()
    records = batch(writer, 0, 1, 2, received_at=now - 30)
    assert await unwritten(known, writer, records) == [0, 1, 2], "the log has never had other records"
    remade[writer.topic] = round(now * 1000)
    assert await unwritten(known, writer, records) == [2]
    assert numbers_of(await known.unwritten(writer.topic, records, 1, lambda: True, lacking=True)) == [0, 1, 2]
    assert await unwritten(known, writer, batch(writer, 0, 1, received_at=now + 1)) == [0, 1], "of the new log"


async def test_what_a_worker_knew_of_the_log_before_counts_after_a_rebalance_too(
    known: WrittenStamps, writer: Writer
) -> None:
    assert await unwritten(known, writer, batch(writer, 0, 1)) == [0, 1]
    known.add(writer.topic, batch(writer, 0, 1))
    remade[writer.topic] = 1
    assert await unwritten(known, writer, batch(writer, 0, 1, 2), rebalance=2) == [2]


async def test_of_a_feed_that_kafka_does_not_have_what_was_counted_is_not_written_again(
    known: WrittenStamps, writer: Writer
) -> None:
    gone = f"{writer.topic}-gone"
    missing.add(writer.topic)
    counted[0] = Stamp(0, 1, 0, 1)
    for feed in (gone, writer.topic):
        for _ in range(2):
            found = await known.unwritten(feed, batch(writer, 0, 1, 2, received_at=time.time()), 1, lambda: True)
            assert numbers_of(found) == [2], feed
    missing.clear()
    await writer.write(0, 1, 2, 3)
    assert await unwritten(known, writer, batch(writer, 0, 3, 4)) == [4], "it is read as soon as it can be"
