"""A plan of faults, and its execution: workers and brokers that die or freeze at random, by a seed.

Every worker that was hit runs again afterwards, and every broker too, with its data. Limits: faults of workers are
begun one after the other, while another may still be frozen; one broker at a time.
"""

import heapq
import itertools
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from support.faults.chaos import streaming
from support.kafka.apache_kafka import ApacheKafka
from support.kafka.jars import ApacheKafkaError
from support.workers import Worker

KINDS = (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)
FROZEN = 20.0  # seconds from SIGSTOP to SIGCONT
LOOK_AGAIN = 0.5
END = 15.0  # seconds that SIGTERM may take
RECOVER = 60.0  # seconds after which a strike on the streaming worker hits any, if nobody streams


class Fault(NamedTuple):
    """A signal to a worker: the one that streams, or another."""

    at: float  # seconds from the beginning
    kind: signal.Signals
    on_streaming: bool


def plan(rng: random.Random, seconds: float, count: int = 12) -> list[Fault]:
    """`count` faults over so many seconds: every kind as often, five of twelve on the worker that streams."""
    kinds = [KINDS[turn % len(KINDS)] for turn in range(count)]
    on_streaming = [turn % 12 < 5 for turn in range(count)]
    rng.shuffle(kinds)
    rng.shuffle(on_streaming)
    slot = seconds / count
    return [Fault((turn + rng.random()) * slot, kinds[turn], on_streaming[turn]) for turn in range(count)]


class FaultRun:
    """Does what was planned, in the thread that calls `run`; `done` says what was done."""

    def __init__(self, workers: Sequence[Worker], faults: Sequence[Fault], rng: random.Random) -> None:
        self.done: list[str] = []
        self._rng = rng
        self._running = list(workers)  # neither frozen nor dead
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._began = time.monotonic()
        for fault in faults:
            self._later(fault.at, partial(self._strike, fault))

    def run(self) -> None:
        """Until every fault is done, and every worker runs again."""
        self._began = time.monotonic()
        while self._due:
            at, _, action = heapq.heappop(self._due)
            time.sleep(max(0.0, self._began + at - time.monotonic()))
            action()

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _later(self, at: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (at, next(self._order), action))

    def _strike(self, fault: Fault) -> None:
        victim = self._victim(fault)
        if victim is None:
            return self._later(self._now() + LOOK_AGAIN, lambda: self._strike(fault))
        self._running.remove(victim)
        victim.signal(fault.kind)
        self.done.append(f"{fault.kind.name} {'streaming' if fault.on_streaming else 'other'}")
        print(f"{self._now():7.1f} s  {self.done[-1]:<18} {victim.log.stem}", flush=True)
        if fault.kind is signal.SIGSTOP:
            self._later(self._now() + FROZEN, lambda: self._thaw(victim))
        else:
            ends_by = self._now() + END
            self._later(self._now(), lambda: self._reap(victim, ends_by))

    def _victim(self, fault: Fault) -> Worker | None:
        """The worker to hit; None if that cannot be said now."""
        if len(self._running) < 2:
            return None
        now = streaming(self._running)
        if fault.on_streaming:
            if now is None and self._now() > fault.at + RECOVER:
                raise AssertionError(f"nobody has streamed for {RECOVER} s")
            return now
        return self._rng.choice([worker for worker in self._running if worker is not now])

    def _reap(self, victim: Worker, ends_by: float) -> None:
        assert victim.process is not None
        if victim.process.poll() is None:
            assert self._now() < ends_by, f"SIGTERM took more than {END} s"
            self._later(self._now() + 0.1, lambda: self._reap(victim, ends_by))
        else:
            self._later(self._now() + self._rng.uniform(0.5, 3), lambda: self._start(victim))

    def _start(self, victim: Worker) -> None:
        victim.start()
        self._running.append(victim)

    def _thaw(self, victim: Worker) -> None:
        victim.signal(signal.SIGCONT)
        self._running.append(victim)


class BrokerDeaths(threading.Thread):
    """Kills one broker of a cluster after the other and starts it again, until `end`.

    The thread stays as long as the program: brokers die with the thread that started them.
    """

    def __init__(self, kafka: ApacheKafka, rng: random.Random, every: float = 30.0) -> None:
        super().__init__(daemon=True)
        self.done: list[str] = []
        self.error: Exception | None = None
        self._kafka, self._rng, self._every = kafka, rng, every
        self._ended, self._idle = threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            while not self._ended.wait(self._every):
                began = time.monotonic()
                victim = self._rng.randrange(self._kafka.count)
                print(f"           SIGKILL broker {victim}", flush=True)
                self._kafka.kill(victim)
                self.done.append("broker-SIGKILL")
                time.sleep(self._rng.uniform(1, 8))
                self._kafka.restart(victim)
                print(f"           broker {victim} is back after {time.monotonic() - began:.1f} s", flush=True)
        except (ApacheKafkaError, OSError) as error:  # whoever waits for us must hear of it
            self.error = error
        self._idle.set()
        threading.Event().wait()

    def end(self) -> None:
        """No broker dies from now on, and all are there."""
        self._ended.set()
        self._idle.wait(120)
        if self.error:
            raise self.error
