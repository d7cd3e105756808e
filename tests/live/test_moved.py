"""A broker of Apache Kafka moves to another address: every client finds it, and nothing is lost."""

import time
from pathlib import Path

import httpx
import psutil
import pytest
from support.faults import chaos
from support.kafka.apache_kafka import ApacheKafka
from support.waiting import until
from support.workers import workers

pytestmark = pytest.mark.kafka
RATE = 200
DOWN = 6.0  # seconds


def test_a_broker_that_moved_is_found_again_and_costs_no_core_meanwhile(tmp_path: Path) -> None:
    lines = 25 * RATE
    file = chaos.numbered_lines(tmp_path / "numbers.txt", lines)
    settings = {"SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": chaos.TOPIC}
    with ApacheKafka() as kafka, workers(1, kafka.url_with_spare, "t", tmp_path, **settings) as group:
        client = chaos.Client(group)
        client.start()
        until(lambda: len(client.seen) > RATE, 60, "posts at the client")
        kafka.stop()
        process = psutil.Process(group[0].pid)
        before, began = process.cpu_times(), time.monotonic()
        time.sleep(DOWN)
        after, took = process.cpu_times(), time.monotonic() - began
        kafka.move(kafka.spare)
        assert (after.user + after.system - before.user - before.system) / took < 0.5, "it waits, and burns no core"
        report = chaos.finish(kafka.bootstrap, group, client, lines, [])
        print(f"\n{report.table()}\n")
        report.check()
        assert httpx.post(f"{group[0].url}/topics", json={"name": "sesudah"}, timeout=20).status_code == 201
        assert httpx.get(f"{group[0].url}/topics/{chaos.TOPIC}/posts?last=3", timeout=20).status_code == 200
        assert "Kafka has moved from" in group[0].log.read_text()
