"""What a pipeline does with a file of posts: from the moment it opens the file to the last record in its feeds.

The time of the end is the broker's own (feeds keep the time of arrival), so that nothing has to watch closely: end
offsets are asked for five times a second, of a thousand feeds once, and the records are counted when all is over. CPU
is that of the whole process, all its threads, from the opening of the file until the last record was seen.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

READY = "naive: ready"  # what the naive pipeline says when it waits for its posts
STALL = 60.0  # seconds without a new record in any feed
CALM = 0.1  # of a core, at most: what a process does that waits; with 5,000 topics on a slow machine it is 0.09


class Failed(Exception):
    """A run that gives no number; one line that says why."""


class Measured(NamedTuple):
    """What a pipeline took for its posts."""

    posts: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        return self.posts / self.seconds

    @property
    def cpu_each(self) -> float:
        """Microseconds of CPU a post."""
        return self.cpu / self.posts * 1e6


def cpu(pids: Iterable[int]) -> float:
    """Seconds of CPU that processes have used, user and system, in all their threads."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(time.user + time.system for time in times)


def memory(pids: Iterable[int]) -> float:
    """MiB that processes hold in memory."""
    return sum(psutil.Process(pid).memory_info().rss for pid in pids) / 2**20


def wait_calm(pids: Sequence[int], timeout: float = 60.0) -> None:
    """Return when the processes have begun all they do at their start."""
    deadline = time.monotonic() + timeout
    while True:
        before = cpu(pids)
        time.sleep(1.0)
        if cpu(pids) - before < CALM * len(pids):
            return
        if time.monotonic() > deadline:
            raise Failed("the worker does not come to rest")


def give(pids: Iterable[int], posts: Path, place: Path, timeout: float = 60.0) -> None:
    """Move `posts` to `place`, where one of the processes waits for them; return when it has opened the file.

    Linux only: psutil looks at each of a thousand open files, and a short file would be read twice meanwhile.
    """
    posts.rename(place)
    deadline = time.monotonic() + timeout
    while not any(_opens(pid, str(place)) for pid in pids):
        if time.monotonic() > deadline:
            raise Failed("the worker does not read its posts")
        time.sleep(0.002)


def _opens(pid: int, path: str) -> bool:
    with os.scandir(f"/proc/{pid}/fd") as files:
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                if os.readlink(file) == path:
                    return True
    return False


async def run(
    pids: Sequence[int], bootstrap: str, feeds: Iterable[str], begin: Callable[[], None], expected: int
) -> tuple[float, float]:
    """Let the processes begin, which returns when they have: seconds and CPU until `expected` records are readable.

    Raises Failed.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        tps = [TopicPartition(feed, 0) for feed in feeds]
        consumer.assign(tps)
        consumer.pause(*tps)  # what is read is counted afterwards
        begin()
        began, cpu_before = time.time(), cpu(pids)
        await _wait_for(consumer, tps, expected)
        used = cpu(pids) - cpu_before
        consumer.resume(*tps)
        return await _count(consumer, expected) - began, used
    except psutil.NoSuchProcess:
        raise Failed("the worker ended by itself") from None
    finally:
        await consumer.stop()


async def _wait_for(consumer: AIOKafkaConsumer, tps: list[TopicPartition], expected: int) -> None:
    seen, changed, pause = 0, time.monotonic(), max(0.2, len(tps) / 1000)  # to ask for a thousand ends takes 50 ms
    while seen < expected:
        await asyncio.sleep(pause)
        now = sum((await consumer.end_offsets(tps)).values())
        if now != seen:
            seen, changed = now, time.monotonic()
        elif time.monotonic() - changed > STALL:
            raise Failed(f"the feeds have {seen} of {expected} records, and get no more")


async def _count(consumer: AIOKafkaConsumer, expected: int) -> float:
    """Read all records of the feeds: when the last one arrived. Raises Failed for one too few or too many."""
    count, last = 0, 0
    while found := await consumer.getmany(timeout_ms=2000):
        for records in found.values():
            count += len(records)
            last = max(last, records[-1].timestamp)
    if count != expected:
        raise Failed(f"the feeds have {count} records, {expected} were expected")
    return last / 1000
