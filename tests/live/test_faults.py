"""Workers of a group die while posts flow on Apache Kafka: nothing is lost, and no client sees a post twice."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.workers import workers

RATE = 2_000


def run(
    kafka: KafkaAddress, namespace: str, folder: Path, seconds: float, strikes: list[tuple[signal.Signals, bool]]
) -> chaos.Report:
    """Numbered posts for so long, with strikes spread over the time."""
    sent = int(RATE * seconds)
    file = chaos.numbered_lines(folder / "numbers.txt", sent)
    settings = {"SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": chaos.TOPIC}
    with workers(3, kafka.url, namespace, folder, **settings) as group:
        client = chaos.Client(group)
        client.start()
        began, faults = time.monotonic(), []
        for turn, (kind, on_streaming) in enumerate(strikes):
            due = began + (turn + 0.5) * seconds / len(strikes)
            time.sleep(max(0.0, due - time.monotonic()))
            faults.append(chaos.strike(group, kind, on_streaming, random.uniform(0.5, 2)))
        report = chaos.finish(kafka.bootstrap, group, client, sent, faults)
    print(f"\n{report.table()}\n")
    return report


def test_the_worker_that_streams_dies_twice_and_every_post_arrives_once(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    report = run(apache_kafka, namespace, tmp_path, 20, [(signal.SIGKILL, True), (signal.SIGTERM, True)])
    report.check()
    assert report.feed_records >= report.sent


@pytest.mark.soak
@pytest.mark.kafka
def test_ten_deaths_in_two_minutes_lose_nothing_and_double_nothing(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED", time.time()))
    random.seed(seed)
    print(f"\nseed {seed}")
    strikes = [(random.choice([signal.SIGKILL, signal.SIGTERM]), turn % 3 == 0) for turn in range(10)]
    report = run(apache_kafka, namespace, tmp_path, 120, strikes)
    report.check()
