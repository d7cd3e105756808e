"""The streaming moves soon, whatever ends the worker that streams. Deadlines are three times the design's figures."""

import asyncio
import signal
import time
from pathlib import Path

import pytest
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.waiting import until
from support.workers import Worker, workers

RATE = 500
SESSION = 3.0
KILLED = 3 * (SESSION + 2)
ENDED = 3 * 3.0


def settings(folder: Path, lines: int) -> dict[str, str]:
    file = chaos.numbered_lines(folder / "numbers.txt", lines)
    return {"SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": chaos.TOPIC}


def streaming(group: list[Worker]) -> Worker:
    worker: Worker = until(lambda: chaos.streaming(group), 30, "somebody streams")
    return worker


@pytest.mark.kafka
@pytest.mark.parametrize(("kind", "soon"), [(signal.SIGKILL, KILLED), (signal.SIGTERM, ENDED)])
def test_another_worker_streams_soon_after_the_one_that_did_has_ended(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path, kind: signal.Signals, soon: float
) -> None:
    with workers(3, apache_kafka.url, namespace, tmp_path, **settings(tmp_path, 100_000)) as group:
        client = chaos.Client(group)
        client.start()
        victim = streaming(group)
        time.sleep(2)
        signalled_at = time.time()
        victim.signal(kind)
        others = [worker for worker in group if worker is not victim]
        streaming(others)
        until(lambda: others[0].topics(), 30, "topics")
        time.sleep(2)
        client.end()
        feed = others[0].topics()[chaos.TOPIC]["kafka_topic"]
        records = asyncio.run(chaos.read_feed(apache_kafka.bootstrap, feed))
    moved = chaos.moved_after(records, signalled_at)
    print(f"\nstreaming moved {moved:.1f} s after {kind.name}")
    assert moved < soon
    assert len(client.seen) == len(set(client.seen)), "whoever streams, no client sees a post twice"


@pytest.mark.soak
@pytest.mark.kafka
def test_a_worker_that_was_frozen_while_it_streamed_does_no_harm_when_it_wakes(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    lines = 35 * RATE
    with workers(3, apache_kafka.url, namespace, tmp_path, **settings(tmp_path, lines)) as group:
        client = chaos.Client(group)
        client.start()
        time.sleep(2)
        victim = streaming(group)
        victim.signal(signal.SIGSTOP)
        try:
            streaming([worker for worker in group if worker is not victim])
            time.sleep(20)
        finally:
            victim.signal(signal.SIGCONT)
        report = chaos.finish(apache_kafka.bootstrap, group, client, lines, ["SIGSTOP streaming"])
    print(f"\n{report.table()}\n")
    report.check()
