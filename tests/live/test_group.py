"""Several workers on Apache Kafka, and several deployments: who does what, how soon, and what is left alone."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from support.kafka.apache_kafka import KafkaAddress
from support.waiting import until
from support.workers import Worker, workers, write_lines

from tweetream.kafka import admin
from tweetream.kafka.connection import Connection

READY = 9.0  # seconds; the design says 3
POSTS = 9_000  # at more than 1,000 a second: fewer stay in one partition


def names(kafka: KafkaAddress, prefix: str) -> set[str]:
    found = asyncio.run(admin.names(Connection([kafka.bootstrap])))
    return {name for name in found if name.startswith(prefix)}


def feeds(worker: Worker) -> set[str]:
    return {topic["kafka_topic"] for topic in worker.topics().values()}


def act(worker: Worker, *, add: str = "", delete: str = "") -> None:
    if add:
        assert httpx.post(f"{worker.url}/topics", json={"name": add}, timeout=20).status_code == 201
    if delete:
        assert httpx.delete(f"{worker.url}/topics/{delete}", timeout=20).status_code == 204


def test_a_worker_is_ready_soon_after_its_start(apache_kafka: KafkaAddress, namespace: str, tmp_path: Path) -> None:
    worker = Worker(apache_kafka.url, namespace, tmp_path, TOPICS="cepat")
    for turn in ("for the first time", "again"):
        began = time.monotonic()
        worker.start()
        try:
            until(worker.is_ready, READY, f"ready {turn}", 0.02)
            took = time.monotonic() - began
            print(f"\nready {turn} after {took:.2f} s")
            until(lambda: "cepat" in worker.topics(), 30, "its topic")
            worker.stop()
        finally:
            worker.kill()


def test_work_spreads_over_the_workers_and_each_serves_all(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "posts.txt", [f"ramai {number}" for number in range(POSTS)])
    settings = {"SOURCES": f"replay:{file}?rate=3000", "TOPICS": "ramai", "PARTITIONS": 6}
    with workers(3, apache_kafka.url, namespace, tmp_path, **settings) as group:
        until(lambda: all("ramai" in worker.topics() for worker in group), 60, "the topic on all")
        for number, worker in enumerate(group):
            act(worker, add=f"dari-{number}")
        wanted = {"ramai", "dari-0", "dari-1", "dari-2"}
        until(lambda: all(set(worker.topics()) == wanted for worker in group), 30, "topics in step")
        act(group[0], delete="dari-2")
        until(lambda: all(worker.get("/feeds/dari-2") == 204 for worker in group), 30, "deleted on all")
        until(lambda: all(worker.count("ramai") == POSTS for worker in group), 60, "all counted, on all")
        assert [worker.metric("tweetream_posts_read_total") > 0 for worker in group].count(True) == 1, "one streams"
        matched = [worker.metric("tweetream_posts_matched_total") for worker in group]
        assert sum(matched) == POSTS and min(matched) > POSTS / 10, matched
        pages = [httpx.get(f"{worker.url}/topics/ramai/posts?last=1000").json()["posts"] for worker in group]
        assert len(pages[0]) == 1000 and pages[0] == pages[1] == pages[2]
        until(lambda: sum(worker.metric("tweetream_consumer_lag") for worker in group) == 0, 30, "no lag is left")


def test_the_lag_is_what_the_group_has_not_committed(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "posts.txt", [f"sibuk {number}" for number in range(20_000)])
    settings = {"SOURCES": f"replay:{file}?rate=5000", "TOPICS": "sibuk"}
    with workers(1, apache_kafka.url, namespace, tmp_path, **settings) as (worker,):
        topic = f"{namespace}-posts"
        until(lambda: worker.metric("tweetream_consumer_lag", topic=topic) > 0, 30, "commits come behind", 0.02)
        until(lambda: worker.count("sibuk") == 20_000, 60, "all counted")
        until(lambda: worker.metric("tweetream_consumer_lag") == 0, 30, "all committed")
        assert 5 < worker.metric("tweetream_tasks") < 500


@pytest.mark.parametrize("suffix", ["-feed", pytest.param("-feed-x", marks=pytest.mark.soak)])
def test_deployments_whose_names_begin_alike_delete_nothing_of_each_other(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path, suffix: str
) -> None:
    settings = {"SWEEP_INTERVAL": "300ms", "TOMBSTONE_TTL": "1s", "TOPICS": "x,hapus"}
    other = namespace + suffix
    with (
        workers(1, apache_kafka.url, namespace, tmp_path, **settings) as (first,),
        workers(1, apache_kafka.url, other, tmp_path, **settings) as (second,),
    ):
        until(lambda: len(first.topics()) == 2 and len(second.topics()) == 2, 60, "their topics")
        before = names(apache_kafka, namespace)
        gone = {worker.topics()["hapus"]["kafka_topic"] for worker in (first, second)}
        for worker in (first, second):
            act(worker, delete="hapus")
        until(lambda: not gone & names(apache_kafka, namespace), 60, "both swept")
        assert names(apache_kafka, namespace) == before - gone
        until(lambda: first.get("/feeds/hapus") == second.get("/feeds/hapus") == 404, 60, "forgotten")
        assert names(apache_kafka, namespace) == before - gone


def test_a_deployment_whose_table_was_emptied_deletes_nothing(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    settings = {"SWEEP_INTERVAL": "300ms", "TOMBSTONE_TTL": "1s"}
    changelog = f"{namespace}-topics-changelog"
    with (
        workers(1, apache_kafka.url, namespace, tmp_path, **settings) as (worker,),
        workers(1, apache_kafka.url, f"{namespace}-feed", tmp_path, TOPICS="x", **settings) as (neighbour,),
    ):
        for name in ("satu", "dua"):
            act(worker, add=name)
        until(lambda: "x" in neighbour.topics(), 30, "the neighbour's topic")
        before = names(apache_kafka, namespace)
        assert feeds(worker) | feeds(neighbour) <= before
        worker.stop()
        asyncio.run(admin.delete(Connection([apache_kafka.bootstrap]), [changelog]))
        until(lambda: changelog not in names(apache_kafka, namespace), 30, "the changelog is gone")
        worker.start().wait_ready()
        assert worker.topics() == {}
        act(worker, add="tiga")
        new = feeds(worker)
        act(worker, delete="tiga")
        until(lambda: not new & names(apache_kafka, namespace), 60, "what is its own goes")
        assert names(apache_kafka, namespace) == before
        assert set(neighbour.topics()) == {"x"}
