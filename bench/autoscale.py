"""Workers that come and go with the load, as KEDA and Kubernetes' autoscaler decide by deploy/kubernetes (scaler.py).

    python bench/autoscale.py [--low 1000] [--high 20000] [--seconds 120] [--pace 10]

Posts come at the low rate, at the high one and at the low one again, for so many seconds each. Apache Kafka and all
workers run on this machine, on the same cores. So a rate that is too high for this machine only makes the lag grow.
A row every ten seconds has the lag, the workers, and the 99th percentile from the moment a post is written to its
arrival at a client, which follows a hundredth of the posts. At the end the feed is compared with what was written: lost
and doubled must be 0. The times of the rules are divided by `pace`.
"""

import argparse
import asyncio
import contextlib
import itertools
import math
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer
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

    def __init__(self, kafka: ApacheKafka, folder: Path, rules: Rules) -> None:
        self._kafka, self._folder, self._rules = kafka, folder, rules
        self.workers: list[Worker] = []

    def resize(self, count: int) -> None:
        while len(self.workers) < count:
            settings = {"PARTITIONS": self._rules.most, "TOPICS": "nomor,contoh", "SESSION_TIMEOUT": "10s"}
            self.workers.append(Worker(self._kafka.url, NAMESPACE, self._folder, **settings).start())
        while len(self.workers) > count:
            threading.Thread(target=self.workers.pop().stop, daemon=True).start()

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()


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


async def run(group: Group, kafka: ApacheKafka, rules: Rules, options: argparse.Namespace) -> int:
    """Run the three steps and print a row every ten seconds. Returns how many posts were written."""
    load, late = Load(kafka.bootstrap, rules.most), list[float]()
    topics = {topic: rules.most for topic in rules.thresholds}
    lag, scaler = GroupLag(Connection([kafka.bootstrap]), NAMESPACE, topics), Scaler(rules, 1)

    async def follow() -> None:
        async for ms in delays(group):
            late.append(ms)

    print(f"{'second':>7}{'posts/s':>9}{'lag':>9}{'workers':>9}{'p99 ms':>9}")
    began = time.monotonic()
    load.rate = options.low
    tasks = [asyncio.create_task(load.run()), asyncio.create_task(follow())]
    row, lags = 0.0, dict[str, int]()
    try:
        for rate in (options.low, options.high, options.low):
            load.rate, end = rate, time.monotonic() + options.seconds
            while time.monotonic() < end:
                await asyncio.sleep(rules.interval)
                with contextlib.suppress(Unavailable):
                    lags = await lag.read()
                    group.resize(scaler.decide(time.monotonic(), lags))
                if time.monotonic() - began >= row + 10:
                    row = time.monotonic() - began
                    p99 = sorted(late)[math.ceil(0.99 * len(late)) - 1] if late else math.nan
                    late.clear()
                    print(f"{row:>7.0f}{rate:>9,}{max(lags.values()):>9,}{scaler.workers:>9}{p99:>9.0f}", flush=True)
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
    options = parser.parse_args()
    rules = Rules.read(options.pace)
    with tempfile.TemporaryDirectory(prefix="tweetream-bench-") as name, ApacheKafka(quick=False) as kafka:
        group = Group(kafka, Path(name).resolve(), rules)
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
    lost = len(set(range(1, written + 1)) - set(found))
    print(f"written {written:,}, in the feed {len(set(found)):,}, lost {lost}, doubled {shown - written}")
    return 1 if lost or shown != written else 0


if __name__ == "__main__":
    sys.exit(main())
