"""Workers that come and go with the load, as KEDA and Kubernetes' autoscaler decide by deploy/kubernetes (scaler.py).

    python bench/autoscale.py [--low 1000] [--high 20000] [--seconds 120] [--pace 10] [--cores 0.3]

Posts come at the low rate, at the high one and at the low one again, for so many seconds each, and then until all have
come. Apache Kafka and all workers run on this machine, on the same cores. So a rate that is too high for this machine
only makes the lag grow; with --cores each worker gets so much of a core at most, as a pod with a limit, and then
another worker helps. A row every ten seconds has the posts/s that were written, the lag, the workers, the 99th
percentile from the moment a post is written to its arrival at a client, which follows a hundredth of the posts, and the
CPU in cores. At the end the feed is compared with what was written: lost and doubled must be 0. The times of the rules
are divided by `pace`.
"""

import argparse
import asyncio
import contextlib
import itertools
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

import measure
import psutil
from aiokafka import AIOKafkaProducer
from cpu_limit import CpuLimits
from scaler import Rules, Scaler

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import httpx  # noqa: E402
from httpx_sse import aconnect_sse  # noqa: E402
from support.faults.chaos import read_feed  # noqa: E402
from support.kafka.apache_kafka import ApacheKafka  # noqa: E402
from support.kafka.post_writer import post  # noqa: E402
from support.waiting import until  # noqa: E402
from support.workers import Worker  # noqa: E402

from tweetream.kafka.connection import Connection  # noqa: E402
from tweetream.kafka.group_lag import GroupLag  # noqa: E402
from tweetream.kafka.retry import Unavailable  # noqa: E402
from tweetream.models import codec  # noqa: E402
from tweetream.models.post import Post, PostBatch  # noqa: E402

