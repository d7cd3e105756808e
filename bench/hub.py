"""What it costs to follow many feeds: one worker, so many topics, and a client of each, in one table.

    python bench/hub.py [--feeds N] [--rate N]

Events are appended to the feeds in turn, at an even pace, as classification does; each client counts its own. Apache
Kafka runs on this machine for as long as it takes (Java 17 or newer, and Maven the first time). Other programs that
run meanwhile make every number worse. Needs Linux.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import measure
import on_kafka
from aiokafka import AIOKafkaProducer
from measure import Failed
from sse_appender import LABEL, SCORE, STAMP, event

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.kafka.apache_kafka import ApacheKafka  # noqa: E402
from support.waiting import until  # noqa: E402
from support.workers import Worker  # noqa: E402

from tweetream.models.feed import pack_stamp  # noqa: E402

FEEDS = [1, 100, 1_000]
TOGETHER = 50  # streams opened before their answers are awaited
REST = 10.0  # seconds of rest that are measured
OPEN = 120.0  # seconds until a stream tells its position
SETTLE = 10.0  # seconds that the last events may take


def main() -> int:
    """Run with each number of feeds and print the table; 2 when something is missing or a run fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--feeds", type=int, nargs="+", default=FEEDS, metavar="N", help="default: 1, 100 and 1,000")
    parser.add_argument("--rate", type=float, default=50.0, help="events a second, of all feeds (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of events (default %(default)s)")
    options = parser.parse_args()
    names = ("feeds", "all open s", "MiB", "CPU at rest", "CPU busy", "µs/delivery", "p50 ms", "p99 ms", "lacking")
    print("".join([f"{name:>13}" for name in names]), flush=True)
    for number in options.feeds:
        work = partial(_print_row, number, options)
        if status := on_kafka.run("hub", work):
            return status
    return 0


def _print_row(number: int, options: argparse.Namespace, kafka: ApacheKafka, folder: Path) -> None:
    print(_row(number, _measured(kafka, folder, number, options)), flush=True)


class Followed(NamedTuple):
    """Seconds until all streams were open, MiB, shares of a core, events sent and got, latencies in ms."""

    opened: float
    memory: float
    rest: float
    busy: float
    sent: int
    latencies: list[float]
    seconds: float


def _row(feeds: int, run: Followed) -> str:
    found = sorted(run.latencies) or [0.0]
    p50, p99 = (found[int(len(found) * share)] for share in (0.5, 0.99))
    each = (run.busy - run.rest) * run.seconds / max(1, len(run.latencies)) * 1e6
    row = f"{feeds:>13,}{run.opened:>13.1f}{run.memory:>13.0f}{run.rest:>13.1%}{run.busy:>13.1%}"
    return f"{row}{each:>13.0f}{p50:>13.1f}{p99:>13.1f}{run.sent - len(run.latencies):>13}"


def _measured(kafka: ApacheKafka, folder: Path, number: int, options: argparse.Namespace) -> Followed:
    topics = [f"topik{nth:05}" for nth in range(number)]
    worker = Worker(
        kafka.url,
        "hub",
        folder,
        TOPICS=",".join(topics),
        MAX_TOPICS=max(1_000, number),
        MAX_STREAMS_PER_ADDRESS=number + 10,
        MAX_STREAMS=number + 10,
    )
    try:
        worker.start().wait_ready()
        until(lambda: len(worker.topics()) == number, 60 + number, "the topics")
        measure.wait_calm([worker.pid])
        feeds = [str(topic["kafka_topic"]) for topic in worker.topics().values()]
        return asyncio.run(_followed(kafka.bootstrap, worker, topics, feeds, options))
    finally:
        worker.kill()


async def _followed(
    bootstrap: str, worker: Worker, topics: list[str], feeds: list[str], options: argparse.Namespace
) -> Followed:
    latencies: list[float] = []
    began = time.monotonic()
    clients: list[asyncio.Task[None]] = []
    for start in range(0, len(topics), TOGETHER):
        opened = [_open(worker.port, topic) for topic in topics[start : start + TOGETHER]]
        for streams in await asyncio.gather(*opened):
            clients.append(asyncio.create_task(_read(*streams, latencies)))
    all_open = time.monotonic() - began
    await asyncio.sleep(1.0)
    rest = await _share(worker, asyncio.sleep(REST))
    sent = round(options.rate * options.seconds)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for feed in feeds:  # it asks for the metadata of each when that is first named
            await producer.partitions_for(feed)
        busy = await _share(worker, _append(producer, feeds, options.rate, sent))
    finally:
        await producer.stop()
    deadline = time.monotonic() + SETTLE
    while len(latencies) < sent and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    for client in clients:
        client.cancel()
    return Followed(all_open, measure.memory([worker.pid]), rest, busy, sent, latencies, options.seconds)


async def _share(worker: Worker, work: Awaitable[None]) -> float:
    """The worker's CPU while this lasts, in cores."""
    began, before = time.monotonic(), measure.cpu([worker.pid])
    await work
    return (measure.cpu([worker.pid]) - before) / (time.monotonic() - began)


async def _open(port: int, topic: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /feeds/{topic} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise Failed(f"no stream: {head[:60]!r}")
    async with asyncio.timeout(OPEN):
        while not (await reader.readline()).startswith(b"id:"):  # the stream's position: from here on it has all
            pass
    return reader, writer


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, latencies: list[float]) -> None:
    try:
        while line := await reader.readline():
            if found := STAMP.search(line):
                latencies.append((time.monotonic_ns() - int(found[2])) / 1e6)
    finally:
        writer.close()


async def _append(producer: AIOKafkaProducer, feeds: list[str], rate: float, number: int) -> None:
    """Append events to the feeds in turn."""
    began, epoch = time.monotonic(), time.time_ns() // 1_000_000
    sent: list[asyncio.Future[Any]] = []
    for nth in range(number):
        await asyncio.sleep(max(0.0, began + nth / rate - time.monotonic()))
        headers = [("label", LABEL.encode()), ("score", b"%.4f" % SCORE), ("origin", pack_stamp(0, epoch, nth, 0))]
        data, feed = event(nth, time.monotonic_ns()), feeds[nth % len(feeds)]
        sent.append(await producer.send(feed, data, partition=0, headers=headers))
    await asyncio.gather(*sent)


if __name__ == "__main__":
    sys.exit(main())
