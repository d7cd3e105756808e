"""Where a stream begins, what it goes on with after a cut, and what it says when that is not there (any more)."""

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest
from support.kafka.apache_kafka import KafkaAddress
from support.raw_streams import Event, Stream, events
from support.records import delete_before
from support.shared_worker import POSTS
from support.waiting import until
from support.workers import Worker, workers

BOTH = POSTS + POSTS // 2 + 1
MALFORMED = [
    "last=-1", "last=1001", "last=x", "last=", "since=yesterday", "since=", "since=-1", "last_event_id=nonsense",
    "last_event_id=semua@1:99999999999999999999", "last_event_id=semua@1:9223372036854775808",
    "last_event_id=semua@1:-1",
]  # fmt: skip


def ids(found: list[Event]) -> list[str]:
    return [json.loads(event.data)["id"] for event in found]


def by_topic(found: list[Event]) -> dict[str, list[str]]:
    posts = [json.loads(event.data) for event in found]
    return {name: [post["id"] for post in posts if post["topic"] == name] for name in ("semua", "genap")}


@pytest.mark.parametrize(
    ("names", "begin", "total"),
    [
        ("semua", "since=0", POSTS),
        ("semua,genap", "since=0", BOTH),
        ("genap,sepi,semua", "since=0", BOTH),
        ("semua,genap", "last=20", 40),
    ],
)
def test_cut_at_any_event_and_resumed_nothing_is_missing_or_doubled(
    worker: Worker, names: str, begin: str, total: int
) -> None:
    """Statement 3. Every event has an opaque id for all its topics; cut at any event and resume: nothing is missing."""
    whole = events(worker, f"/feeds/{names}?{begin}", total)
    wanted = by_topic(whole)
    assert sum(len(set(found)) for found in wanted.values()) == total
    for cut in range(total):
        with Stream(worker, f"/feeds/{names}", Last_Event_ID=whole[cut].id) as stream:
            rest = stream.take(total - 1 - cut)
            if cut % 10 == 0 or cut == total - 1:  # nor does anything come twice when all has come
                with pytest.raises(TimeoutError):
                    stream.read(lambda: False, 0.05)
                assert len(stream.events) == len(rest)
        assert by_topic(whole[: cut + 1] + rest) == wanted, f"cut at {whole[cut].id}"


