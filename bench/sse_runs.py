"""One run of the bench of streams: a server with so many clients and so many events a second, or with none.

CPU is that of the server alone, all its processes and threads; what the same run costs it without clients is taken off.
"""

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import quote

import httpx
import measure
import psutil
import sse_appender
import sse_client
from beside import Beside
from measure import Failed
from sse_appender import Appended, Target
from sse_client import Collected

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.kafka.apache_kafka import ApacheKafka  # noqa: E402
from support.waiting import until  # noqa: E402
from support.workers import Worker  # noqa: E402

WARM = 1.0  # seconds of events before those that are measured
TOPIC = "bench"


class Server(Protocol):
    """What is measured."""

    port: int
    path: str
    target: Target

    def pids(self) -> Iterable[int]: ...


class Ours:
    """One real worker of a namespace of its own, with the topic `bench`, as a context manager.

    It replays an empty file over and over; `saturate` puts another in its place.
    """

    path = f"/feeds/{TOPIC}"

    def __init__(self, kafka: ApacheKafka, folder: Path, namespace: str, rate: float = 0) -> None:
        self._kafka = kafka
        self.file = folder / f"{namespace}.txt"
        self.file.write_text("")
        self.worker = Worker(
            kafka.url,
            namespace,
            folder,
            PARTITIONS=8,
            SESSION_TIMEOUT="10s",
            REBALANCE_TIMEOUT="10s",
            MAX_STREAMS_PER_ADDRESS=2_000,
            SOURCES=f"replay:{quote(str(self.file))}?rate={rate:g}&loop=true",
        )
        self.port = self.worker.port

    def __enter__(self) -> "Ours":
        try:
            self.worker.start().wait_ready()
            feed = self.add(TOPIC, "not in any post")
            self.target = Target("kafka", self._kafka.bootstrap, feed)
            measure.wait_calm(self.pids())
        except BaseException:  # Ctrl-C too must leave no worker
            self.worker.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.kill()

    def add(self, name: str, track: str) -> str:
        """Add a topic; its feed's topic in Kafka."""
        answer = httpx.post(f"{self.worker.url}/topics", json={"name": name, "track": [track]}, timeout=30)
        if answer.status_code != 201:
            raise Failed(f"the topic {name} is not added: {answer.text}")
        until(lambda: name in self.worker.topics(), 30, f"the topic {name}")
        return str(answer.json()["kafka_topic"])

    def pids(self) -> list[int]:
        return [self.worker.pid]

    def posts(self) -> float:
        """How many posts have gone through preprocessing."""
        unmatched = self.worker.metric("tweetream_posts_dropped_total", reason="unmatched")
        return self.worker.metric("tweetream_posts_matched_total") + unmatched

    def replace(self, lines: list[str]) -> None:
        """Let the worker replay these lines from now on; none of them when the list is empty."""
        new = self.file.with_suffix(".new")
        new.write_text("".join(f"{line}\n" for line in lines))
        new.rename(self.file)


class Run(NamedTuple):
    """A run with clients: what they got, the server's CPU in µs a delivery, its memory in KiB a client."""

    collected: Collected
    appended: Appended
    cpu_each: float
    memory: float


def cpu(pids: Iterable[int]) -> float:
    """Seconds of CPU that the processes have used, to the nanosecond where the system tells."""
    if sys.platform != "linux":
        return measure.cpu(pids)
    return sum(
        time.clock_gettime((~pid << 3) | 2) for pid in pids
    )  # the clock of another process: see clock_getcpuclockid


def memory(pids: Iterable[int]) -> int:
    return sum(int(psutil.Process(pid).memory_info().rss) for pid in pids)


def appender(server: Server) -> Beside:
    """The appender to a server, ready."""
    process = Beside(sse_appender.serve, server.target)
    process.answer(30)
    return process


def idle_cpu(server: Server, appending: Beside, rate: float, seconds: float) -> float:
    """CPU of the server, a second, while events are appended that nobody reads."""
    appending.ask("run", rate, WARM)
    began, before = time.monotonic(), cpu(server.pids())
    appending.ask("run", rate, seconds, timeout=seconds + 60)
    return (cpu(server.pids()) - before) / (time.monotonic() - began)


def run(
    server: Server,
    appending: Beside,
    clients: int,
    rate: float,
    seconds: float,
    idle: float = 0.0,
    meanwhile: Callable[[], None] | None = None,
) -> Run:
    """The run with clients. `meanwhile`, if given, says by returning when it ends."""
    with Beside(sse_client.serve) as client:
        # What the first client of all costs is not the price of one more.
        client.ask("open", server.port, server.path, 1)
        _collect(client, appending, rate, WARM, None)
        client.ask("close")
        time.sleep(0.5)
        before_clients = memory(server.pids())
        client.ask("open", server.port, server.path, clients, timeout=120)
        time.sleep(1.0)
        grown = memory(server.pids()) - before_clients
        _collect(client, appending, rate, WARM, None)
        before, began = cpu(server.pids()), time.monotonic()
        collected, appended = _collect(client, appending, rate, seconds, meanwhile)
        used = cpu(server.pids()) - before - idle * (time.monotonic() - began)
        client.ask("close")
    return Run(collected, appended, used / max(1, collected.events) * 1e6, grown / clients / 1024)


def _collect(
    client: Beside, appending: Beside, rate: float, seconds: float, meanwhile: Callable[[], None] | None
) -> tuple[Collected, Appended]:
    client.ask("collect")
    appending.tell("run", rate, seconds)
    if meanwhile:
        meanwhile()
        appending.tell("stop")
    appended = appending.answer(seconds + 60)
    client.tell(appended.events)
    return client.answer(300), appended
