"""Workers of a Kafka that asks who they are: all their clients are let in, and no output has the password."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from httpx_sse import connect_sse
from support.kafka.certificates import Authority
from support.kafka.secure_kafka import PASSWORD, USER, SecureKafka
from support.sse import events_of
from support.waiting import until
from support.workers import Worker

from tweetream.kafka import admin
from tweetream.kafka.connection import Connection

SOON = 15.0
POSTS = 20


@contextmanager
def a_worker(url: str, namespace: str, folder: Path, *options: str, **settings: Any) -> Iterator[Worker]:
    """One worker, not yet ready, that reads posts about `hujan`, ten a second."""
    file = folder / "posts.txt"
    file.write_text("".join(f"hujan nomor {number}\n" for number in range(POSTS)))
    given = {"SOURCES": f"replay:{file}?rate=10&loop=true", "SWEEP_INTERVAL": "1s"} | settings
    worker = Worker(url, namespace, folder, **given)
    try:
        yield worker.start(*options)
    finally:
        worker.kill()


def ports_in_use(worker: Worker, kafka: SecureKafka) -> set[int]:
    """Of the broker's ports, those that the worker is connected to."""
    listening = {kafka.plain, kafka.passwords, kafka.certificates}
    found = psutil.Process(worker.pid).net_connections("tcp")
    return listening & {connection.raddr.port for connection in found if connection.raddr}


def names(kafka: SecureKafka) -> set[str]:
    """The topics, asked by the plain listener."""
    return asyncio.run(admin.names(Connection([kafka.bootstrap])))


def ends(worker: Worker) -> str:
    """What a worker said that ends by itself."""
    assert worker.process is not None
    assert worker.process.wait(3 * SOON) == 2
    return worker.log.read_text()


@pytest.mark.parametrize("way", ["PLAIN", "SCRAM-SHA-512", "certificate"])
def test_topics_come_and_go_and_posts_flow_and_no_client_takes_the_plain_way(
    secure_kafka: SecureKafka, namespace: str, tmp_path: Path, way: str
) -> None:
    given = secure_kafka.by_certificate() if way == "certificate" else secure_kafka.by_password(way)
    port = secure_kafka.certificates if way == "certificate" else secure_kafka.passwords
    with a_worker(secure_kafka.url(port), namespace, tmp_path, "-l", "debug", **given) as worker:
        worker.wait_ready()
        answer = httpx.post(f"{worker.url}/topics", json={"name": "hujan"}, timeout=20)
        assert answer.status_code == 201
        feed = answer.json()["kafka_topic"]
        with httpx.Client(timeout=20) as client, connect_sse(client, "GET", f"{worker.url}/feeds/hujan") as source:
            events = events_of(source)
            texts = [next(events).json()["text"] for _ in range(5)]
        assert all(text.startswith("hujan nomor") for text in texts)
        until(lambda: worker.count("hujan") > POSTS, SOON, "posts are counted")
        assert httpx.get(f"{worker.url}/topics/hujan/posts?last=5", timeout=20).json()["posts"]
        assert ports_in_use(worker, secure_kafka) == {port}
        assert feed in names(secure_kafka)
        assert httpx.delete(f"{worker.url}/topics/hujan").status_code == 204
        until(lambda: feed not in names(secure_kafka), SOON, "the topic is gone from Kafka")
        shown = httpx.get(f"{worker.url}/metrics").text
        worker.signal(signal.SIGUSR1)  # Faust writes what every task is doing, with its variables
        until(lambda: "LOCAL VARIABLES" in worker.log.read_text(), SOON, "the variables")
        worker.stop()
        log = worker.log.read_text()
        assert "Traceback" not in log
        assert PASSWORD not in log and PASSWORD not in shown


@pytest.mark.parametrize("way", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password_ends_the_worker_with_one_line_that_does_not_show_it(
    secure_kafka: SecureKafka, namespace: str, tmp_path: Path, way: str
) -> None:
    wrong = "another-s3cret"
    given = secure_kafka.by_password(way, KAFKA_SASL_PASSWORD=wrong)
    url = secure_kafka.url(secure_kafka.passwords)
    with a_worker(url, namespace, tmp_path, "-l", "debug", **given) as worker:
        log = ends(worker)
        server = url.removeprefix("kafka://")
        assert log.splitlines()[-1] == f"tweetream: Kafka at {server}: authentication of {USER} by {way} failed"
        assert wrong not in log and "Traceback" not in log


def test_an_untrusted_certificate_ends_the_worker_with_one_line(
    secure_kafka: SecureKafka, namespace: str, tmp_path: Path
) -> None:
    given = secure_kafka.by_password("PLAIN", KAFKA_SSL_CAFILE=Authority(tmp_path, "stranger").cafile)
    with a_worker(secure_kafka.url(secure_kafka.passwords), namespace, tmp_path, **given) as worker:
        log = ends(worker)
        assert "its certificate is not trusted" in log.splitlines()[-1]
        assert PASSWORD not in log and "Traceback" not in log


def test_a_worker_that_speaks_plainly_to_tls_waits_and_says_why(
    secure_kafka: SecureKafka, namespace: str, tmp_path: Path
) -> None:
    with a_worker(secure_kafka.url(secure_kafka.passwords), namespace, tmp_path) as worker:
        until(lambda: "does it expect PLAINTEXT there?" in worker.log.read_text(), 3 * SOON, "a line")
        assert worker.stop() < SOON


def test_settings_that_do_not_go_together_end_the_worker_before_it_starts(namespace: str, tmp_path: Path) -> None:
    with a_worker("kafka://127.0.0.1:1", namespace, tmp_path, KAFKA_SASL_PASSWORD=PASSWORD) as worker:
        log = ends(worker)
        assert log.startswith("tweetream: TWEETREAM_KAFKA_SASL_PASSWORD: not used with") and log.count("\n") == 1
        assert PASSWORD not in log