def test_header_query_since_and_last_begin_a_stream_and_what_is_malformed_is_400(worker: Worker) -> None:
    """Statement 5. Last-Event-ID, last_event_id, since (ISO 8601 or ms), last; the header beats the query; else 400."""
    whole = events(worker, "/feeds/semua?since=0", POSTS)
    every = ids(whole)
    query = f"/feeds/semua?last_event_id={whole[10].id}&last=3&since=0"
    assert ids(events(worker, query, 1)) == every[11:12]
    assert ids(events(worker, query, 1, whole[20].id)) == every[21:22], "the header beats the query"
    assert ids(events(worker, "/feeds/semua?last=5", 5)) == every[-5:]
    for since in ("0", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00+07:00", "2020-01-01"):
        assert ids(events(worker, f"/feeds/semua?last=3&since={since}", 1)) == every[:1], "since beats last"
    for wrong in MALFORMED:
        answer = httpx.get(f"{worker.url}/feeds/semua?{wrong}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json"), wrong
        assert answer.json()["status"] == 400 and answer.json()["detail"]
    assert httpx.get(f"{worker.url}/feeds/semua", headers={"Last-Event-ID": "nonsense"}).status_code == 400


def test_an_id_that_retention_has_passed_gets_a_gap_event(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    """Statement 6. An id that retention has passed gets an explicit `gap` event, never silence."""
    file = tmp_path / "posts.txt"
    file.write_text("".join(f"lama {number}\n" for number in range(100)))
    settings = {"SOURCES": f"replay:{file}?rate=0", "TOPICS": "lama", "PARTITIONS": 1, "FEED_IDLE_TIMEOUT": "1s"}
    with workers(1, apache_kafka.url, namespace, tmp_path, **settings) as (worker,):
        until(lambda: worker.count("lama") == 100, 30, "posts")
        whole = events(worker, "/feeds/lama?since=0", 100)
        place = whole[0].id.rpartition(":")[0]
        for deleted, cold in ((40, False), (70, True)):
            if cold:
                until(lambda: "lama" in worker.topics(), 5, "the worker")
                asyncio.run(asyncio.sleep(2.5))  # so that nobody follows the feed any more
            asyncio.run(delete_before(apache_kafka, worker.topics()["lama"]["kafka_topic"], deleted))
            if not cold:
                asyncio.run(asyncio.sleep(2.5))
            gap, *rest = events(worker, "/feeds/lama", 1 + 100 - deleted, whole[9].id)
            assert gap.name == "gap"
            assert json.loads(gap.data) == {"topic": "lama", "from": f"{place}:9", "to": f"{place}:{deleted}"}
            assert ids(rest) == ids(whole)[deleted:]
            (kept,) = events(worker, "/feeds/lama", 1, whole[deleted].id)
            assert ids([kept]) == ids(whole)[deleted + 1 : deleted + 2], "what is there is no gap"


def test_a_filtered_stream_still_advances_while_nothing_matches(worker: Worker) -> None:
    """Statement 7. A filtered stream still advances the client's position while nothing matches."""
    found = events(worker, "/feeds/hidup?min_score=1", 2, timeout=20)
    assert [event.name for event in found] == ["position", "position"]
    assert 0 < found[1].offset - found[0].offset < 1000, "the feed grows all the time, so that it is never idle"
    (event,) = events(worker, "/feeds/hidup", 1, found[1].id)
    behind = httpx.get(f"{worker.url}/topics/hidup/posts", params={"after": found[1].id, "last": 1}).json()["posts"]
    assert event.id == behind[0]["position"]
    (still,) = events(worker, "/feeds/semua?since=0&min_score=1", 1)
    assert (still.name, still.offset) == ("position", POSTS - 1)


def test_deleting_a_topic_ends_its_streams_with_a_named_event_and_a_reconnect_gets_204(worker: Worker) -> None:
    """Statement 12. Deleting a topic ends its streams with a named event; a reconnect gets 204; unknown: 404, JSON."""
    for name in ("mati", "nyusul"):
        httpx.post(f"{worker.url}/topics", json={"name": name}, headers=worker.auth, timeout=20).raise_for_status()
    with Stream(worker, "/feeds/mati") as alone, Stream(worker, "/feeds/mati,nyusul") as both:
        until(lambda: worker.metric("tweetream_sse_clients") == 2, 10, "two clients")
        httpx.delete(f"{worker.url}/topics/mati", headers=worker.auth, timeout=20).raise_for_status()
        alone.read(timeout=5)  # to the end; no post comes to wake it
        assert [(event.name, event.data) for event in alone.events] == [("deleted", b'{"topic":"mati"}')]
        assert len(both.take(1, 5)) == 1 and not both.ended, "the other topic goes on"
        httpx.delete(f"{worker.url}/topics/nyusul", headers=worker.auth, timeout=20).raise_for_status()
        both.read(timeout=5)
        assert [json.loads(event.data)["topic"] for event in both.events] == ["mati", "nyusul"]
    for path in ("mati", "mati,nyusul", "mati?last_event_id=mati@1:5", "gone?last_event_id=gone@1:5"):
        assert worker.get(f"/feeds/{path}") == 204, "a browser must not come back"
    for path in ("tiada", "semua,tiada"):
        answer = httpx.get(f"{worker.url}/feeds/{path}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
        assert answer.json()["status"] == 404 and "tiada" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["semua", "sepi"])
def test_a_stream_tells_its_position_before_any_post_and_a_client_that_is_cut_then_misses_none(
    worker: Worker, name: str
) -> None:
    """A quiet topic: what comes while a client is away comes after it, though it never had a post."""
    with Stream(worker, f"/feeds/{name}") as stream:
        stream.read(lambda: b"event: position" in stream.body)
        position = re.search(rb"id: (\S+)\nevent: position\ndata: {}\n\n", stream.body)
        assert position is not None and stream.events == []
    id = position[1].decode()
    posts = httpx.get(f"{worker.url}/topics/{name}/posts", params={"after": id}).json()["posts"]
    assert posts == [], "the position is after the last post"
    assert id.endswith(":00") == (name == "sepi"), "a feed without a post has a position too"
