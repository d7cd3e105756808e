"""Brokers of Apache Kafka die and come back with their data: workers wait, nothing is lost, and they can be stopped."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from support.faults import chaos
from support.kafka.apache_kafka import ApacheKafka
from support.waiting import until
from support.workers import Worker, workers

from tweetream.engine.health import PATIENCE

pytestmark = pytest.mark.kafka
RATE = 500
SOON = 15.0


@contextmanager
def flowing(kafka: ApacheKafka, folder: Path, lines: int, **more: str) -> Iterator[tuple[list[Worker], chaos.Client]]:
    """Two workers, numbered posts that flow, and a client that follows them."""
    file = chaos.numbered_lines(folder / "numbers.txt", lines)
    settings = {"SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": chaos.TOPIC, "REPLICATION": kafka.count, **more}
    with workers(2, kafka.url, "t", folder, **settings) as group:
        client = chaos.Client(group)
        client.start()
        until(lambda: len(client.seen) > 2 * RATE, 60, "posts at the client")
        yield group, client


@pytest.mark.parametrize("brokers", [1, pytest.param(3, marks=pytest.mark.soak)])
def test_when_every_broker_is_killed_and_comes_back_all_go_on_by_themselves(tmp_path: Path, brokers: int) -> None:
    lines = 20 * RATE
    with ApacheKafka(brokers) as kafka, flowing(kafka, tmp_path, lines) as (group, client):
        for broker in range(brokers):
            kafka.kill(broker)
        time.sleep(5)
        kafka.restart(*range(brokers))
        report = chaos.finish(kafka.bootstrap, group, client, lines, [])
        print(f"\n{report.table()}\n")
        report.check()
        answer = httpx.post(f"{group[0].url}/topics", json={"name": "sesudah"}, timeout=20)
        assert answer.status_code == 201, "REST goes on"


@pytest.mark.parametrize("dying", [(0,), pytest.param((0, 1), marks=pytest.mark.soak)])
def test_the_death_of_one_broker_of_three_holds_up_nothing(tmp_path: Path, dying: tuple[int, ...]) -> None:
    lines = 15 * len(dying) * RATE
    with ApacheKafka(3) as kafka, flowing(kafka, tmp_path, lines) as (group, client):
        for broker in dying:
            kafka.kill(broker)
            time.sleep(4)
            kafka.restart(broker)
        report = chaos.finish(kafka.bootstrap, group, client, lines, [])
    print(f"\n{report.table()}\n")
    report.check()


def test_while_the_broker_is_away_a_worker_says_so_seldom_and_ends_when_asked(tmp_path: Path) -> None:
    with ApacheKafka() as kafka, flowing(kafka, tmp_path, 100_000, LOG_FORMAT="json") as (group, _):
        assert all(worker.metric("tweetream_ready") == 1 for worker in group)
        kafka.kill()
        before = [len(worker.log.read_text().splitlines()) for worker in group]
        for worker, length in zip(group, before, strict=True):
            until(lambda worker=worker: worker.get("/readyz") == 503, 3 * PATIENCE, "it is not ready")
            answer = httpx.get(f"{worker.url}/readyz", timeout=5)
            assert re.match("Kafka has been away for [0-9]{2} s", answer.json()["detail"])
            assert worker.get("/livez") == 200, "a restart brings no Kafka"
            lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
            assert [line for line in lines if "traceback" in line] == [], "nothing here is an error of ours"
            said = [line["message"] for line in lines[length:]]
            assert len(said) < 30, "\n".join(said)
            assert any(re.search("[Kk]afka|connect to node", line) for line in said), "it is said at all"
            assert worker.stop(SOON) < SOON
            assert worker.process is not None and worker.process.returncode == 0
