"""Networks that fail at random while a worker reads them, and the memory and files of that worker.

Beside good posts the networks send malformed, too long, repeated and deleted ones. Their connections are cut, halved,
silent, closed or refused, each for a moment. Limits: one topic; sources keep their real waits, also after an answer of
503 or 429.
"""

import asyncio
import contextlib
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable

import psutil
from support.faults.network_thread import NetworkThread
from support.faults.posting_network import PostingNetwork
from support.networks.contract import Ability, Said
from support.waiting import until_async

RATE = 20  # posts a second of each network
PAUSES = (2.0, 8.0)  # seconds between two faults
KINDS = {"cut": 6, "half": 6, "closing": 3, "silent": 2, "frozen": 2, "503": 1, "429": 1}
SLOW = {"429"}  # a source waits a minute after it: only for long runs


class FailingNetwork(PostingNetwork):
    """A network that posts, and fails at random until `calm`."""

    def __init__(self, network: NetworkThread, seed: int, slow: bool) -> None:
        super().__init__(network, RATE)
        self.faults: Counter[str] = Counter()
        self.windows: list[tuple[float, float]] = []  # spans in which a post may have been lost
        self.deleted: dict[str, float] = {}  # when, by id
        self.others = 0  # messages that are no posts, or no new ones
        self._chance = random.Random(seed)
        self._kinds = {kind: weight for kind, weight in KINDS.items() if slow or kind not in SLOW}
        self._calm = asyncio.Event()

    async def run(self) -> None:
        failing = asyncio.create_task(self._fail())
        try:
            await super().run()
        finally:
            failing.cancel()
            await asyncio.gather(failing, return_exceptions=True)

    async def utter(self, number: int) -> None:
        await super().utter(number)
        messages: list[tuple[float, Callable[[], bytes]]] = [
            (0.04, lambda: self.harness.frame(self._cut_short())),
            (0.02, lambda: self._chance.choice(self.harness.malformed())),
            (0.02, lambda: self.harness.frame(self.harness.payload(Said(number, "again")))),
            (0.002, self.harness.oversized),
        ]
        for share, message in messages:
            if self._chance.random() < share:
                self.others += 1
                await self.harness.send(message(), keep=False)
        if self.harness.can(Ability.DELETE) and self._chance.random() < 0.02:
            gone = self._chance.choice(list(self.said))
            self.deleted[self.harness.id(gone)] = time.time()
            self.others += 1
            await self.harness.send(self.harness.deletion(gone) or b"")

    def _cut_short(self) -> bytes:
        payload = self.harness.payload(Said(10**7, "cut short"))
        return payload[: self._chance.randrange(1, len(payload) - 1)]

    async def calm(self) -> None:
        """No more faults."""
        self._calm.set()
        self.harness.gate.heal()

    async def _fail(self) -> None:
        while not self._calm.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._calm.wait(), self._chance.uniform(*PAUSES))
                return
            [kind] = self._chance.choices(list(self._kinds), list(self._kinds.values()))
            self.faults[kind] += 1
            began = time.time()
            self.windows.append((began - 1, float("inf")))
            await self._one(kind)
            await self._line_since(time.monotonic())
            self.windows[-1] = (began - 1, time.time() + 3)

    async def _line_since(self, healed: float) -> None:
        gate = self.harness.gate
        await until_async(lambda: gate.lines and gate.accepted and gate.accepted[-1] >= healed, 600, "a new line")

    async def _one(self, kind: str) -> None:
        gate = self.harness.gate
        if kind == "half":
            gate.halve()
            await asyncio.sleep(0.3)
        elif kind == "frozen":
            gate.freeze()
        elif kind != "cut":
            {"closing": gate.closing, "silent": gate.silent}.get(kind, lambda: self._answer(kind))()
            gate.cut()
        if kind not in ("cut", "half"):
            await asyncio.sleep(self._chance.uniform(0.5, 2))
        gate.heal()
        gate.cut()

    def _answer(self, kind: str) -> None:
        status = {"503": "503 Service Unavailable", "429": "429 Too Many Requests"}[kind]
        self.harness.gate.answering(status, retry_after="1")

    def wanted(self) -> set[str]:
        """The ids that must be in the feed."""
        keeps = self.harness.can(Ability.RESUME)
        heard = {self.harness.id(number) for number, at in self.said.items() if keeps or self._heard(at)}
        return heard - set(self.deleted)

    def taken_back(self) -> set[str]:
        """The ids that must not be in the feed.

        Not every network tells of a deletion later, so the deletions during a fault do not count.
        """
        return {id for id, at in self.deleted.items() if self._heard(at)}

    def _heard(self, at: float) -> bool:
        return not any(begins <= at <= ends for begins, ends in self.windows)


class Footprint:
    """A process's memory and open files over time; the first quarter of the samples is for warming up."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.memory: list[int] = []  # bytes
        self.files: list[int] = []

    def look(self) -> None:
        self.memory.append(self._process.memory_info().rss)
        self.files.append(self._process.num_fds())

    def early_and_late(self, seen: list[int]) -> tuple[float, float]:
        """The median of the second quarter, and that of the last."""
        quarter = max(1, len(seen) // 4)
        return statistics.median(seen[quarter : 2 * quarter]), statistics.median(seen[-quarter:])
