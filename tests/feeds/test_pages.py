"""Pages of a feed: each record exactly once, in both directions, with duplicates and deleted records."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.feed_writer import Writer, numbers
from support.records import delete_before

from tweetream.feeds import pages, past
from tweetream.feeds.budget import OverBudget, PacedScan, ReadBudget, Scan
from tweetream.feeds.hub import Hub
from tweetream.feeds.pages import Page, PageQuery
from tweetream.feeds.record import FeedRecord, Filter
from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.models.feed import Position

Broker = EmbeddedBroker | KafkaAddress


@contextlib.asynccontextmanager
async def hub_of(writer: Writer, **settings: float) -> AsyncIterator[Hub]:
    live = Hub(writer.kafka, **settings)
    await live.start()
    try:
        yield live
    finally:
        await live.stop()


def at(offset: int | None, generation: str = "1") -> Any:
    return None if offset is None else Position("x", generation, offset)


async def page(live: Hub, writer: Writer, number: int, **asked: Any) -> Page:
    post_filter = Filter(asked.pop("label", None), asked.pop("min_score", 0.0))
    return await pages.page(live.past, writer.topic, "1", PageQuery(number, post_filter=post_filter, **asked))


async def backwards(live: Hub, writer: Writer, number: int, **asked: Any) -> list[FeedRecord]:
    """All records of a walk from the newest page to the first; it must end by itself."""
    found: list[FeedRecord] = []
    before = None
    while True:
        one = await page(live, writer, number, before=before, **asked)
        assert one.gap is None and len(one.records) <= number
        found = one.records + found
        if one.before is None:
            return found
        assert before is None or one.before < before.offset, "each page gets further"
        before = at(one.before)


async def forwards(live: Hub, writer: Writer, number: int, after: int, **asked: Any) -> list[FeedRecord]:
    """All records of a walk from `after` until it has caught up; it must end by itself."""
    found: list[FeedRecord] = []
    while True:
        one = await page(live, writer, number, after=at(after), **asked)
        assert one.gap is None and len(one.records) <= number
        found += one.records
        if one.after == after:
            assert not one.records
            return found
        assert one.after is not None and one.after > after, "each page gets further"
        after = one.after


@pytest.mark.parametrize("followed", [True, False], ids=["in the ring", "in Kafka"])
async def test_a_retracted_post_is_on_no_page_and_each_other_post_on_one(
    writer: Writer, followed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FETCH_RECORDS", 5)
    for n in range(40):
        await writer.raw(b'{"id":"%d","topic":"x","n":%d}' % (n, n), writer.headers(n))
    gone = {0, 7, *range(15, 28), 39}
    async with hub_of(writer) as live, contextlib.AsyncExitStack() as stack:
        if followed:
            await stack.enter_async_context(live.follow(writer.topic, asyncio.Event()))
        for n in gone:
            live.retract(str(n), 0)
        for number in (1000, 3):
            for walk in (backwards(live, writer, number), forwards(live, writer, number, -1)):
                assert [record.offset for record in await walk] == [n for n in range(40) if n not in gone]


@pytest.mark.parametrize("followed", [True, False], ids=["in the ring", "in Kafka"])
async def test_walks_in_both_directions_give_every_post_once_also_with_duplicates(
    writer: Writer, followed: bool
) -> None:
    await writer.write(*range(100))
    await writer.write(*range(60, 140))
    await writer.write_singly(130, 131, 140)
    async with hub_of(writer) as live, contextlib.AsyncExitStack() as stack:
        if followed:
            await stack.enter_async_context(live.follow(writer.topic, asyncio.Event()))
        for number in (1000, 50, 7):
            assert numbers(await backwards(live, writer, number)) == list(range(141))
            assert numbers(await forwards(live, writer, number, 0)) == list(range(1, 141))
            assert numbers(await forwards(live, writer, number, 99)) == list(range(100, 141))


async def test_late_duplicates_are_skipped_wherever_a_page_begins(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dedup window is so short that it starts amid the duplicates."""
    monkeypatch.setattr(pages, "FETCH_RECORDS", 5)
    await writer.write_singly(*range(60))
    await asyncio.sleep(0.2)
    await writer.write_singly(*range(20, 70))
    async with hub_of(writer, dedup_window=0.001) as live:
        for number in (1, 9, 1000):
            assert numbers(await backwards(live, writer, number)) == list(range(70))


