"""Kafka topics are deleted under running workers, on a broker that creates what is asked for, as brokers do by default.

One feed that Kafka does not have holds no other feed, and is made again with a gap. Topics that every worker needs make
it unready, and are made again.
"""

import asyncio
import json
import threading
import time
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.plain_clients import delete_topics
from support.waiting import until
from support.workers import Worker, workers

LINES = 5_000
RATE = 200


class Reader(threading.Thread):
    """A client of one feed that resumes; it keeps the numbers of the posts, and the gaps."""

    def __init__(self, worker: Worker, topic: str) -> None:
        super().__init__(daemon=True)
        self.seen: list[int] = []
        self.gaps: list[dict[str, str]] = []
        self.odd: list[str] = []
        self._worker, self._topic, self._last_id = worker, topic, ""
        self.ended = False

    def run(self) -> None:
        while not self.ended:
            try:
                self._follow()
            except httpx.HTTPError:
                time.sleep(0.2)

    def _follow(self) -> None:
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        url = f"{self._worker.url}/feeds/{self._topic}"
        with (
            httpx.Client(timeout=httpx.Timeout(5, read=20)) as client,
            connect_sse(client, "GET", url, headers=headers, params={"since": "0"}) as source,
        ):
            if source.response.status_code != 200:
                time.sleep(0.3)
                return
            for event in source.iter_sse():
                self._last_id = event.id or self._last_id
                match event.event:
                    case "message":
                        self.seen.append(chaos.number_of(event.data))
                    case "gap":
                        self.gaps.append(json.loads(event.data))
                    case "position":
                        pass
                    case other:
                        self.odd.append(f"{other} {event.data}")
                if self.ended:
                    return


@pytest.mark.kafka
def test_a_feed_whose_kafka_topic_is_deleted_holds_no_other_and_is_made_again_with_a_gap(
    creating_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    file = chaos.numbered_lines(tmp_path / "posts.txt", LINES)
    settings = {"SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": "nomor,jalan", "PARTITIONS": 2}
    with workers(2, creating_kafka.url, namespace, tmp_path, **settings) as group:
        gone, other = Reader(group[0], "nomor"), Reader(group[1], "jalan")
        gone.start()
        other.start()
        until(lambda: len(gone.seen) > 500 and len(other.seen) > 500, 60, "posts")
        feed = group[0].topics()["nomor"]["kafka_topic"]
        asyncio.run(delete_topics(creating_kafka.bootstrap, feed))
        began, longest = time.monotonic(), 0.0
        while not (gone.gaps and len(gone.seen) > 2_000) and time.monotonic() < began + 60:
            before, at = len(other.seen), time.monotonic()
            until(lambda before=before: len(other.seen) > before, 20, "the other feed goes on", 0.05)
            longest = max(longest, time.monotonic() - at)
            time.sleep(0.05)
        print("longest", longest, "back after", time.monotonic() - began)
        until(lambda: LINES in gone.seen[-500:] and LINES in other.seen[-500:], 90, "the last post", 0.5)
        gone.ended = other.ended = True
        print({"gaps": gone.gaps, "odd": gone.odd, "seen": len(gone.seen), "other": len(other.seen)})
        assert longest < 8, "others go on within seconds"
        assert sorted(other.seen) == list(range(1, LINES + 1)) and not other.gaps
        assert sorted(gone.seen) == sorted(set(gone.seen)), "none is doubled"
        assert len(gone.gaps) == 1 and gone.gaps[0]["topic"] == "nomor"
        missing = sorted(set(range(1, LINES + 1)) - set(gone.seen))
        print("missing", missing[:3], missing[-3:], len(missing))
        assert len(missing) <= RATE, "only what the client had not read when the log was deleted"
        assert not gone.odd
        assert group[0].topics()["nomor"]["kafka_topic"] == feed
        for worker in group:
            lines = worker.log.read_text().splitlines()
            print(len(lines), [line for line in lines if feed in line or "WARN" in line or "ERROR" in line][:40])
            assert len(lines) < 300


@pytest.mark.kafka
def test_posts_commands_and_a_changelog_that_are_deleted_make_a_worker_unready_and_are_made_again(
    creating_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    file = chaos.numbered_lines(tmp_path / "posts.txt", 100_000)
    settings = {"SOURCES": f"replay:{file}?rate=200", "TOPICS": chaos.TOPIC, "PARTITIONS": 2}
    with workers(1, creating_kafka.url, namespace, tmp_path, **settings) as (worker,):
        client = chaos.Client([worker])
        client.start()
        for name in ("satu", "dua"):
            assert httpx.post(f"{worker.url}/topics", json={"name": name}, timeout=20).status_code == 201
        until(lambda: worker.count(chaos.TOPIC) > 500, 60, "posts")
        names = [f"{namespace}-{name}" for name in ("posts", "commands", "topics-changelog")]
        asyncio.run(delete_topics(creating_kafka.bootstrap, *names))
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
        client.end()
        client.join(20)
        assert sorted(client.seen) == list(range(1, max(client.seen) + 1)), (
            "none was in posts alone, and none is doubled"
        )
        assert len(client.seen) > before and not client.gaps


@pytest.mark.soak
@pytest.mark.kafka
def test_where_tagged_is_deleted_the_clients_of_each_feed_get_a_gap(
    creating_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    lines = 4_000
    file = chaos.numbered_lines(tmp_path / "posts.txt", lines)
    settings = {"SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": "nomor,jalan", "PARTITIONS": 2}
    with workers(1, creating_kafka.url, namespace, tmp_path, **settings) as (worker,):
        readers = [Reader(worker, topic) for topic in ("nomor", "jalan")]
        for reader in readers:
            reader.start()
        until(lambda: all(len(reader.seen) > 500 for reader in readers), 60, "posts")
        asyncio.run(delete_topics(creating_kafka.bootstrap, f"{namespace}-tagged"))
        until(
            lambda: all(lines in reader.seen[-500:] for reader in readers), 60, f"the last post; {worker.tail()}", 0.2
        )
        for reader in readers:
            reader.ended = True
            assert len(reader.gaps) == 1 and not reader.odd
            assert len(reader.seen) == len(set(reader.seen)), "none is doubled"
            assert len(reader.seen) >= lines - RATE, "only what was in transit is missing"
        pages = httpx.get(f"{worker.url}/topics/nomor/posts?last=1000", timeout=20).json()
        assert [chaos.number_of(json.dumps(post)) for post in pages["posts"]] == readers[0].seen[-1000:]
        page = httpx.get(f"{worker.url}/topics/nomor/posts.jsonl", timeout=20).text.splitlines()
        assert len(page) == len(readers[0].seen)
