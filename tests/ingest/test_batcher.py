"""Chunks become batches: each closes in time, and no post is lost, split or given twice."""

import asyncio
from collections import Counter

import pytest

from tweetream.ingest import batcher as module
from tweetream.ingest.batcher import Batch, Batcher, halves
from tweetream.models.drop import Drop
from tweetream.models.post import BATCH_POSTS, MANY_TOPICS, MAX_BYTES, Post
from tweetream.sources.base import Chunk


def chunk(position: str, first: int, number: int, text: str = "macet", **dropped: int) -> Chunk:
    posts = [Post(f"t:{i}", "t", text, 0, 0) for i in range(first, first + number)]
    return Chunk(posts, position, Counter({Drop[name.upper()]: n for name, n in dropped.items()}))


async def first(batcher: Batcher) -> Batch:
    async with asyncio.timeout(10):
        return await anext(batcher.batches())


async def put(batcher: Batcher, *chunks: Chunk, url: str = "a") -> None:
    for each in chunks:
        await batcher.put(url, each)


def numbers(read: Batch) -> list[int]:
    return [int(post.id.removeprefix("t:")) for post in read.posts]


async def test_a_batch_closes_when_it_has_enough_posts_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 60)
    batcher = Batcher({}, {})
    await put(batcher, chunk("1", 0, 420), chunk("2", 420, 180), chunk("3", 600, 1))
    read = await first(batcher)
    assert numbers(read) == list(range(BATCH_POSTS)) and read.positions == {"a": "2"}


async def test_with_many_topics_a_batch_has_twice_as_many_posts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 60)
    for topics, posts in ((MANY_TOPICS, BATCH_POSTS), (MANY_TOPICS + 1, 2 * BATCH_POSTS)):
        batcher = Batcher({}, {}, lambda topics=topics: topics)  # type: ignore[misc]
        filling = asyncio.create_task(put(batcher, *[chunk(str(nth), 200 * nth, 200) for nth in range(9)]))
        assert len((await first(batcher)).posts) == posts
        filling.cancel()


async def test_a_batch_closes_after_50_ms_however_little_is_in_it() -> None:
    batcher = Batcher({}, {})
    loop = asyncio.get_running_loop()
    began = loop.time()
    await put(batcher, chunk("1", 0, 1))
    read = await first(batcher)
    assert numbers(read) == [0] and 0.04 < loop.time() - began < 2


async def test_posts_that_keep_trickling_in_do_not_hold_a_batch_open() -> None:
    batcher = Batcher({}, {})

    async def trickle() -> None:
        for i in range(10_000):
            await batcher.put("a", chunk(str(i), i, 1))
            await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    read = await first(batcher)
    trickling.cancel()
    assert 1 <= len(read.posts) < 20


async def test_a_batch_closes_before_a_chunk_that_would_take_it_over_256_kib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 60)
    batcher = Batcher({}, {})
    large = "x" * (MAX_BYTES // 4)
    await put(batcher, chunk("1", 0, 3, large), chunk("2", 3, 2, large))
    read = await first(batcher)
    assert numbers(read) == [0, 1, 2] and read.positions == {"a": "1"}


async def test_a_batch_that_is_full_by_bytes_closes_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 60)
    batcher = Batcher({}, {})
    await put(batcher, chunk("1", 0, 1, "x" * (MAX_BYTES + 1)))
    assert numbers(await first(batcher)) == [0]


async def test_a_chunk_that_does_not_fit_is_held_back_whole_and_comes_first_in_the_next() -> None:
    batcher = Batcher({}, {})
    await put(batcher, chunk("1", 0, 550), chunk("2", 550, 60), chunk("3", 610, 5))
    batches = batcher.batches()
    one, two = await anext(batches), await anext(batches)
    assert (numbers(one), one.positions) == (list(range(550)), {"a": "1"})
    assert (numbers(two), two.positions) == (list(range(550, 615)), {"a": "3"})


