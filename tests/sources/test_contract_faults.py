"""The claims about failing connections, for every source that connects to a server (`contract.py`)."""

import asyncio
import time
import tracemalloc

import pytest
from support.networks.contract import NOTICED, SILENCE, Ability, Harness, Reading, Said, begun, one_line, some
from support.networks.harnesses import able_to

from tweetream.sources.base import Chunk, Disconnected, FailureKind, SourceError
from tweetream.sources.status import State
from tweetream.sources.supervisor import Supervisor

MB = 1024 * 1024


@able_to(Ability.CONNECT)
async def test_half_a_message_before_a_cut_is_no_post(harness: Harness) -> None:
    async with await begun(harness, *some(1, 2)) as reading:
        await reading.until(lambda: len(reading.posts) >= 2)
        harness.gate.halve()
        await harness.say(Said(3, "half of this " + "x" * 400))
        assert isinstance(one_line(await reading.over()), Disconnected)
        assert reading.ids == [harness.id(1), harness.id(2)]
    async with Reading(harness.source(), reading.position) as again:
        await again.chunk()
        await harness.say(Said(4, "after it"))
        await again.until(lambda: harness.id(4) in again.ids)
        assert (harness.id(3) in again.ids) == harness.can(Ability.RESUME)
        assert all(len(post.text) > 400 for post in again.posts if post.id == harness.id(3))


@able_to(Ability.CONNECT)
async def test_a_message_without_an_end_takes_no_memory_and_is_no_post(harness: Harness) -> None:
    async with await begun(harness, Said(1, "a")) as reading:
        await reading.until(lambda: len(reading.posts) >= 1)
        pouring = asyncio.create_task(harness.gate.pour(harness.endless(), 50 * MB))
        tracemalloc.start()
        over = asyncio.create_task(reading.over(10))
        await asyncio.wait({pouring, over}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        harness.gate.cut()
        assert isinstance(one_line(await over), Disconnected)
        await pouring
        assert peak < 10 * MB, f"{peak / MB:.1f} MB"
        assert reading.ids == [harness.id(1)]


@able_to(Ability.CONNECT)
async def test_a_stream_that_the_server_ends_can_be_opened_again(harness: Harness) -> None:
    async with await begun(harness, Said(1, "a")) as reading:
        await reading.until(lambda: len(reading.posts) >= 1)
        harness.gate.end(harness.goodbye)
        error = one_line(await reading.over())
        assert isinstance(error, Disconnected) and error.kind is FailureKind.NETWORK


@able_to(Ability.CONNECT)
async def test_a_server_that_accepts_and_says_nothing_is_noticed(harness: Harness) -> None:
    harness.gate.silent()
    async with Reading(harness.source()) as reading:
        assert isinstance(one_line(await reading.over()), Disconnected) and not reading.got


@able_to(Ability.CONNECT)
async def test_a_stream_that_falls_silent_is_noticed_and_one_that_is_kept_alive_is_not(harness: Harness) -> None:
    async with await begun(harness, Said(1, "a")) as reading:
        await reading.until(lambda: len(reading.posts) >= 1)
        over = asyncio.create_task(reading.over(3 * NOTICED))
        for _ in range(8):
            await harness.keep_alive()
            await asyncio.sleep(SILENCE / 4)
        assert not over.done()
        harness.gate.freeze()
        began = time.monotonic()
        error = one_line(await over)
        assert isinstance(error, Disconnected) and error.kind is FailureKind.NETWORK
        assert time.monotonic() - began < NOTICED


@able_to(Ability.CONNECT)
async def test_a_server_that_closes_at_once_is_asked_more_and_more_rarely(harness: Harness) -> None:
    harness.gate.closing()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 6:
            harness.gate.heal()

    async def take(chunk: Chunk) -> None:
        taken.set()

    taken = asyncio.Event()
    supervisor = Supervisor(harness.source(), sleep=sleep, chance=lambda: 0.0)
    running = asyncio.create_task(supervisor.run(None, take))
    try:
        async with asyncio.timeout(2 * NOTICED):
            while supervisor.status.state is not State.STREAMING:
                await asyncio.sleep(0.01)
            await harness.say(Said(1, "at last"))
            await taken.wait()
    finally:
        running.cancel()
        await asyncio.wait({running})
    assert len(waits) == 6 == supervisor.status.reconnects
    assert waits[0] >= 0.25 and all(later > sooner for sooner, later in zip(waits, waits[1:], strict=False))
    assert len(harness.gate.accepted) <= 2 * 6 + 4, "it connects more often than it is told to"


@able_to(Ability.CONNECT)
async def test_a_certificate_that_nobody_signed_is_one_line(harness: Harness) -> None:
    async with Reading(harness.source(tls=True)) as reading:
        error = one_line(await reading.over())
        assert isinstance(error, Disconnected) and error.kind is FailureKind.NETWORK and not reading.got


@able_to(Ability.CONNECT)
async def test_a_host_that_has_no_address_is_one_line(harness: Harness) -> None:
    async with Reading(harness.source("nowhere.invalid")) as reading:
        error = one_line(await reading.over())
        assert isinstance(error, Disconnected) and error.kind is FailureKind.NETWORK and not reading.got


@able_to(Ability.CONNECT)
@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_status_401_and_403_are_final(harness: Harness, status: str) -> None:
    harness.gate.answering(status)
    async with Reading(harness.source()) as reading:
        assert isinstance(one_line(await reading.over()), SourceError)


@able_to(Ability.CONNECT)
async def test_other_answers_say_how_long_to_wait(harness: Harness) -> None:
    harness.gate.answering("503 Service Unavailable")
    async with Reading(harness.source()) as reading:
        error = one_line(await reading.over())
        assert isinstance(error, Disconnected) and error.kind is FailureKind.HTTP
    until = time.time() + 90
    harness.gate.answering("429 Too Many Requests", retry_after="90", x_rate_limit_reset=f"{until:.0f}")
    async with Reading(harness.source()) as reading:
        error = one_line(await reading.over())
        assert isinstance(error, Disconnected) and error.kind is FailureKind.RATE
        assert abs(error.not_before - until) < 10
