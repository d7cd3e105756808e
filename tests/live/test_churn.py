"""A topic added and deleted again and again on a broker that creates what is asked for: none comes back to life."""

import asyncio
import threading
import time
from pathlib import Path

import httpx
import pytest
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka import admin
from tweetream.kafka.connection import Connection

RATE = 500
CHURNED = "jalan"  # also in every line that chaos writes


class Follower(threading.Thread):
    """Streams the churned topic for as long as it is there, as a page would that is left open."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(daemon=True)
        self.events = 0
        self._url = f"{worker.url}/feeds/{CHURNED}"

    def run(self) -> None:
        with httpx.stream("GET", self._url, timeout=httpx.Timeout(5, read=60)) as answer:
            for line in answer.iter_lines():
                self.events += line.startswith("data:")


def churn(group: list[Worker], times: int) -> int:
    """Add and delete; how many posts the followers saw."""
    followers: list[Follower] = []
    for turn in range(times):
        worker, other = group[turn % len(group)], group[(turn + 1) % len(group)]
        added = httpx.post(f"{worker.url}/topics", json={"name": CHURNED}, timeout=30)
        assert added.status_code == 201, added.text
        followers.append(Follower(worker))
        followers[-1].start()
        until(lambda other=other: other.get(f"/topics/{CHURNED}") == 200, 30, "the topic on the other worker", 0.02)
        time.sleep(0.05 * (turn % 4))
        assert httpx.delete(f"{worker.url}/topics/{CHURNED}", timeout=30).status_code == 204
        until(lambda other=other: other.get(f"/topics/{CHURNED}") == 404, 30, "gone from the other worker", 0.02)
    for follower in followers:
        follower.join(30)
        assert not follower.is_alive(), "its stream ended when the topic did"
    return sum(follower.events for follower in followers)


def run(kafka: KafkaAddress, namespace: str, folder: Path, times: int, seconds: int, wait: float) -> None:
    file = chaos.numbered_lines(folder / "numbers.txt", RATE * seconds)
    settings = {"SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": chaos.TOPIC, "SWEEP_INTERVAL": "1s"}

    def ghosts() -> list[str]:
        found = asyncio.run(admin.names(Connection([kafka.bootstrap])))
        return [name for name in found if name.startswith(f"{namespace}-feed-{CHURNED}-")]

    with workers(2, kafka.url, namespace, folder, **settings) as group:
        client = chaos.Client(group)
        client.start()
        until(lambda: len(client.seen) > RATE, 60, "posts flow")
        began, said = time.monotonic(), [len(worker.log.read_text()) for worker in group]
        seen = churn(group, times)
        print(f"\n{times} times in {time.monotonic() - began:.1f} s, {seen} posts seen by its clients")
        until(lambda: not ghosts(), 60, "the sweep has deleted them")
        time.sleep(wait)  # a ghost comes back within seconds
        assert ghosts() == []
        report = chaos.finish(kafka.bootstrap, group, client, RATE * seconds, [])
        report.check()
        assert report.redelivered == 0 and client.streams == 1, "the other feed noticed nothing"
        for worker, before in zip(group, said, strict=True):
            lines = worker.log.read_text()[before:].splitlines()
            assert [line for line in lines if "[ERROR]" in line or "Traceback" in line] == []


@pytest.mark.kafka
def test_a_topic_added_and_deleted_ten_times_leaves_no_ghost(
    creating_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    run(creating_kafka, namespace, tmp_path, 10, seconds=20, wait=8)


@pytest.mark.soak
@pytest.mark.kafka
def test_a_topic_added_and_deleted_200_times_leaves_no_ghost(
    creating_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    run(creating_kafka, namespace, tmp_path, 200, seconds=180, wait=30)
