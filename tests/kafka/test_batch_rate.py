"""Batches to many partitions share a rate, in order, and a few never wait."""

import asyncio

import pytest
from support.virtual_time import VirtualTimeLoop

from tweetream.kafka.batch_rate import BatchRate


@pytest.mark.parametrize(("cpu", "seconds"), [(1.0, 2.0), (0.8, 2.0), (0.5, 0.5), (0.0, 0.5)])
def test_a_burst_goes_at_once_and_the_rest_in_order_at_the_rate(cpu: float, seconds: float) -> None:
    async def take(rate: BatchRate, number: int, taken: list[tuple[float, int]]) -> None:
        await rate.take()
        taken.append((loop.time(), number))

    async def run() -> list[tuple[float, int]]:
        rate, taken = BatchRate(100, 20, lambda: cpu * loop.time()), list[tuple[float, int]]()
        await asyncio.sleep(10)  # what was free before does not add up
        await asyncio.gather(*(take(rate, number, taken) for number in range(220)))
        return taken

    loop = VirtualTimeLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        taken = runner.run(run())
    assert [number for _, number in taken] == list(range(220))
    assert [at for at, _ in taken][:20] == [10.0] * 20
    assert abs(taken[-1][0] - 10 - seconds) < 0.2


def test_one_that_is_cancelled_takes_nothing() -> None:
    async def run() -> None:
        rate = BatchRate(10, 1, lambda: loop.time())
        await rate.take()
        waiting = [asyncio.create_task(rate.take()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.gather(*waiting[1:])
        assert loop.time() < 0.35

    loop = VirtualTimeLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(run())
