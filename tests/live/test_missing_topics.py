"""Kafka topics that every worker needs are deleted under a running worker."""

import asyncio
import time
from pathlib import Path

import httpx
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.plain_clients import delete_topics
from support.waiting import until
from support.workers import workers


def test_posts_commands_and_a_changelog_that_are_deleted_make_a_worker_unready_and_are_made_again(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    file = chaos.numbered_lines(tmp_path / "posts.txt", 100_000)
    settings = {"SOURCES": f"replay:{file}?rate=200", "TOPICS": chaos.TOPIC, "PARTITIONS": 2}
    with workers(1, apache_kafka.url, namespace, tmp_path, **settings) as (worker,):
        for name in ("satu", "dua"):
            assert httpx.post(f"{worker.url}/topics", json={"name": name}, timeout=20).status_code == 201
        until(lambda: worker.count(chaos.TOPIC) > 500, 60, "posts")
        names = [f"{namespace}-{name}" for name in ("posts", "commands", "topics-changelog")]
        asyncio.run(delete_topics(apache_kafka.bootstrap, *names))
        until(lambda: worker.get("/readyz") == 503, 20, "unready")
        deleted = time.monotonic()
        said = set()

        def ready() -> bool:
            answer = httpx.get(f"{worker.url}/readyz", timeout=5)
            said.add(answer.text)
            return answer.status_code == 200 and f"{namespace}-posts" in "".join(said)

        until(ready, 60, f"ready again; {worker.tail()}")
        print("ready after", time.monotonic() - deleted, said)
        before = worker.count(chaos.TOPIC)
        until(lambda: worker.count(chaos.TOPIC) > before + 400, 20, f"posts flow; {worker.tail()}")
        added = httpx.post(f"{worker.url}/topics", json={"name": "tiga"}, timeout=20)
        assert added.status_code == 201, "commands are applied, whatever their offsets were before"
        assert set(worker.topics()) == {chaos.TOPIC, "satu", "dua", "tiga"}
        worker.stop()
        worker.start().wait_ready()
        assert set(worker.topics()) == {chaos.TOPIC, "satu", "dua", "tiga"}, "the changelog was written again"
        said_in_log = worker.log.read_text(errors="replace")
        assert "not ready: Kafka topics are gone: " in said_in_log and "made again: " in said_in_log
        assert len(said_in_log.splitlines()) < 500
