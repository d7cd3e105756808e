"""Streams with a filter: what passes comes at once however rare it is, and the place moves on while nothing does."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse
from support.sse import events_of
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.kafka.readers import FETCH_RECORDS

DULL, TAIL = 6 * FETCH_RECORDS, 10


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker whose feed `langka` has a post, DULL others, one like the first, TAIL others; `hidup` grows."""
    folder = tmp_path_factory.mktemp("filters")
    rare, live = folder / "rare.txt", folder / "live.txt"
    dull = "langka makan siang sayang"  # always the same words, since a number can make the model surer
    jam = "jalan tol macet total padat merayap"
    posts = [f"langka {jam}", *[dull] * DULL, f"langka {jam}", *[dull] * TAIL]
    rare.write_text("".join(f"{text}\n" for text in posts))
    live.write_text("".join(f"hidup makan siang {number}\n" for number in range(100)))
    settings = {
        "SOURCES": f"replay:{rare}?rate=0 replay:{live}?rate=20&loop=true",
        "TOPICS": "langka,hidup",
        "PARTITIONS": 1,
    }
    with EmbeddedBroker(folder) as broker, workers(1, broker.url, "filters", folder, **settings) as group:
        until(lambda: group[0].count("langka") == DULL + 2 + TAIL, 60, "all posts are in the feed")
        yield group[0]


@pytest.fixture(scope="module")
def least(worker: Worker) -> float:
    """A score that of all posts the rare ones alone have."""
    posts = page(worker, "langka", last=1000)
    rare: float = posts.pop(-1 - TAIL)["score"]
    assert all(post["score"] < rare for post in posts), "the model tells them apart"
    return rare


def page(worker: Worker, name: str, **query: str | int) -> list[dict[str, Any]]:
    posts: list[dict[str, Any]] = httpx.get(f"{worker.url}/topics/{name}/posts", params=query).json()["posts"]
    return posts


def events(worker: Worker, path: str, count: int, **query: str | float) -> list[ServerSentEvent]:
    """The first `count` events of a stream."""
    found: list[ServerSentEvent] = []
    with (
        httpx.Client(timeout=10) as client,  # less than the time between heartbeats
        connect_sse(client, "GET", worker.url + path, params=query) as stream,
    ):
        assert stream.response.status_code == 200
        for event in events_of(stream):
            found.append(event)
            if len(found) == count:
                break
    return found


def test_only_posts_with_at_least_the_score_pass_and_they_come_at_once_however_rare_they_are(
    worker: Worker, least: float
) -> None:
    began = time.monotonic()
    found = events(worker, "/feeds/langka", 2, since=0, min_score=least)
    assert time.monotonic() - began < 4, "what does not pass costs no waiting"
    assert [event.event for event in found] == ["message", "message"]
    assert [json.loads(event.data)["id"].rpartition(":")[2] for event in found] == ["1", str(DULL + 2)]


def test_a_rare_label_comes_at_once_too(worker: Worker, least: float) -> None:
    label = page(worker, "langka", last=1000)[-1 - TAIL]["label"]
    began = time.monotonic()
    found = events(worker, "/feeds/langka", 2, since=0, min_score=least, label=label)
    assert time.monotonic() - began < 4
    assert [json.loads(event.data)["label"] for event in found] == [label, label]


def test_last_counts_what_passes(worker: Worker, least: float) -> None:
    (first, second) = events(worker, "/feeds/langka", 2, last=2, min_score=least)
    assert (first.id.rpartition(":")[2], second.id.rpartition(":")[2]) == ("0", str(DULL + 1))


def test_the_position_moves_on_behind_the_last_post_that_passed(worker: Worker, least: float) -> None:
    *_, post, position = events(worker, "/feeds/langka", 3, since=0, min_score=least)
    assert (post.event, post.id.rpartition(":")[2]) == ("message", str(DULL + 1))
    assert (position.event, position.id.rpartition(":")[2]) == ("position", str(DULL + 1 + TAIL))


@pytest.mark.parametrize("score", ["", "x", "nan", "-0.1", "1.01", "1e-3", "0,5", "0.5 "])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_score_that_is_none_is_400(worker: Worker, method: str, score: str) -> None:
    answer = httpx.request(method, f"{worker.url}/feeds/hidup", params={"min_score": score})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
