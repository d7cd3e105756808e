"""A topic that is added with a backfill: its feed has the stored posts first, then the live ones, each once."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.archives import archiver, batch, store
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.deployment import entry
from support.kafka.plain_clients import feed_records
from support.waiting import until
from support.workers import Worker, workers

from tweetream.models.backfill import ARCHIVED
from tweetream.models.feed import Stamp, rfc3339

pytestmark = pytest.mark.kafka
RATE = 100
STORED = 20_000  # posts that no worker has read
LIVE = 1_000_000  # from this number on


@contextlib.contextmanager
def deployment(
    kafka: KafkaAddress, namespace: str, folder: Path, count: int = 1, stored: int = STORED
) -> Iterator[list[Worker]]:
    """Workers that read numbered posts into `semua`, and an archiver of it, whose archive has older posts too."""
    now = time.time_ns() // 1_000_000
    old = [entry(n, "semua", f"nomor {n} semua") for n in range(1, stored + 1)]
    for post in old:
        post.created_at = post.received_at = rfc3339(now - 600_000 + int(post.id.rpartition(":")[2]))
    written = store(f"sqlite:///{folder}/posts.db", namespace)
    written.open()
    written.write(batch(old, stored, "semua"))
    written.close()
    file = folder / "numbers.txt"
    file.write_text("".join(f"nomor {LIVE + n} semua\n" for n in range(60_000)))
    settings: dict[str, Any] = {
        "SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": "semua", "ARCHIVE": f"sqlite:///{folder}/posts.db",
    }  # fmt: skip
    with workers(count, kafka.url, namespace, folder, **settings) as group, archiver(folder, kafka.url, namespace):
        until(lambda: group[0].count("semua") > RATE, 60, f"posts come; {group[0].tail()}")
        yield group


def add(worker: Worker, **body: Any) -> dict[str, Any]:
    answer = httpx.post(f"{worker.url}/topics", json={"name": "nomor", "backfill": "1h"} | body, timeout=20)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def state(worker: Worker) -> str:
    found: str = worker.topics().get("nomor", {}).get("backfill", {}).get("state", "")
    return found


def newest(kafka: KafkaAddress, kafka_topic: str) -> int:
    return max(record.number for record in asyncio.run(chaos.read_feed(kafka.bootstrap, kafka_topic)))


def check(kafka: KafkaAddress, group: list[Worker], kafka_topic: str, old: int = STORED) -> None:
    """By a reader of our own rule, each post once: all stored ones first, then the live ones without a hole."""
    ended = newest(kafka, kafka_topic)
    until(lambda: newest(kafka, kafka_topic) > ended + 3 * RATE, 60, f"live posts come; {group[0].tail()}")
    records = asyncio.run(feed_records(kafka.bootstrap, kafka_topic))
    stamps = [Stamp.unpack(dict(record.headers)["origin"]) for record in records]
    highest: dict[int, Stamp] = {}
    kept, stored = [], 0
    for record, stamp in zip(records, stamps, strict=True):
        if stamp > highest.get(stamp.partition, Stamp(0, -1, 0, 0)):
            highest[stamp.partition] = stamp
            kept.append(chaos.seen(record).number)
            stored += stamp.partition == ARCHIVED
    live = [number for number in kept if number >= LIVE]
    assert kept[:old] == list(range(1, old + 1)), "those from before, in their order"
    assert len(set(kept)) == len(kept), "each once"
    assert stored > old, "also some that came while all ran"
    assert sorted(live)[: len(live) - RATE] == list(range(LIVE, LIVE + len(live) - RATE)), "none is missing"
    first_live = next(nth for nth, stamp in enumerate(stamps) if stamp.partition != ARCHIVED)
    assert all(stamp.partition != ARCHIVED for stamp in stamps[first_live:]), "stored ones come first"
    pages = httpx.get(f"{group[0].url}/topics/nomor/posts.jsonl", timeout=60).text.splitlines()
    assert len(pages) >= len(kept) - RATE and len(set(pages)) == len(pages)


def test_stored_posts_come_first_and_no_post_is_lost_or_doubled_between_them_and_live_ones(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    with deployment(apache_kafka, namespace, tmp_path) as group:
        command = [
            sys.executable,
            "-m",
            "tweetream",
            "topics",
            "add",
            "nomor",
            "--backfill",
            "1h",
            "--url",
            group[0].url,
        ]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=90)
        print(f"{done.stdout} {time.monotonic() - began:.1f} s")
        assert done.returncode == 0 and "stored posts since" in done.stdout, done.stderr
        topic = group[0].topics()["nomor"]
        assert topic["backfill"]["state"] == "done" and topic["backfill"]["posts"] > STORED
        check(apache_kafka, group, topic["kafka_topic"])
        oldest = httpx.get(f"{group[0].url}/topics/nomor/posts?after=nomor@0:00&last=1").json()["posts"][0]
        assert oldest["text"] == "nomor 1 semua" and oldest["received_at"] < topic["created_at"]
        assert httpx.post(f"{group[0].url}/topics", json={"name": "nomor", "backfill": "1h"}).status_code == 200
        again = httpx.post(f"{group[0].url}/topics", json={"name": "nomor", "backfill": "2h"})
        assert again.status_code == 409 and "delete it first" in again.text
        until(lambda: group[0].count("nomor") >= topic["backfill"]["posts"] + RATE, 20, "all are counted")


def filling(group: list[Worker]) -> Worker | None:
    """The worker that writes stored posts."""
    return next((one for one in group if one.metric("tweetream_posts_fed_total", topic="nomor") > 0), None)


def kill_while_filling(
    kafka: KafkaAddress, namespace: str, folder: Path, count: int, kills: int, stored: int = STORED
) -> None:
    with deployment(kafka, namespace, folder, count, stored) as group:
        topic = add(group[-1])
        while_running = 0
        for _ in range(kills):
            victim = until(lambda: filling(group), 60, f"it fills; {group[0].tail()}", 0.02)
            while_running += state(victim) == "running"
            victim.signal(signal.SIGKILL)
            assert victim.process is not None
            victim.process.wait(15)
            victim.start().wait_ready()
        assert while_running == kills
        until(lambda: state(group[0]) == "done", 90, f"all stored posts are in; {group[0].tail()}")
        check(kafka, group, topic["kafka_topic"], stored)


def test_a_worker_that_is_killed_while_it_fills_loses_and_doubles_nothing(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    kill_while_filling(apache_kafka, namespace, tmp_path, 1, 1)


@pytest.mark.soak
def test_five_kills_of_three_workers_while_they_fill_lose_and_double_nothing(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    kill_while_filling(apache_kafka, namespace, tmp_path, 3, 5, 300_000)
