"""`/readyz` and the log tell the truth when Kafka goes and comes back, and when the worker itself stood still.

The log is JSON, a line an event.
"""

import json
import signal
import time
from pathlib import Path

import httpx
import pytest
from support.kafka.apache_kafka import ApacheKafka, KafkaAddress
from support.waiting import until
from support.workers import Worker

from tweetream.engine.health import PATIENCE

pytestmark = [pytest.mark.kafka, pytest.mark.soak]  # test_brokers.py has the first half, at no cost of its own
SOON = 15.0


def probe(worker: Worker, path: str) -> tuple[int, str]:
    answer = httpx.get(worker.url + path, timeout=5)
    return answer.status_code, answer.json()["detail"] if answer.status_code == 503 else answer.text


def test_a_worker_is_unready_when_kafka_has_been_away_for_ten_seconds_and_says_it_in_json(tmp_path: Path) -> None:
    with ApacheKafka() as kafka:
        worker = Worker(kafka.url, "probed", tmp_path, LOG_FORMAT="json", TOPICS="macet").start().wait_ready()
        try:
            assert worker.metric("tweetream_ready") == 1 and worker.metric("tweetream_build_info") == 1
            kafka.kill()
            began = time.monotonic()
            until(lambda: probe(worker, "/readyz")[0] == 503, PATIENCE + 10, "not ready", 0.25)
            assert time.monotonic() - began > PATIENCE - 1, "a short absence is no fault"
            assert probe(worker, "/readyz")[1].startswith("Kafka has been away for 1"), "with the reason"
            assert probe(worker, "/livez") == (200, "alive\n"), "a restart brings no Kafka"
            kafka.restart()
            until(lambda: probe(worker, "/readyz") == (200, "ready\n"), 60, "ready again", 0.25)
            assert worker.stop(SOON) < SOON
        finally:
            worker.end()
    lines = worker.log.read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert any(entry["message"].startswith("Tweetream ") and "is ready" in entry["message"] for entry in entries)
    assert [entry for entry in entries if "traceback" in entry] == [], "Kafka's absence is no error of ours"


def test_a_worker_that_stood_still_says_so_and_is_ready_again_soon(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    worker = Worker(apache_kafka.url, namespace, tmp_path, TOPICS="macet").start().wait_ready()
    try:
        worker.signal(signal.SIGSTOP)
        time.sleep(PATIENCE + 2)
        worker.signal(signal.SIGCONT)
        held = until(
            lambda: [said for status, said in [probe(worker, "/readyz")] if status == 503], 5, "not ready", 0.02
        )
        assert "the event loop was held for 1" in held[0], held
        assert probe(worker, "/livez") == (200, "alive\n")
        until(lambda: probe(worker, "/readyz") == (200, "ready\n"), 60, "ready again", 0.25)
        assert worker.stop(SOON) < SOON
    finally:
        worker.end()
