"""The past by pages over HTTP: each post exactly once, in both directions, while posts flow in and records go."""

import asyncio
import datetime
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.plain_clients import write_values
from support.records import delete_before
from support.waiting import until
from support.workers import Worker, workers

from tweetream.feeds.ring import RING
from tweetream.kafka.embedded import EmbeddedBroker

POSTS = 40


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One worker whose feed `semua` has POSTS posts, and `kosong` none."""
    folder = tmp_path_factory.mktemp("history")
    file = folder / "posts.txt"
    file.write_text("".join(f"semua jalan macet nomor {number}\n" for number in range(POSTS)))
    settings = {"SOURCES": f"replay:{file}?rate=0", "TOPICS": "semua,kosong"}
    with EmbeddedBroker(folder) as broker, workers(1, broker.url, "history", folder, **settings) as group:
        until(lambda: group[0].count("semua") == POSTS, 30, "all posts are in the feed")
        yield group[0]


def ask(worker: Worker, name: str = "semua", **query: str | int) -> httpx.Response:
    return httpx.get(f"{worker.url}/topics/{name}/posts", params=query, timeout=30)


def test_score_label_and_time_narrow_a_page(worker: Worker) -> None:
    posts = ask(worker, last=1000).json()["posts"]
    assert len(posts) == POSTS
    middle = sorted(post["score"] for post in posts)[POSTS // 2]
    wanted = [post["id"] for post in posts if post["score"] >= middle]
    assert [post["id"] for post in ask(worker, min_score=middle).json()["posts"]] == wanted
    label = posts[0]["label"]
    wanted = [post["id"] for post in posts if post["label"] == label]
    assert [post["id"] for post in ask(worker, label=label).json()["posts"]] == wanted
    for since in ("0", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00+07:00", "2020-01-01"):
        assert len(ask(worker, since=since).json()["posts"]) == POSTS
    assert ask(worker, since="2100-01-01").json()["posts"] == []


def test_the_id_of_a_stream_of_several_topics_is_a_place_too(worker: Worker) -> None:
    posts = ask(worker, last=POSTS).json()["posts"]
    place = f"lain@abc:7,{posts[9]['position']}"
    assert [post["id"] for post in ask(worker, after=place, last=3).json()["posts"]] == [
        post["id"] for post in posts[10:13]
    ]


def test_a_place_of_another_generation_is_a_gap_that_names_both(worker: Worker) -> None:
    first = ask(worker, last=POSTS).json()["posts"][0]["position"]
    answer = ask(worker, after="semua@1:5").json()
    assert answer["gap"] == {"topic": "semua", "from": "semua@1:5", "to": first}
    assert len(answer["posts"]) == POSTS
    assert "gap" not in ask(worker).json()


@pytest.mark.parametrize(
    "query",
    [
        "last=0", "last=1001", "last=-1", "last=x", "last=", "before=", "before=nonsense", "after=semua",
        "after=lain@1:5", "before=semua@1:9223372036854775808", "since=yesterday", "since=", "min_score=1.1",
        "min_score=-0.1", "min_score=nan", "min_score=x", "min_score=",
    ],
)  # fmt: skip
def test_what_is_malformed_is_400_with_a_reason(worker: Worker, query: str) -> None:
    answer = httpx.get(f"{worker.url}/topics/semua/posts?{query}")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_a_topic_without_posts_has_an_empty_page(worker: Worker) -> None:
    assert ask(worker, "kosong").json() == {"posts": [], "before": None, "after": None}
    assert ask(worker, "nowhere").status_code == 404


def stats(worker: Worker, name: str, query: str = "") -> httpx.Response:
    return httpx.get(f"{worker.url}/topics/{name}/stats{query}")


def test_stats_have_every_minute_asked_for_and_count_each_post_by_label_and_source(worker: Worker) -> None:
    rows = stats(worker, "semua").json()
    minutes = [datetime.datetime.fromisoformat(row["minute"]).timestamp() for row in rows]
    assert len(rows) == 60 and minutes == [minutes[-1] - 60 * back for back in reversed(range(60))]
    assert 0 <= time.time() - minutes[-1] < 61
    counted: Counter[str] = sum((Counter(row["labels"]) for row in rows), Counter())
    posts = ask(worker, last=1000).json()["posts"]
    assert counted == Counter(post["label"] for post in posts)
    by_source: Counter[str] = sum((Counter(row["sources"]) for row in rows), Counter())
    assert by_source == Counter(post["source"] for post in posts)
    empty = stats(worker, "kosong", "?minutes=3").json()
    assert [(row["labels"], row["sources"]) for row in empty] == [({}, {})] * 3


@pytest.mark.parametrize(
    ("name", "query", "status"),
    [
        ("semua", "?minutes=61", 400),
        ("semua", "?minutes=-1", 400),
        ("semua", "?minutes=x", 400),
        ("Semua", "", 400),
        ("nowhere", "", 404),
    ],
)
def test_stats_of_what_is_not_there_are_refused_with_a_reason(
    worker: Worker, name: str, query: str, status: int
) -> None:
    answer = stats(worker, name, query)
    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_what_others_write_to_a_feed_spoils_no_page(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    file = tmp_path / "posts.txt"
    file.write_text("campur satu\ncampur dua\n")
    # With one partition the order is that of the file.
    settings = {"SOURCES": f"replay:{file}", "TOPICS": "campur", "PARTITIONS": 1}
    with workers(1, embedded_broker.url, namespace, tmp_path, **settings) as (worker,):
        until(lambda: worker.count("campur") == 2, 30, "posts")
        feed = worker.topics()["campur"]["kafka_topic"]
        junk = (b"{", b"{}", b'{"n":1}', b'{"id":5}', b'{"a":1}{', b"[]")
        write_values(embedded_broker.bootstrap, feed, *junk)
        page = ask(worker, "campur").json()
        assert [post["text"] for post in page["posts"]] == ["campur satu", "campur dua"]
        last = 2 + junk.index(b'{"id":5}')
        assert page["after"].endswith(f":{last}"), "the last that is an event by its form"


class Backwards(threading.Thread):
    """Walks from the newest page to the first, over and over, until it is told to stop; `walks` are the ids found."""

    def __init__(self, worker: Worker, last: int) -> None:
        super().__init__(daemon=True)
        self.walks: list[list[str]] = []
        self.enough = threading.Event()
        self._worker, self._last = worker, last

    def run(self) -> None:
        while not self.enough.is_set():
            self.walk()

    def walk(self) -> None:
        found: list[str] = []
        query: dict[str, str | int] = {"last": self._last}
        while query.get("before", "") is not None:
            page = ask(self._worker, "penuh", **query).json()
            found = [post["id"] for post in page["posts"]] + found
            query["before"] = page["before"]
        self.walks.append(found)


def test_pages_give_each_post_once_behind_the_ring_while_posts_flow_in_and_records_are_deleted(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    total, deleted = RING + 5_000, 300
    file = tmp_path / "posts.txt"
    file.write_text("".join(f"penuh {number}\n" for number in range(total)))
    # With one partition the order is that of the file.
    settings = {"SOURCES": f"replay:{file}?rate=2500", "TOPICS": "penuh", "PARTITIONS": 1}
    with (
        workers(1, apache_kafka.url, namespace, tmp_path, **settings) as (worker,),
        httpx.Client(timeout=60) as client,
    ):
        until(lambda: worker.count("penuh") > 500 and ask(worker, "penuh").json()["posts"], 30, "posts")
        with connect_sse(client, "GET", f"{worker.url}/feeds/penuh") as stream:  # so that there is a ring
            assert stream.response.status_code == 200
            walker = Backwards(worker, 700)
            walker.start()
            page = ask(worker, "penuh", last=1).json()
            found = page["posts"]
            name, start = found[0]["id"].rpartition(":")[::2]
            ends = time.monotonic() + 120
            while len(found) <= total - int(start):
                assert time.monotonic() < ends and walker.is_alive()
                page = ask(worker, "penuh", last=400, after=page["after"]).json()
                assert "gap" not in page
                found += page["posts"]
            walker.enough.set()
            walker.join(60)
            assert [post["id"] for post in found] == [f"{name}:{number}" for number in range(int(start), total + 1)]
            for walk in walker.walks:
                assert walk == [f"{name}:{number}" for number in range(1, len(walk) + 1)]
            assert walker.walks
            feed = worker.topics()["penuh"]["kafka_topic"]
            asyncio.run(delete_before(apache_kafka, feed, deleted))
            walker.walk()
            assert walker.walks[-1] == [f"{name}:{number}" for number in range(deleted + 1, total + 1)]
        place = page["after"].rpartition(":")[0]
        gap = ask(worker, "penuh", after=f"{place}:5", last=10).json()
        assert gap["gap"] == {"topic": "penuh", "from": f"{place}:5", "to": f"{place}:{deleted}"}
        assert gap["posts"][0]["position"] == f"{place}:{deleted}"