async def test_the_two_positions_of_a_page_lead_to_the_pages_beside_it(writer: Writer) -> None:
    await writer.write(*range(100))
    async with hub_of(writer) as live:
        newest = await page(live, writer, 10)
        assert numbers(newest.records) == list(range(90, 100))
        assert (newest.before, newest.after) == (90, 99)
        older = await page(live, writer, 10, before=at(newest.before))
        assert numbers(older.records) == list(range(80, 90))
        back = await page(live, writer, 10, after=at(older.after))
        assert numbers(back.records) == list(range(90, 100))
        again = await page(live, writer, 10, before=at(back.before))
        assert numbers(again.records) == list(range(80, 90))
        between = await page(live, writer, 10, after=at(40), before=at(45))
        assert numbers(between.records) == [41, 42, 43, 44]
        caught_up = await page(live, writer, 10, after=at(99))
        assert (caught_up.records, caught_up.before, caught_up.after) == ([], 100, 99)
        first = await page(live, writer, 10, before=at(10))
        assert (len(first.records), first.before, first.after) == (10, None, 9)
        before_all = await page(live, writer, 10, before=at(0))
        assert (before_all.records, before_all.before) == ([], None)


async def test_an_empty_feed_has_one_empty_page(writer: Writer) -> None:
    async with hub_of(writer) as live:
        assert await page(live, writer, 10) == Page([], None, None)
        await writer.write(0)
        assert await page(live, writer, 10, label="unknown") == Page([], None, 0)


