"""How the demo and a worker end: soon, cleanly, whatever is open or dead. Deadlines are three times the design's."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from support.kafka.apache_kafka import ApacheKafka
from support.waiting import until
from support.workers import Worker

from tweetream.kafka.embedded import free_ports

SOON = 15.0


@contextmanager
def demo(folder: Path, *options: str, **settings: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`tweetream demo` on any port, and the address it printed. It has this folder for itself."""
    command = [sys.executable, "-m", "tweetream", "demo", "--no-browser", "--port", "0", *options]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}
    clean |= {"TWEETREAM_BROKER": "kafka://kafka:9093", "TWEETREAM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}  # not for it
    clean |= {f"TWEETREAM_{name}": value for name, value in settings.items()} | {"TMPDIR": str(folder)}
    (folder / ".env").write_text("TWEETREAM_KAFKA_SASL_MECHANISM=PLAIN\nTWEETREAM_KAFKA_SASL_USERNAME=u\n")
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean,
        start_new_session=True,
    )  # fmt: skip
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


def left(folder: Path) -> list[Path]:
    """What a demo keeps while it runs."""
    return list(folder.glob("tweetream-*"))


def test_the_demo_shows_moving_posts_and_topics_and_ends_without_a_trace(tmp_path: Path) -> None:
    with demo(tmp_path) as (process, url):
        topics = {topic["name"] for topic in httpx.get(f"{url}/topics").json()}
        assert "jakarta" in topics
        until(lambda: httpx.get(f"{url}/topics/jakarta/posts").json()["posts"], 30, "posts of the sample")
        first = httpx.get(f"{url}/topics/jakarta/posts").json()["after"]
        until(lambda: httpx.get(f"{url}/topics/jakarta/posts").json()["after"] != first, 30, "posts move")
        assert "<title>" in httpx.get(url).text
        children = family(process)
        assert len(children) == 2 and left(tmp_path)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(SOON) == 0
        assert time.monotonic() - began < SOON
        until(lambda: not any(child.is_running() for child in children), 5, "no process is left")
        port = int(url.rpartition(":")[2])
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
        assert not left(tmp_path)
        assert process.communicate()[1] == "", "nothing is said on standard error"


def test_the_demo_takes_everything_with_it_when_it_is_killed(tmp_path: Path) -> None:
    with demo(tmp_path, "--topic", "macet") as (process, _):
        children = family(process)
        process.kill()
        process.wait()
        until(lambda: not any(child.is_running() for child in children), 10, "no process is left")


def test_a_demo_for_all_addresses_is_reached_by_each_and_a_hangup_leaves_nothing_behind(tmp_path: Path) -> None:
    """The terminal's window is closed: no process and no file is left, neither of the demo nor of its worker."""
    with demo(tmp_path, "--topic", "macet", WEB_HOST="::") as (process, url):
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("From a phone") and "127.0.0.1" not in said
        for address in (url, url.replace("127.0.0.1", "[::1]"), said.split()[-1]):
            assert httpx.get(f"{address}/topics/macet", timeout=10).status_code == 200, address
        children = family(process)
        process.send_signal(signal.SIGHUP)
        assert process.wait(SOON) == 0
        until(lambda: not any(child.is_running() for child in children), 5, "no process is left")
        assert not left(tmp_path)
        said = process.communicate()[1]
        assert "tweetream: " not in said and "Traceback" not in said


def test_a_demo_whose_worker_dies_says_so_in_one_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path, "--topic", "macet") as (process, _):
        (worker,) = [child for child in family(process) if "worker" in child.cmdline()]
        worker.kill()
        assert process.wait(SOON) == 2
        assert not left(tmp_path)
        (said,) = [line for line in process.communicate()[1].splitlines() if line.startswith("tweetream: ")]
        assert said == "tweetream: the worker ended by SIGKILL: it did not say why"


def test_a_hangup_ends_a_worker_as_sigterm_does(tmp_path: Path, namespace: str) -> None:
    worker = Worker(f"kafka://127.0.0.1:{free_ports(1)[0]}", namespace, tmp_path).start()
    try:
        until(lambda: "waiting for Kafka" in worker.tail(), 30, "it waits")
        worker.signal(signal.SIGHUP)
        assert worker.process is not None and worker.process.wait(SOON) == 0
    finally:
        worker.kill()


def test_a_worker_waits_for_a_broker_that_is_away_and_ends_when_asked(tmp_path: Path, namespace: str) -> None:
    worker = Worker(f"kafka://127.0.0.1:{free_ports(1)[0]}", namespace, tmp_path).start()
    try:
        until(lambda: worker.tail().count("waiting for Kafka at 127.0.0.1") >= 2, 30, "it says so again and again")
        answer = httpx.get(f"{worker.url}/readyz", timeout=5)
        assert answer.status_code == 503 and "it has waited for Kafka for" in answer.json()["detail"]
        assert worker.get("/livez") == 200 and worker.get("/topics") == 503
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
