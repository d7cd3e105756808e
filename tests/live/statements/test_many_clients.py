"""Clients that do not read, clients that vanish, and what many cost that one does not."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil
import pytest
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.plain_clients import feed_records, write_values
from support.raw_streams import Event, Stream, events, streams
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker

SLOW_CLIENT_TIMEOUT, SLOW_CLIENT_MAX_BYTES = 5.0, 1 << 20
QUICK = {"PARTITIONS": 1, "MAX_STREAMS_PER_ADDRESS": 2_000}


class Observer(threading.Thread):
    """A client that reads; `delays` are the seconds from a post's reading to its coming here."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(daemon=True)
        self.delays: list[float] = []
        self.over = threading.Event()
        self._worker = worker

    def run(self) -> None:
        with Stream(self._worker, "/feeds/cepat,pelan") as stream:
            while not self.over.is_set():
                count = stream.body.count(b"\n\n")
                stream.read(lambda: stream.body.count(b"\n\n") > count)  # noqa: B023 (called at once)
                now, end = time.time(), stream.body.rfind(b"\n\n") + 2
                found, stream.body = stream.body[:end], stream.body[end:]
                for line in found.split(b"\n"):
                    if line.startswith(b'data: {"id"'):
                        self.delays.append(
                            now - datetime.fromisoformat(json.loads(line[6:])["received_at"]).timestamp()
                        )

    def p99(self) -> float:
        """Of what has come since it was asked last."""
        delays, self.delays = sorted(self.delays), []
        assert len(delays) > 500
        return delays[len(delays) * 99 // 100]


def stuck(worker: Worker, name: str, last: int) -> Stream:
    """A client that reads one event, and then nothing: of the past, or of what comes live."""
    stream = Stream(worker, f"/feeds/{name}?last={last}", buffer=4096)
    stream.take(1)
    return stream


def test_a_client_that_does_not_read_is_dropped_the_others_do_not_notice_and_it_resumes(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    """Statement 9. Who does not read is dropped after a bounded time and bounded bytes; p99 unmoved; it can resume."""
    fast, slow, past = (tmp_path / f"{name}.txt" for name in ("fast", "slow", "past"))
    fast.write_text("".join(f"cepat {number} {'x' * 800}\n" for number in range(100_000)))
    slow.write_text("".join(f"pelan {number} {'x' * 800}\n" for number in range(10_000)))
    past.write_text("".join(f"pelan dan cepat {number} {'x' * 800}\n" for number in range(1000)))
    sources = f"replay:{past}?rate=0 replay:{fast}?rate=1000 replay:{slow}?rate=50"
    bounds = {"SLOW_CLIENT_TIMEOUT": f"{SLOW_CLIENT_TIMEOUT}s", "SLOW_CLIENT_MAX_BYTES": SLOW_CLIENT_MAX_BYTES}
    with workers(
        1, apache_kafka.url, namespace, tmp_path, SOURCES=sources, TOPICS="cepat,pelan", **QUICK, **bounds
    ) as (worker,):
        until(lambda: worker.count("cepat") > 3000 and worker.count("pelan") > 1000, 60, "posts")
        observer = Observer(worker)
        observer.start()
        time.sleep(2)
        observer.delays.clear()
        time.sleep(6)
        quiet = observer.p99()
        began = time.monotonic()
        clients = {
            "time": [stuck(worker, "pelan", 1000) for _ in range(10)],
            "bytes": [stuck(worker, "cepat", number % 2 * 1000) for number in range(10)],
        }
        for reason, bound in (("bytes", SLOW_CLIENT_TIMEOUT), ("time", 2 * SLOW_CLIENT_TIMEOUT)):
            until(lambda: worker.metric("tweetream_sse_dropped_total", reason=reason) == 10, bound, reason)  # noqa: B023
        assert time.monotonic() - began > SLOW_CLIENT_TIMEOUT
        assert worker.metric("tweetream_sse_dropped_total") == 20
        assert worker.metric("tweetream_sse_clients") == 1, "the one that reads"
        disturbed = observer.p99()
        print(f"\np99 {1000 * quiet:.0f} ms before, {1000 * disturbed:.0f} ms with 20 that do not read")
        assert disturbed < max(0.75, 2 * quiet)
        observer.over.set()
        for name, client in (("pelan", clients["time"][0]), ("cepat", clients["bytes"][0])):
            client.drain()
            before = client.events
            after = events(worker, f"/feeds/{name}", 1500, before[-1].id, timeout=60)
            assert all_there(apache_kafka, worker, name, before + after)
        for client in [*clients["time"], *clients["bytes"]]:
            client.socket.close()
        observer.join(20)


def all_there(kafka: KafkaAddress, worker: Worker, name: str, found: list[Event]) -> bool:
    """Whether these are the records of the feed from the first on, each once."""
    records = asyncio.run(feed_records(kafka.bootstrap, worker.topics()[name]["kafka_topic"]))
    first = found[0].offset
    return [event.data for event in found] == [record.value for record in records[first : first + len(found)]]


@pytest.fixture
def many(embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path) -> Iterator[Worker]:
    """A worker whose feeds `satu` and `dua` grow, and that lets one address have many streams."""
    file = tmp_path / "posts.txt"
    file.write_text("".join(f"satu dua {number}\n" for number in range(100)))
    settings = {"SOURCES": f"replay:{file}?rate=50&loop=true", "TOPICS": "satu,dua", **QUICK}
    with workers(1, embedded_broker.url, namespace, tmp_path, **settings) as (worker,):
        until(lambda: worker.count("dua") > 50, 30, "posts")
        yield worker


def connect_and_reset(worker: Worker, cycles: int) -> None:
    """Connect and reset: before the answer, in its head, or in the midst of the past."""
    for number in range(cycles):
        path = ("/feeds/satu?since=0", "/feeds/satu,dua", "/feeds/dua?last=50")[number % 3]
        if number % 4:
            with Stream(worker, path) as stream:
                if number % 4 == 1:
                    stream.take(1)
                stream.reset()
        else:
            with socket.create_connection(("127.0.0.1", worker.port)) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def held(worker: Worker) -> dict[str, float]:
    """What a worker has: streams, tasks, open files."""
    counts = {name: worker.metric(f"tweetream_{name}") for name in ("sse_clients", "tasks")}
    assert counts["tasks"] > 0
    return {**counts, "files": psutil.Process(worker.pid).num_fds()}


def back(worker: Worker, before: dict[str, float]) -> bool:
    """Whether it has no more than it had, give or take what its own work takes."""
    now = held(worker)
    return now["sse_clients"] == 0 and all(now[name] <= before[name] + 5 for name in before)


def warm(worker: Worker) -> None:
    """Have it open what it keeps: readers of the past, connections to Kafka."""
    with streams(worker, 20, "/feeds/satu,dua?since=0") as opened:
        for stream in opened:
            stream.take(10)


def test_a_disconnect_frees_everything_within_1_s_and_1000_resets_leave_the_counts_at_zero(many: Worker) -> None:
    """Statement 10. A disconnect frees everything within 1 s; 1,000 connect-and-reset cycles leave counts at zero."""
    warm(many)
    before = held(many)
    opened = [Stream(many, "/feeds/satu,dua") for _ in range(50)]
    assert many.metric("tweetream_sse_clients") == 50
    for number, stream in enumerate(opened):
        stream.reset() if number % 2 else stream.socket.close()
    gone = time.monotonic()
    until(lambda: back(many, before), 3, "all that 50 clients had is free", 0.02)
    print(f"\nfree after {time.monotonic() - gone:.2f} s")
    connect_and_reset(many, 1_000)
    until(lambda: back(many, before), 3, "all that a thousand had is free", 0.02)
    assert many.metric("tweetream_sse_dropped_total") == 0


@pytest.mark.soak
def test_10000_connect_and_reset_cycles_leave_clients_tasks_files_and_memory_where_they_were(many: Worker) -> None:
    warm(many)
    connect_and_reset(many, 2_000)  # until the allocator and the caches have what they need
    time.sleep(2)
    before, process = held(many), psutil.Process(many.pid)
    memory = process.memory_info().rss
    connect_and_reset(many, 10_000)
    until(lambda: back(many, before), 3, "all that ten thousand had is free")
    grown = process.memory_info().rss - memory
    print(f"\nbefore {before}, after {held(many)}, memory {memory / 2**20:.0f} MiB and {grown / 2**20:+.1f} MiB")
    assert grown < 20 * 2**20, "2 KiB a cycle at most, and the ring and the broker's counts grow meanwhile"


def kafka_connections(worker: Worker, broker: EmbeddedBroker) -> int:
    """Connections from the worker to the broker; each Kafka consumer has at least one."""
    port = int(broker.bootstrap.rpartition(":")[2])
    return sum(bool(one.raddr and one.raddr.port == port) for one in psutil.Process(worker.pid).net_connections("tcp"))


def test_an_event_is_encoded_once_and_kafka_consumers_do_not_depend_on_the_number_of_clients(
    many: Worker, embedded_broker: EmbeddedBroker
) -> None:
    """Statement 14. An event is encoded once however many clients; Kafka consumers do not depend on their number."""
    warm(many)
    few = kafka_connections(many, embedded_broker)
    with streams(many, 100, "/feeds/satu,dua?since=0") as opened, streams(many, 100, "/feeds/satu") as live:
        for stream in opened:
            stream.take(20)
        assert 0 < kafka_connections(many, embedded_broker) <= few
        odd = b'{ "id":"x:1",  "text" : "\\u0041 and \\u00e9", "n": 1.50e0 }'  # as no encoder of ours writes it
        write_values(embedded_broker.bootstrap, many.topics()["satu"]["kafka_topic"], odd)
        for stream in opened + live:
            stream.read(lambda: b"\ndata: " + odd + b"\n\n" in stream.body)  # noqa: B023 (called at once)