async def test_nothing_is_lost_doubled_or_reordered_whatever_the_chunks() -> None:
    batcher = Batcher({}, {})
    sizes = [1, 199, 200, 0, 3, 150, 60, 1, 1, 200, 77, 190, 11] * 8
    total = sum(sizes)

    async def fill() -> None:
        start = 0
        for size in sizes:
            await batcher.put("a", chunk(str(start + size), start, size))
            start += size

    filling = asyncio.create_task(fill())
    got: list[int] = []
    async for read in batcher.batches():
        assert len(read.posts) <= BATCH_POSTS
        got += numbers(read)
        assert read.positions["a"] == str(len(got)), "a position is not that behind the posts before it"
        if len(got) == total:
            break
    await filling
    assert got == list(range(total))


async def test_a_batch_has_the_positions_of_all_sources_also_of_those_that_gave_nothing() -> None:
    batcher = Batcher({"quiet": "q7", "a": "a0"}, {})
    await put(batcher, chunk("a1", 0, 1))
    await put(batcher, chunk("b1", 1, 1), url="b")
    read = await first(batcher)
    assert read.positions == {"quiet": "q7", "a": "a1", "b": "b1"}


async def test_positions_of_a_batch_do_not_change_when_the_next_one_is_made() -> None:
    batcher = Batcher({}, {})
    batches = batcher.batches()
    await put(batcher, chunk("1", 0, 1))
    one = await anext(batches)
    await put(batcher, chunk("2", 1, 1))
    await anext(batches)
    assert one.positions == {"a": "1"}


async def test_ids_that_came_before_are_dropped_and_counted() -> None:
    batcher = Batcher({}, {"t:1": None})
    await put(batcher, chunk("1", 0, 3), chunk("2", 2, 2, blank=2, malformed=1))
    read = await first(batcher)
    assert numbers(read) == [0, 2, 3]
    assert read.dropped == {Drop.DUPLICATE: 2, Drop.BLANK: 2, Drop.MALFORMED: 1}
    assert read.read == {"a": 8}, "read = matched + dropped"
    assert read.read.total() == len(read.posts) + read.dropped.total()


async def test_a_chunk_without_posts_still_moves_the_position() -> None:
    batcher = Batcher({}, {})
    await put(batcher, chunk("9", 0, 0, unmatched=4))
    read = await first(batcher)
    assert (read.posts, read.positions, read.read) == ([], {"a": "9"}, {"a": 4})


async def test_what_is_read_is_counted_by_source() -> None:
    batcher = Batcher({}, {})
    await put(batcher, chunk("1", 0, 2))
    await put(batcher, chunk("1", 2, 3), url="b")
    assert (await first(batcher)).read == {"a": 2, "b": 3}


async def test_no_more_ids_are_remembered_than_the_limit_and_the_oldest_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_IDS", 10)
    ids: dict[str, None] = {"t:99": None}
    batcher = Batcher({}, ids)
    await put(batcher, chunk("1", 0, 15))
    await first(batcher)
    assert list(batcher._ids) == [f"t:{i}" for i in range(5, 15)]


async def test_put_waits_while_a_few_chunks_are_waiting() -> None:
    batcher = Batcher({}, {})
    filling = asyncio.create_task(put(batcher, *(chunk(str(i), i, 1) for i in range(50))))
    await asyncio.sleep(0.1)
    assert not filling.done() and batcher._queue.qsize() <= 4
    filling.cancel()


async def test_positions_are_written_again_when_nothing_comes_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REWRITE_POSITIONS", 0.05)
    read = await first(Batcher({"replay:a": "7"}, {}))
    assert read.posts == []
    assert read.positions == {"replay:a": "7"}


async def test_the_halves_of_a_batch_have_its_posts_once_and_only_the_second_has_its_positions() -> None:
    batcher = Batcher({}, {})
    await put(batcher, chunk("1", 0, 5, blank=2))
    whole = await first(batcher)
    one, two = halves(whole, {"a": "0"})
    assert [*numbers(one), *numbers(two)] == [0, 1, 2, 3, 4] and numbers(one)
    assert (one.positions, two.positions) == ({"a": "0"}, {"a": "1"}), "a takeover between them reads all posts again"
    assert one.read + two.read == whole.read and one.dropped + two.dropped == whole.dropped
