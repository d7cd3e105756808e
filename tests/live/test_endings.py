"""How the demo and a worker end: soon, cleanly, whatever is open or dead. Deadlines are three times the design's."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from apache_kafka import ApacheKafka
from workers import Worker, until, workers

from tweetream.broker import EmbeddedBroker, free_ports

SOON = 15.0


@contextmanager
def demo(*options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`tweetream demo` on any port, and the address it printed."""
    command = [sys.executable, "-m", "tweetream", "demo", "--no-browser", "--port", "0", *options]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}
    clean |= {"TWEETREAM_BROKER": "kafka://kafka:9093", "TWEETREAM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}  # not for it
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean, start_new_session=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Tweetream: http://127.0.0.1:"), line
        yield process, line.split()[1]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def family(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def folders() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("tweetream-*") if (path / "worker").exists()}


def test_the_demo_shows_moving_posts_and_topics_and_ends_without_a_trace() -> None:
    before = folders()
    with demo() as (process, url):
        topics = {topic["name"] for topic in httpx.get(f"{url}/topics").json()}
        assert "jakarta" in topics
        until(lambda: httpx.get(f"{url}/topics/jakarta/posts").json()["posts"], 30, "posts of the sample")
        first = httpx.get(f"{url}/topics/jakarta/posts").json()["after"]
        until(lambda: httpx.get(f"{url}/topics/jakarta/posts").json()["after"] != first, 30, "posts move")
        assert "<title>" in httpx.get(url).text
        children = family(process)
        assert len(children) == 2
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(SOON) == 0
        assert time.monotonic() - began < SOON
        until(lambda: not any(child.is_running() for child in children), 5, "no process is left")
        port = int(url.rpartition(":")[2])
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
        assert folders() <= before
        assert process.communicate()[1] == "", "nothing is said on standard error"


def test_the_demo_takes_everything_with_it_when_it_is_killed() -> None:
    with demo("--topic", "macet") as (process, _):
        children = family(process)
        process.kill()
        process.wait()
        until(lambda: not any(child.is_running() for child in children), 10, "no process is left")


def open_streams(port: int, count: int, path: str) -> list[socket.socket]:
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for connection in connections:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connections


@pytest.mark.parametrize("broker_dies", [False, True], ids=["broker alive", "broker dead"])
def test_a_worker_with_200_streams_ends_soon_each_stream_at_an_events_end(
    namespace: str, tmp_path: Path, broker_dies: bool
) -> None:
    file = tmp_path / "posts.txt"
    file.write_text("".join(f"akhir {number}\n" for number in range(1000)))
    settings = {"SOURCES": f"replay:{file}?rate=50&loop=true", "TOPICS": "akhir"}
    with (
        EmbeddedBroker(tmp_path) as broker,
        workers(1, broker.url, namespace, tmp_path, **settings) as (worker,),
    ):
        until(lambda: worker.count("akhir") > 10, 30, "posts")
        streams = open_streams(worker.port, 200, "/feeds/akhir?last=5")
        until(lambda: worker.metric("tweetream_sse_clients") == 200, 30, "200 streams")
        received = [bytearray() for _ in streams]
        for stream, data in zip(streams, received, strict=True):
            stream.settimeout(20)
            while b"data:" not in data:
                data += stream.recv(65536)
        if broker_dies:
            broker.stop()
            time.sleep(2)
        assert worker.stop(SOON) < SOON
        assert worker.process is not None
        assert worker.process.returncode == 0
        assert "did not end in time" not in worker.tail()
        assert "Traceback" not in worker.log.read_text()
        for stream, data in zip(streams, received, strict=True):
            while piece := stream.recv(65536):
                data += piece
            assert data.endswith(b"\r\n0\r\n\r\n"), "the answer ends as HTTP has it"
            body = data.removesuffix(b"\r\n0\r\n\r\n")
            assert body.endswith(b"\n"), "at an event's end"


def test_a_worker_waits_for_a_broker_that_is_away_and_ends_when_asked(tmp_path: Path, namespace: str) -> None:
    worker = Worker(f"kafka://127.0.0.1:{free_ports(1)[0]}", namespace, tmp_path).start()
    try:
        until(lambda: worker.tail().count("waiting for Kafka at 127.0.0.1") >= 2, 30, "it says so again and again")
        assert worker.stop(SOON) < SOON
    finally:
        worker.kill()


@pytest.mark.kafka
def test_a_worker_that_waited_begins_when_kafka_comes(tmp_path: Path, namespace: str) -> None:
    port = free_ports(1)[0]
    worker = Worker(f"kafka://127.0.0.1:{port}", namespace, tmp_path, TOPICS="nanti").start()
    try:
        until(lambda: "waiting for Kafka" in worker.tail(), 30, "it waits")
        with ApacheKafka(port=port):
            worker.wait_ready()
            until(lambda: "nanti" in worker.topics(), 30, "its topic")
            worker.stop()
    finally:
        worker.kill()
