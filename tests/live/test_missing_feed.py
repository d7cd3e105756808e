"""One feed that Kafka cannot write holds no other feed, and gets what it lacks later."""

import asyncio
import json
import threading
import time
from pathlib import Path

import httpx
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


def test_a_feed_whose_kafka_topic_is_deleted_holds_no_other_and_is_made_again_with_a_gap(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    file = chaos.numbered_lines(tmp_path / "posts.txt", LINES)
    settings = {"SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": "nomor,jalan", "PARTITIONS": 2}
    with workers(2, apache_kafka.url, namespace, tmp_path, **settings) as group:
        gone, other = Reader(group[0], "nomor"), Reader(group[1], "jalan")
        gone.start()
        other.start()
        until(lambda: len(gone.seen) > 500 and len(other.seen) > 500, 60, "posts")
        feed = group[0].topics()["nomor"]["kafka_topic"]
        asyncio.run(delete_topics(apache_kafka.bootstrap, feed))
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
