"""The claims for every source, each with a local server of its network's protocol (`contract.py`)."""

import asyncio
import itertools
import time
import tracemalloc
from collections.abc import Callable

import psutil
from support.faults.leaks import Until, held, let_go
from support.networks.contract import NOTICED, Ability, Harness, Reading, Said, begun, one_line, some
from support.networks.harnesses import able_to, every_source

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS

DAY = 86_400_000
MB = 1024 * 1024


def has_posts(reading: Reading, count: int) -> Callable[[], bool]:
    return lambda: len(reading.posts) >= count


def has_the_rest(reading: Reading, had: list[str], ids: list[str]) -> Callable[[], bool]:
    """Whether this reading gave all ids that an earlier one had not."""
    return lambda: {*had, *reading.ids} >= {*ids} or had == ids


@every_source
async def test_posts_come_in_the_order_said_with_their_ids_and_texts(harness: Harness) -> None:
    said = some(1, 40)
    async with await begun(harness, *said) as reading:
        await reading.until(lambda: reading.read >= 40)
        assert [(post.id, post.text) for post in reading.posts] == [(harness.id(p.number), p.text) for p in said]
        assert {post.source for post in reading.posts} == {harness.name} and not reading.dropped


@able_to(Ability.RESUME)
async def test_started_again_after_any_chunk_no_post_is_missing(harness: Harness) -> None:
    live = harness.can(Ability.CONNECT)
    async with await begun(harness, *([] if live else some(1, 12))) as reading:
        for first in (1, 5, 9):
            if live:
                await harness.say(*some(first, first + 3))
            await reading.until(has_posts(reading, first + 3))
    ids = [harness.id(number) for number in range(1, 13)]
    assert reading.ids == ids
    for count, chunk in enumerate(reading.got, 1):
        had = [post.id for given in reading.got[:count] for post in given.posts]
        if not chunk.position:
            assert not had, "posts were given without a position"
            continue
        async with Reading(harness.source(), chunk.position) as again:
            await again.until(has_the_rest(again, had, ids))
        fresh = [id for id in again.ids if id not in had]
        assert fresh == ids[len(had) :]


@able_to(Ability.CONNECT, Ability.RESUME)
async def test_posts_of_a_pause_come_after_it(harness: Harness) -> None:
    async with await begun(harness, *some(1, 4)) as reading:
        await reading.until(lambda: len(reading.posts) >= 4)
        harness.gate.cut()
        one_line(await reading.over())
    async with Reading(harness.source(), reading.position) as again:
        other = await begun(harness, *some(5, 8))  # the server sends only while a client is connected
        await other.close()
        await again.until(lambda: harness.id(8) in again.ids)
        assert [id for id in again.ids if id not in reading.ids] == [harness.id(number) for number in range(5, 9)]


@every_source
async def test_cancelled_at_any_await_it_releases_everything_within_a_second(harness: Harness) -> None:
    async def read(reading: Reading) -> None:
        if harness.can(Ability.CONNECT):
            await reading.chunk()
            saying.append(asyncio.create_task(harness.say(Said(2, "b"))))
        await reading.until(lambda: len(reading.posts) >= 1)

    saying: list[asyncio.Task[None]] = []
    async with await begun(harness, Said(1, "a")) as reading:  # creates what a process creates only once
        await reading.until(lambda: len(reading.posts) >= 1)
    await asyncio.sleep(0.05)
    before = held()
    for nth in itertools.count(1):
        reading = Reading(harness.source())
        until = Until(nth, read(reading))

        async def task(until: Until = until) -> None:
            await until

        reader = asyncio.create_task(task())
        await asyncio.wait({reader}, timeout=NOTICED)
        assert reader.done(), f"cancelled at its await number {nth} it goes on"
        async with asyncio.timeout(1):
            await reading.close()
        while saying:
            saying.pop().cancel()
        if not until.reached:
            break
        assert reader.cancelled(), f"cancelled at its await number {nth} it says {reader.exception()!r}"
    reader.result()
    assert nth > 1
    await let_go(before)


@every_source
async def test_closed_between_two_chunks_it_releases_everything_within_a_second(harness: Harness) -> None:
    before = held()
    for most in (0, 4):
        reading = await begun(harness, *some(1, 4))
        await reading.until(has_posts(reading, most))
        began = time.monotonic()
        await reading.close()
        assert time.monotonic() - began < 1
        await let_go(before)


