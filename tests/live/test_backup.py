"""Backup and restore, by the commands and the steps of docs/operations.md, on Apache Kafka with real workers."""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse
from support.faults import chaos
from support.kafka.apache_kafka import ApacheKafka
from support.paths import DOCS
from support.waiting import until
from support.workers import Worker, workers

pytestmark = [pytest.mark.soak, pytest.mark.kafka]
TOKEN = "sesame-open"


def commands() -> tuple[str, str]:
    """The shell lines that save the topics, and those that restore them."""
    section = (DOCS / "operations.md").read_text().partition("## Backup")[2].partition("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    save, _, restore = block.strip().partition("\n")
    assert "> topics.json" in save and "POST" in restore
    return save, restore


def run(script: str, folder: Path, worker: Worker) -> None:
    """The lines in a shell, for this worker in the place of the example's."""
    script = script.replace("http://worker:6066", worker.url)
    environment = {"PATH": os.environ["PATH"], "TWEETREAM_API_TOKEN": TOKEN}
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, check=True)


def numbers(kafka: ApacheKafka, worker: Worker) -> list[int]:
    topic = until(worker.topics, 30, "topics")[chaos.TOPIC]["kafka_topic"]
    return [record.number for record in asyncio.run(chaos.read_feed(kafka.bootstrap, topic))]


def test_topics_that_were_saved_are_restored_with_their_words(tmp_path: Path) -> None:
    save, restore = commands()
    words = {"dki": ["dki jakarta", "jkt"], "hujan": ["hujan"], "macet": ["macet & tol", "macet*"]}
    with ApacheKafka() as kafka:
        with workers(1, kafka.url, "before", tmp_path, API_TOKEN=TOKEN) as [worker]:
            for name, track in words.items():
                made = httpx.post(f"{worker.url}/topics", json={"name": name, "track": track}, headers=worker.auth)
                assert made.status_code == 201
            run(save, tmp_path, worker)
        with workers(1, kafka.url, "after", tmp_path, API_TOKEN=TOKEN) as [worker]:
            run(restore, tmp_path, worker)
            assert {name: topic["track"] for name, topic in worker.topics().items()} == words


def test_log_folders_that_were_copied_bring_everything_back(tmp_path: Path) -> None:
    posts = chaos.numbered_lines(tmp_path / "posts.txt", 200_000)
    settings = {"SOURCES": f"replay:{posts}?rate=100", "TOPICS": chaos.TOPIC, "PARTITIONS": 2}
    with ApacheKafka(3) as kafka:
        with workers(2, kafka.url, "backup", tmp_path, **settings) as group:
            until(lambda: group[0].count(chaos.TOPIC) > 1000, 60, "posts are there")
            for worker in group:
                worker.stop()
        stop_all(kafka)
        shutil.copytree(kafka.folder, tmp_path / "copy")
        kafka.restart(0, 1, 2)
        with workers(2, kafka.url, "backup", tmp_path, **settings) as group:
            copied = max(numbers(kafka, group[0]))
            until(lambda: max(numbers(kafka, group[0])) > copied + 1000, 60, "more posts come after the copy")
            position = last_position(group[0])
            for worker in group:
                worker.stop()
        stop_all(kafka)
        for i in range(3):
            shutil.rmtree(kafka.folder / f"data-{i}")
            shutil.copytree(tmp_path / "copy" / f"data-{i}", kafka.folder / f"data-{i}")
        kafka.restart(0, 1, 2)
        with workers(2, kafka.url, "backup", tmp_path, **settings) as group:
            assert "gap" in first_events(group[0], position), "a client is told that its position is newer"
            until(lambda: max(numbers(kafka, group[0])) > copied + 500, 60, "posts go on from the older position")
            found = numbers(kafka, group[0])
            assert sorted(set(found)) == list(range(1, max(found) + 1)), "none is missing"
            until(lambda: group[0].count(chaos.TOPIC) >= copied, 15, "the counts are those of the copy, and go on")


def stop_all(kafka: ApacheKafka) -> None:
    for i in range(kafka.count):
        kafka.stop(i)


def last_position(worker: Worker) -> str:
    page = httpx.get(f"{worker.url}/topics/{chaos.TOPIC}/posts", params={"last": 1}).json()
    return str(page["posts"][-1]["position"])


def first_events(worker: Worker, position: str) -> list[str]:
    """The names of a stream's events until its first post."""
    names: list[str] = []
    with (
        httpx.Client(timeout=30) as client,
        connect_sse(client, "GET", f"{worker.url}/feeds/{chaos.TOPIC}", headers={"Last-Event-ID": position}) as source,
    ):
        for event in source.iter_sse():
            names.append(event.event)
            if event.event == "message":
                break
    return names