NAMESPACE = "tweetream"  # as scaler.yaml names the topics
PATIENCE = 240.0  # seconds, after the steps, until one worker is left and is enough
BATCH, SAMPLED = 200, 100  # posts in a record; one post of so many is followed by the client
EPOCHS = itertools.count(time.time_ns() // 1_000_000 + 3_600_000, 1000)  # above whatever a takeover has begun since


class Load:
    """Writes numbered posts at a rate that can change, as the worker that runs the sources would."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self.rate, self.written = 0.0, 0
        self._bootstrap, self._partitions = bootstrap, partitions

    async def run(self) -> None:
        """Write until cancelled."""
        async with AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all") as producer:
            due = time.monotonic()
            for partition in itertools.cycle(range(self._partitions)):
                size = max(1, min(BATCH, int(self.rate / 20)))
                due = max(due + size / self.rate, time.monotonic() - 1)
                await asyncio.sleep(due - time.monotonic())
                record = codec.encode(PostBatch(next(EPOCHS), 1, -1, {}, [self._next() for _ in range(size)]))
                await producer.send_and_wait(f"{NAMESPACE}-posts", record, partition=partition)

    def _next(self) -> Post:
        self.written += 1
        return post(f"nomor {self.written} di jalan{' contoh' if self.written % SAMPLED == 0 else ''}")


class Group:
    """The workers there are. One that is ended goes on SIGTERM, beside the run."""

    def __init__(self, kafka: ApacheKafka, folder: Path, rules: Rules, limits: CpuLimits | None) -> None:
        self._kafka, self._folder, self._rules, self._limits = kafka, folder, rules, limits
        self.workers: list[Worker] = []
        self._all: list[Worker] = []

    def resize(self, count: int) -> None:
        while len(self.workers) < count:
            settings = {"PARTITIONS": self._rules.most, "TOPICS": "nomor,contoh", "SESSION_TIMEOUT": "10s"}
            worker = Worker(self._kafka.url, NAMESPACE, self._folder, **settings).start()
            self.workers.append(worker)
            self._all.append(worker)
            if self._limits:
                self._limits.add(worker.pid)
        while len(self.workers) > count:
            threading.Thread(target=self.workers.pop().stop, daemon=True).start()

    def end(self) -> None:
        for worker in self._all:
            worker.kill()


class Cores:
    """The CPU of processes since the last look."""

    def __init__(self) -> None:
        self._at, self._used = time.monotonic(), dict[int, float]()

    def since_last(self, pids: Sequence[int]) -> float:
        """In cores. One that has ended meanwhile is left out."""
        used = dict[int, float]()
        for pid in pids:
            with contextlib.suppress(psutil.NoSuchProcess):
                used[pid] = measure.cpu([pid])
        seconds = sum(new - self._used.get(pid, 0.0) for pid, new in used.items())
        now = time.monotonic()
        cores = seconds / (now - self._at)
        self._at, self._used = now, used
        return cores


async def delays(group: Group) -> AsyncIterator[float]:
    """How late each post comes to a client, in ms; it resumes when its worker has gone."""
    last_id = ""
    async with httpx.AsyncClient(timeout=httpx.Timeout(5, read=30)) as client:
        while True:
            headers = {"Last-Event-ID": last_id} if last_id else {}
            with contextlib.suppress(httpx.HTTPError):
                async with aconnect_sse(client, "GET", f"{group.workers[0].url}/feeds/contoh", headers=headers) as feed:
                    async for event in feed.aiter_sse():
                        last_id = event.id or last_id
                        if event.event == "message":
                            received = datetime.fromisoformat(event.json()["received_at"])
                            yield 1000 * (time.time() - received.timestamp())
            await asyncio.sleep(0.1)


class Table:
    """A row every ten seconds."""

    def __init__(self, group: Group, kafka: ApacheKafka, load: Load) -> None:
        self._group, self._kafka, self._load = group, kafka, load
        self.late: list[float] = []  # ms, of the posts that came to the client since the last row
        self._began = self._at = time.monotonic()
        self._written = 0
        self._cores = Cores(), Cores(), Cores()
        titles = ("second", "posts/s", "lag", "workers", "p99 ms", "cores: workers", "Kafka", "this")
        print("".join(f"{title:>{max(9, len(title) + 2)}}" for title in titles))

    def row(self, lag: int) -> None:
        now = time.monotonic()
        if now < self._at + 10:
            return
        rate = (self._load.written - self._written) / (now - self._at)
        p99 = sorted(self.late)[math.ceil(0.99 * len(self.late)) - 1] if self.late else math.nan
        self.late.clear()
        self._at, self._written = now, self._load.written
        of = ([worker.pid for worker in self._group.workers], [self._kafka.pid()], [os.getpid()])
        workers, kafka, this = (cores.since_last(pids) for cores, pids in zip(self._cores, of, strict=True))
        second, count = now - self._began, len(self._group.workers)
        print(
            f"{second:>9.0f}{rate:>9,.0f}{lag:>9,}{count:>9}{p99:>9,.0f}{workers:>16.2f}{kafka:>9.2f}{this:>9.2f}",
            flush=True,
        )


async def run(group: Group, kafka: ApacheKafka, rules: Rules, options: argparse.Namespace) -> int:
    """Run the three steps, and go on until one worker is left and is enough. Returns how many posts were written."""
    load = Load(kafka.bootstrap, rules.most)
    table = Table(group, kafka, load)
    topics = {topic: rules.most for topic in rules.thresholds}
    lag, scaler = GroupLag(Connection([kafka.bootstrap]), NAMESPACE, topics), Scaler(rules, 1)

    async def follow() -> None:
        async for ms in delays(group):
            table.late.append(ms)

    async def step() -> bool:
        """Let the scaler decide; whether all is done, and one worker is left."""
        await asyncio.sleep(rules.interval)
        with contextlib.suppress(Unavailable):
            lags = await lag.read()
            group.resize(scaler.decide(time.monotonic(), lags))
            table.row(max(lags.values()))
            return scaler.workers == rules.least == scaler.wanted(lags)
        return False

    load.rate = options.low
    tasks = [asyncio.create_task(load.run()), asyncio.create_task(follow())]
    try:
        for rate in (options.low, options.high, options.low):
            load.rate, end = rate, time.monotonic() + options.seconds
            while time.monotonic() < end:
                await step()
        end = time.monotonic() + PATIENCE
        while not await step() and time.monotonic() < end:
            pass
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await lag.close()
    return load.written


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--low", type=int, default=1_000, help="posts/s before and after (default %(default)s)")
    parser.add_argument("--high", type=int, default=20_000, help="posts/s between (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=120, help="of each step (default %(default)s)")
    parser.add_argument("--pace", type=float, default=10, help="divides the times of the rules (default %(default)s)")
    parser.add_argument("--cores", type=float, help="of a worker at most; needs root (default: as many as there are)")
    options = parser.parse_args()
    rules, limits = Rules.read(options.pace), CpuLimits(options.cores) if options.cores else None
    with tempfile.TemporaryDirectory(prefix="tweetream-bench-") as name, ApacheKafka(quick=False) as kafka:
        group = Group(kafka, Path(name).resolve(), rules, limits)
        try:
            group.resize(1)
            group.workers[0].wait_ready()
            feed = until(lambda: group.workers[0].topics().get("nomor"), 60, "the topic")["kafka_topic"]
            written = asyncio.run(run(group, kafka, rules, options))
            until(lambda: group.workers[0].count("nomor") >= written, 300, "all are counted", 1)
            found = [record.number for record in asyncio.run(read_feed(kafka.bootstrap, feed))]
            shown = group.workers[0].count("nomor")
        finally:
            group.end()
            if limits:
                limits.remove()
    lost = len(set(range(1, written + 1)) - set(found))
    print(f"written {written:,}, in the feed {len(set(found)):,}, lost {lost}, doubled {shown - written}")
    return 1 if lost or shown != written else 0


if __name__ == "__main__":
    sys.exit(main())
