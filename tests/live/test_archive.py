"""A worker, its archiver and its exports together: what is in the feed is in the archive, in searches and in files."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.archives import archiver
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker

POSTS = 60
NAMESPACE = "archived"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archive")


@pytest.fixture(scope="module")
def worker(folder: Path) -> Iterator[Worker]:
    """Feeds `semua` of all posts and `genap` of every second one, and an archiver of both."""
    lines = [f"semua jalan {'genap' if number % 2 else ''} nomor {number}" for number in range(POSTS)]
    (folder / "posts.txt").write_text("".join(f"{line}\n" for line in lines))
    settings: dict[str, Any] = {
        "SOURCES": f"replay:{folder}/posts.txt?rate=0",
        "TOPICS": "semua,genap",
        "ARCHIVE": f"sqlite:///{folder}/posts.db",
    }
    with (
        EmbeddedBroker(folder) as broker,
        workers(1, broker.url, NAMESPACE, folder, **settings) as group,
        archiver(folder, broker.url, NAMESPACE),
    ):
        until(lambda: len(search(group[0], last=1000)) == POSTS, 30, "all posts in the archive")
        yield group[0]


def search(worker: Worker, **query: Any) -> list[dict[str, Any]]:
    answer = httpx.get(f"{worker.url}/search", params=query, timeout=20)
    found: list[dict[str, Any]] = answer.json().get("posts", [])
    return found


def numbers(posts: list[dict[str, Any]]) -> list[int]:
    return [int(post["id"].rpartition(":")[2]) for post in posts]


def test_a_search_finds_what_the_feed_has(worker: Worker) -> None:
    feed = httpx.get(f"{worker.url}/topics/genap/posts?last=1000").json()["posts"]
    found = search(worker, q="genap -tidak", topic="genap", last=1000)
    assert sorted(numbers(found)) == sorted(numbers(feed)) and len(found) == POSTS // 2
    by_id = {post["id"]: post for post in found}
    for post in feed:
        same = by_id[post["id"]]
        assert {**same, "position": post["position"]} == {**post, "topics": same["topics"]}
        assert sorted(same["topics"]) == ["genap", "semua"]
    assert httpx.get(f"{worker.url}/search?q=x&nonsense=1").status_code == 400
    stats = httpx.get(f"{worker.url}/topics/semua/stats?step=day").json()
    assert sum(sum(step["labels"].values()) for step in stats) == POSTS


@pytest.mark.parametrize("origin", ["worker", "archive"])
def test_an_export_has_every_post_once_with_all_its_topics(worker: Worker, folder: Path, origin: str) -> None:
    place = worker.url if origin == "worker" else f"sqlite:///{folder}/posts.db"
    out = folder / f"{origin}.jsonl"
    command = [sys.executable, "-m", "tweetream", "export", "genap,semua", "--from", place, "--out", str(out)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    posts = [json.loads(line) for line in out.read_text().splitlines()]
    assert len({post["id"] for post in posts}) == len(posts) == POSTS
    assert sum(len(post["topics"]) for post in posts) == POSTS + POSTS // 2
    assert [path.name for path in folder.iterdir() if path.name.startswith(f".{origin}")] == []


def add(worker: Worker, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tweetream", "topics", "add", *options, "--url", worker.url]
    return subprocess.run(command, capture_output=True, text=True, timeout=90)


def test_a_backfill_brings_the_stored_posts_that_match_with_their_times_and_labels(worker: Worker) -> None:
    done = add(worker, "nomor", "--backfill", "7d")
    assert (done.returncode, done.stderr) == (0, "") and f"nomor: {POSTS} stored posts since" in done.stdout
    feed = httpx.get(f"{worker.url}/topics/nomor/posts?last=1000").json()["posts"]
    origin = {post["id"]: post for post in httpx.get(f"{worker.url}/topics/semua/posts?last=1000").json()["posts"]}
    assert len(feed) == POSTS
    for post in feed:
        assert post == {**origin[post["id"]], "topic": "nomor", "position": post["position"]}
    assert [post["received_at"] for post in feed] == sorted(post["received_at"] for post in feed)
    until(lambda: worker.count("nomor") == POSTS, 20, "all are counted")
    until(lambda: len(search(worker, topic="nomor", last=1000)) == POSTS, 20, "the archive knows their new topic")


def test_a_backfill_that_finds_nothing_says_so_in_one_line_and_the_topic_goes_on(worker: Worker) -> None:
    done = add(worker, "kosong", "--track", "tidakada", "--backfill", "2h")
    assert (done.returncode, done.stdout) == (0, "kosong: tidakada\n")
    assert done.stderr.count("\n") == 1 and "track other words, or look further back" in done.stderr
    found = worker.topics()["kosong"]["backfill"]
    assert (found["state"], found["posts"]) == ("done", 0)


@pytest.mark.parametrize("wrong", ["soon", "5s", "99999d", ""])
def test_a_backfill_that_is_no_time_is_refused_with_what_to_write(worker: Worker, wrong: str) -> None:
    answer = httpx.post(f"{worker.url}/topics", json={"name": "salah", "backfill": wrong})
    assert answer.status_code == 400 and "such as 12h or 7d" in answer.json()["detail"]
    assert "salah" not in worker.topics()
