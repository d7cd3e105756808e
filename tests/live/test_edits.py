"""The words of a topic change while posts come: through any worker, from that moment on, and the feed stays."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from httpx_sse import connect_sse
from support.kafka.apache_kafka import KafkaAddress
from support.sse import events_of
from support.waiting import until
from support.workers import Worker, workers, write_lines

TOKEN = "a-token-of-the-tests"
AFTER = 40  # posts of each kind that come after the edit


def posts(worker: Worker, name: str, passes: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    found = httpx.get(f"{worker.url}/topics/{name}/posts?last=1000", timeout=20).json()["posts"]
    return [post for post in found if passes(post)]


def edited(worker: Worker, name: str, term: str) -> httpx.Response:
    url = f"{worker.url}/topics/{name}"
    return httpx.patch(url, json={"track": [term]}, headers=worker.auth, timeout=20)


def test_an_edit_through_any_worker_counts_from_now_on_and_keeps_the_feed(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    lines = [f"{word} {number}" for number in range(500) for word in ("lama", "baru")]
    file = write_lines(tmp_path / "posts.txt", lines)
    settings = {"SOURCES": f"replay:{file}?rate=60", "TOPICS": "lama,semua", "API_TOKEN": TOKEN}
    with workers(2, apache_kafka.url, namespace, tmp_path, **settings) as group:
        until(lambda: all("semua" in worker.topics() for worker in group), 60, "the topics")
        other = group[0] if group[1].streams() else group[1]
        assert edited(other, "semua", "*").json()["track"] == ["*"]
        before = other.topics()["lama"]
        with (
            httpx.Client(timeout=20) as client,
            connect_sse(client, "GET", f"{group[0].url}/feeds/lama?last=1") as stream,
        ):
            events = (event for event in events_of(stream) if event.event == "message")
            assert "lama" in json.loads(next(events).data)["text"]
            answer = edited(other, "lama", "Baru")
            edited_at = time.time()
            assert answer.status_code == 200
            assert other.topics()["lama"]["track"] == ["baru"], "the worker that answers knows it at once"
            assert "baru" in next(text for event in events if "baru" in (text := json.loads(event.data)["text"]))
        assert answer.json() == {**before, "track": ["baru"], "posts": answer.json()["posts"]}

        def later(post: dict[str, Any]) -> bool:
            return datetime.fromisoformat(post["received_at"]).timestamp() > edited_at

        until(lambda: len(posts(other, "lama", later)) >= AFTER, 60, "posts after the edit")
        every = [post["id"] for post in posts(other, "semua", later) if "baru" in post["text"]]
        fed = posts(other, "lama", later)
        assert [post["id"] for post in fed[:AFTER]] == every[:AFTER], "no post with the new words is missing"
        assert all("baru" in post["text"] for post in fed), "and none with the old words comes"
        changes = httpx.get(f"{group[0].url}/changes", headers=other.auth, timeout=20).json()
        assert [(change["what"], change["by"]) for change in changes if change["topic"] == "lama"] == [
            ("add", "settings"),
            ("edit", "token"),
        ]
