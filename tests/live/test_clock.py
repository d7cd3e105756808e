"""A worker whose clock is two hours ahead of Kafka's says so, and is not ready."""

from pathlib import Path

import httpx
import pytest
from support.kafka.apache_kafka import KafkaAddress
from support.waiting import until
from support.workers import READY, Worker

REASON = "this machine's clock is 2:00:00 ahead of Kafka's: set it"


def text(url: str) -> str:
    """The answer; empty where there is none, as in the moment when the worker's own server takes over at its start."""
    try:
        return httpx.get(url, timeout=5).text
    except httpx.TransportError:
        return ""


@pytest.mark.kafka
def test_a_clock_two_hours_ahead_is_a_clear_line_and_the_worker_is_not_ready(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    worker = Worker(apache_kafka.url, namespace, tmp_path)
    worker.set_clock(7200)
    worker.start()
    try:
        until(lambda: worker.get("/livez") == 200, READY, "an answer")
        until(lambda: REASON in text(f"{worker.url}/readyz"), READY, "the reason")
        assert worker.get("/readyz") == 503
        assert f"not ready: {REASON}" in worker.log.read_text()
    finally:
        worker.end()
