"""A network that posts numbers at a steady rate, to see which of them come through a worker."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from support.faults.network_thread import NetworkThread
from support.networks.contract import Ability, Reading, Said
from support.workers import Worker

WORD = "nomor"  # in every post


class PostingNetwork:
    """One network; `said` has the time of each number, in seconds since 1970."""

    def __init__(self, network: NetworkThread, rate: float) -> None:
        self.network, self.harness = network, network.harness
        self.said: dict[int, float] = {}
        self._pause = 1 / rate
        self._ended = asyncio.Event()

    def ids(self, *, but: tuple[float, float] = (0.0, 0.0)) -> set[str]:
        """The ids of all posts, except those of a span of time."""
        return {self.harness.id(number) for number, at in self.said.items() if not but[0] <= at <= but[1]}

    async def run(self) -> None:
        """Post until `end`. A network that keeps its posts goes on while no worker is there."""
        keeps = self.harness.can(Ability.RESUME)
        async with self._somebody() if keeps else contextlib.nullcontext():
            number = 0
            while not self._ended.is_set():
                await asyncio.sleep(self._pause)
                if keeps or self.harness.gate.lines:
                    number += 1
                    with contextlib.suppress(TimeoutError):  # the worker left during the post
                        await self.utter(number)

    async def utter(self, number: int) -> None:
        """Post the next number."""
        await self.harness.say(Said(number, f"{WORD} {number} di jalan"))
        self.said[number] = time.time()

    @asynccontextmanager
    async def _somebody(self) -> AsyncIterator[None]:
        """Another client, since a network's server waits for one."""

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
def posting_networks(networks: Sequence[PostingNetwork]) -> Iterator[None]:
    """All of them post until the block ends."""
    running: list[tuple[PostingNetwork, Future[Any]]] = [(one, one.network.begin(one.run())) for one in networks]
    try:
        yield
    finally:
        for one, future in running:
            one.network.call(one.end())
            future.result(30)


def posts_of(worker: Worker) -> Counter[str]:
    """The ids of all posts of the topic, as a client gets them page by page."""
    found: Counter[str] = Counter()
    before: dict[str, str] = {}
    while True:
        answer = httpx.get(f"{worker.url}/topics/{WORD}/posts", params={"last": "1000", **before}, timeout=10)
        page = answer.raise_for_status().json()
        found.update(post["id"] for post in page["posts"])
        if not page["before"]:
            return found
        before = {"before": page["before"]}


def connected(worker: Worker) -> int:
    """How many sources give posts, or have given all."""
    found = httpx.get(f"{worker.url}/sources", timeout=10).json()
    return sum(source["state"] in ("streaming", "ended") for source in found)