@every_source
async def test_100_mb_of_unread_posts_take_no_memory(harness: Harness) -> None:
    message = harness.frame(harness.payload(Said(2, "y" * 8000)))

    async def flood() -> None:
        for _ in range(100 * MB // len(message) // 50):
            await harness.send(*[message] * 50, keep=False)

    if not harness.can(Ability.CONNECT):
        await flood()
    tracemalloc.start()
    try:
        reading = await begun(harness, Said(1, "first"))
        await asyncio.sleep(0.1)
        flooding = asyncio.create_task(flood() if harness.can(Ability.CONNECT) else reading.chunk())
        await asyncio.wait({flooding}, timeout=1.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    async with reading:  # a slow consumer is not a silent network
        await reading.until(lambda: reading.read >= 50, timeout=5)
    flooding.cancel()
    await asyncio.wait({flooding})
    assert peak < 16 * MB, f"{peak / MB:.1f} MB"
    for chunk in reading.got:
        assert len(chunk.posts) <= MAX_POSTS
        assert len(chunk.posts) == 1 or sum(len(post.text) for post in chunk.posts) <= MAX_BYTES


@every_source
async def test_what_cannot_be_read_is_counted_and_the_rest_is_read(harness: Harness) -> None:
    bad = harness.malformed()
    messages = [harness.frame(harness.payload(said)) for said in some(1, len(bad) + 2)]
    mixed = [message for pair in zip(messages, [*bad, harness.oversized()], strict=False) for message in pair]
    async with await begun(harness) as reading:
        await harness.send(*mixed, messages[-1])
        await reading.until(lambda: harness.id(len(bad) + 2) in reading.ids, timeout=4)
        assert reading.ids == [harness.id(number) for number in range(1, len(bad) + 3)]
        assert reading.dropped == {Drop.MALFORMED: len(bad), Drop.TOO_LONG: 1}


@every_source
async def test_a_post_said_twice_has_one_id_and_counts_twice(harness: Harness) -> None:
    async with await begun(harness, Said(1, "a"), Said(1, "a"), Said(2, "b")) as reading:
        await reading.until(lambda: reading.read >= 3)
        assert {*reading.ids} == {harness.id(1), harness.id(2)}
        assert len(reading.posts) + reading.dropped[Drop.DUPLICATE] == 3


@every_source
async def test_a_time_before_2006_or_a_day_in_the_future_is_unknown(harness: Harness) -> None:
    now = round(time.time() * 1000)
    times = [now - 3_600_000, 0, now - 30 * 365 * DAY, now + 2 * DAY, now + 3_600_000]
    async with await begun(harness, *(Said(n, "when", when) for n, when in enumerate(times, 1))) as reading:
        await reading.until(lambda: len(reading.posts) >= 5)
        first, *wrong, last = reading.posts
        assert first.created_at is not None and last.created_at is not None
        assert abs(first.created_at - times[0]) < 1000 and abs(last.created_at - times[-1]) < 1000
        assert all(post.created_at is None and abs(post.received_at - now) < 10_000 for post in wrong)


@able_to(Ability.DELETE)
async def test_a_deleted_post_is_named_and_the_notice_counted(harness: Harness) -> None:
    notice = harness.deletion(1)
    assert notice is not None
    async with await begun(harness, *some(1, 2)) as reading:
        await harness.send(notice)
        await harness.say(Said(3, "goes on"))
        await reading.until(lambda: len(reading.posts) >= 3)
        assert [id for chunk in reading.got for id in chunk.retracted] == [harness.id(1)]
        assert reading.dropped == {Drop.NOT_A_POST: 1}


@every_source
async def test_each_exception_from_the_contract_is_true(harness: Harness) -> None:
    sockets = len(psutil.Process().net_connections())
    async with await begun(harness, *some(1, 4)) as reading:
        await reading.until(lambda: len(reading.posts) >= 4)
        assert harness.can(Ability.CONNECT) == (len(psutil.Process().net_connections()) > sockets)
        assert harness.can(Ability.RESUME) == bool(reading.position)
        assert harness.can(Ability.DELETE) == (harness.deletion(1) is not None)
