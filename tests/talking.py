"""A network that goes on talking, whoever listens: numbered posts, to see which of them come through a worker."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aside import Aside
from contract import Ability, Reading, Said

WORD = "nomor"  # in every post


class Talk:
    """What one network said: the time of each number, seconds since 1970."""

    def __init__(self, network: Aside, rate: float) -> None:
        self.network, self.harness = network, network.harness
        self.said: dict[int, float] = {}
        self._pause = 1 / rate
        self._ended = asyncio.Event()

    def ids(self, *, but: tuple[float, float] = (0.0, 0.0)) -> set[str]:
        """The ids of all that was said, but within a time."""
        return {self.harness.id(number) for number, at in self.said.items() if not but[0] <= at <= but[1]}

    async def run(self) -> None:
        """Talk until `end`. A network that keeps what it said talks on while no worker is there."""
        keeps = self.harness.can(Ability.RESUME)
        async with self._somebody() if keeps else contextlib.nullcontext():
            number = 0
            while not self._ended.is_set():
                await asyncio.sleep(self._pause)
                if keeps or self.harness.gate.lines:
                    number += 1
                    with contextlib.suppress(TimeoutError):  # the worker went while it was said
                        await self.harness.say(Said(number, f"{WORD} {number} di jalan"))
                        self.said[number] = time.time()

    @asynccontextmanager
    async def _somebody(self) -> AsyncIterator[None]:
        """Another one who listens, so that it is never said to nobody."""

        async def listen() -> None:
            async with Reading(self.harness.source()) as reading:
                await reading.over(600)

        listening = asyncio.create_task(listen())
        try:
            yield
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def end(self) -> None:
        self._ended.set()


@contextmanager
def talking(networks: list[Aside], rate: float) -> Iterator[list[Talk]]:
    """All of them talk, so many posts a second each, to the end of the block or until `Talk.end`."""
    talks = [Talk(network, rate) for network in networks]
    running: list[tuple[Talk, Future[Any]]] = [(talk, talk.network.begin(talk.run())) for talk in talks]
    try:
        yield talks
    finally:
        for talk, future in running:
            talk.network.call(talk.end())
            future.result(30)
