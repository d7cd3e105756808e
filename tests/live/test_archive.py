"""A worker, its archiver and its exports together: what is in the feed is in the archive, in searches and in files."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker, dies_with_parent

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
    with EmbeddedBroker(folder) as broker, workers(1, broker.url, NAMESPACE, folder, **settings) as group:
        environment = {"TWEETREAM_BROKER": broker.url, "TWEETREAM_NAMESPACE": NAMESPACE}
        with archiver(folder, environment):
            until(lambda: len(search(group[0], last=1000)) == POSTS, 30, "all posts in the archive")
            yield group[0]


class archiver:  # noqa: N801 - used as a function
    """The process, within a block."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        command = [sys.executable, "-m", "tweetream", "archive", "--to", f"sqlite:///{folder}/posts.db"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}
        self._process = subprocess.Popen(
            command, env=clean | settings, cwd=folder, stdout=subprocess.DEVNULL, preexec_fn=dies_with_parent()
        )

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        assert self._process.wait(15) == 0


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


def test_a_feed_is_streamed_as_csv_json_lines_and_rss(worker: Worker) -> None:
    lines = httpx.get(f"{worker.url}/topics/semua/posts.jsonl")
    posts = [json.loads(line) for line in lines.text.splitlines()]
    assert sorted(numbers(posts)) == list(range(1, POSTS + 1)) or len({post["id"] for post in posts}) == POSTS
    table = httpx.get(f"{worker.url}/topics/semua/posts.csv")
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert table.headers["Content-Disposition"] == 'attachment; filename="semua.csv"'
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"), newline="")))
    assert [row["id"] for row in rows] == [post["id"] for post in posts]
    assert httpx.get(f"{worker.url}/topics/semua/posts.rss").text.count("<item>") == POSTS
    label = posts[0]["label"] or "unsure"
    some = httpx.get(f"{worker.url}/topics/semua/posts.jsonl", params={"label": label, "since": 0}).text.splitlines()
    assert some == [
        json.dumps(post, ensure_ascii=False, separators=(",", ":"))
        for post in posts
        if post["label"] == posts[0]["label"]
    ]
    assert httpx.get(f"{worker.url}/topics/semua/posts.csv?until=5").text.count("\n") == 1
    assert httpx.head(f"{worker.url}/topics/semua/posts.csv").headers["Content-Type"].startswith("text/csv")
    for path, status in (("semua/posts.csv?last=1", 400), ("nothing/posts.csv", 404), ("semua/posts.rss?label=x", 400)):
        assert httpx.get(f"{worker.url}/topics/{path}").status_code == status


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