async def test_a_filter_that_matches_little_costs_short_pages_and_comes_to_an_end(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SCAN", 40)
    monkeypatch.setattr(pages, "FETCH_RECORDS", 10)
    await writer.write(2, *range(3, 203, 2), 204, *range(205, 405, 2))  # even numbers are `traffic`
    await writer.write(*range(305, 405, 2))
    async with hub_of(writer) as live:
        assert numbers(await backwards(live, writer, 5, label="traffic")) == [2, 204]
        assert numbers(await forwards(live, writer, 5, 0, label="traffic")) == [204]
        assert await backwards(live, writer, 5, min_score=0.51) == []
        assert len(await backwards(live, writer, 5, min_score=0.5)) == 202
        one = await page(live, writer, 5, label="unknown")
        assert not one.records and one.before is not None, "there is more beyond an empty page"
        await writer.write(405, 406)
        later = await page(live, writer, 5, after=at(one.after), label="traffic")
        assert numbers(later.records) == [406]


async def test_a_page_that_takes_too_long_ends_with_what_it_found(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that was busy it ended with 503."""
    monkeypatch.setattr(pages, "FETCH_RECORDS", 10)
    await writer.write(2, *range(3, 203, 2))  # one is `traffic`, the oldest
    async with hub_of(writer) as live:
        whole = await page(live, writer, 5, label="traffic")
        assert numbers(whole.records) == [2]
        monkeypatch.setattr(pages, "READ_FOR", 0.0)
        short = await page(live, writer, 5, label="traffic")
        assert short.records == [] and short.before is not None and short.before >= 90
        assert numbers(await backwards(live, writer, 5, label="traffic")) == [2]
        assert numbers(await forwards(live, writer, 5, -1, label="traffic")) == [2]


async def test_any_number_of_foreign_records_is_skipped(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SCAN", 10)
    monkeypatch.setattr(pages, "FETCH_RECORDS", 5)
    await writer.write(*range(5))
    for _ in range(30):
        await writer.raw(b"junk", [])
    async with hub_of(writer) as live:
        assert numbers(await backwards(live, writer, 2)) == [0, 1, 2, 3, 4]
        await writer.write(5)
        assert numbers(await forwards(live, writer, 2, 1)) == [2, 3, 4, 5]


async def test_since_bounds_a_walk_by_the_time_of_arrival(apache_kafka: KafkaAddress, namespace: str) -> None:
    writer = Writer(apache_kafka, f"{namespace}-feed-x-1")
    await writer.begin()
    await writer.write(*range(30))
    await asyncio.sleep(0.05)
    await writer.write(*range(30, 60))
    try:
        async with hub_of(writer) as live:
            since = (await page(live, writer, 1)).records[0].timestamp
            assert numbers(await backwards(live, writer, 7, since=since)) == list(range(30, 60))
            assert numbers(await forwards(live, writer, 7, 3, since=since)) == list(range(30, 60))
            later = await page(live, writer, 7, since=since + 3_600_000)
            assert (later.records, later.before) == ([], None)
    finally:
        await writer.producer.stop()


async def test_a_position_outside_the_log_is_a_gap_and_the_walk_goes_on(
    apache_kafka: KafkaAddress, namespace: str
) -> None:
    writer = Writer(apache_kafka, f"{namespace}-feed-x-1")
    await writer.begin()
    await writer.write(*range(50))
    await delete_before(apache_kafka, writer.topic, 20)
    try:
        async with hub_of(writer) as live:
            gone = await page(live, writer, 5, after=at(10))
            assert numbers(gone.records) == [20, 21, 22, 23, 24] and gone.gap == (at(10), 20)
            assert numbers(await forwards(live, writer, 9, 19)) == list(range(20, 50)), "19 was the last deleted record"
            assert numbers(await backwards(live, writer, 9)) == list(range(20, 50))
            deleted = await page(live, writer, 5, before=at(15))
            assert deleted == Page([], None, 19, (at(15), 20))
            other = await page(live, writer, 5, after=at(30, "0"))
            assert numbers(other.records) == [20, 21, 22, 23, 24] and other.gap == (at(30, "0"), 20)
            assert (await page(live, writer, 5, before=at(30, "0"))).gap == (at(30, "0"), 20)
            past = await page(live, writer, 5, after=at(99))
            assert past == Page([], 50, 49, (at(99), 50))
            assert numbers((await page(live, writer, 2, before=at(99))).records) == [48, 49]
    finally:
        await writer.producer.stop()


@pytest.mark.parametrize("followed", [True, False], ids=["in the ring", "in Kafka"])
async def test_a_page_is_bounded_in_bytes_and_the_walk_goes_on(
    writer: Writer, followed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,000 posts of 400 KB were one answer of 400 MB."""
    monkeypatch.setattr(pages, "PAGE_BYTES", 10_000)
    monkeypatch.setattr(pages, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(past, "FETCH_RECORDS", 5)
    for n in range(60):
        size = 9_000 if n % 7 == 0 else 400 * (n % 5)
        await writer.raw(b'{"id":"%d","topic":"x","n":%d,"text":"%s"}' % (n, n, b"x" * size), writer.headers(n))
    async with hub_of(writer) as live, contextlib.AsyncExitStack() as stack:
        if followed:
            await stack.enter_async_context(live.follow(writer.topic, asyncio.Event()))
        for walk, found in (
            (backwards(live, writer, 1000), range(60)),
            (forwards(live, writer, 1000, -1), range(60)),
            (backwards(live, writer, 1000, label="traffic"), range(0, 60, 2)),
        ):
            assert [record.offset for record in await walk] == list(found)
        one = await page(live, writer, 1000)
        assert 0 < sum(len(record.data) for record in one.records) <= 10_000 and one.before == one.records[0].offset


async def test_a_search_over_its_budget_ends_with_what_it_found_and_the_next_one_may_not_begin(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty searches that find nothing made every page take 15 s."""
    monkeypatch.setattr(pages, "FETCH_RECORDS", 10)
    await writer.write(*range(1, 401, 2), 402, *range(403, 503, 2))  # even numbers are `traffic`
    own, of_all = ReadBudget(0.001, 300), ReadBudget(0.001, 1e6)

    def search() -> Scan:
        return Scan(own, of_all, filtered=True)

    async with hub_of(writer, dedup_window=0.001) as live:
        one = await page(live, writer, 5, label="traffic", scan=search())
        assert numbers(one.records) == [402] and one.before is not None and one.before > 0
        spent = 1e6 - of_all._now()
        assert 100 <= spent < 2_500
        with pytest.raises(OverBudget):
            await page(live, writer, 5, label="traffic", scan=search(), before=at(one.before))
        assert 1e6 - of_all._now() == pytest.approx(spent, abs=1)
        assert len((await page(live, writer, 5)).records) == 5, "a page without a filter"
        assert await live.past.last(writer.topic, 5, Filter("x"), PacedScan(own, of_all, filtered=True)) == []
