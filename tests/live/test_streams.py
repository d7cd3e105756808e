"""Streams of a running worker, read by httpx-sse; what every stream must do is in statements/."""

import datetime
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse
from support.sse import events_of
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker

POSTS = 60


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One worker whose feeds `semua` and `genap` have POSTS and POSTS / 2 posts, and grow no more."""
    folder = tmp_path_factory.mktemp("streams")
    file = folder / "posts.txt"
    hostile = 'semua genap \x00 \r \u2028 <script>alert(1)</script> \u202e "x" 🚗'
    lines = [f"semua {'genap' if number % 2 else ''} nomor {number}" for number in range(1, POSTS)]
    file.write_bytes("".join(f"{line}\n" for line in [*lines, hostile]).encode())
    settings = {"SOURCES": f"replay:{file}?rate=0", "TOPICS": "semua,genap", "FEED_IDLE_TIMEOUT": "5s"}
    with (
        EmbeddedBroker(folder) as broker,
        workers(1, broker.url, "streams", folder, **settings) as group,
    ):
        until(lambda: group[0].count("semua") == POSTS, 30, "all posts are in the feed")
        yield group[0]


def events(worker: Worker, path: str, count: int, **headers: str) -> list[ServerSentEvent]:
    """The first `count` events of a stream; fewer if it ends before."""
    found: list[ServerSentEvent] = []
    if not count:
        return found
    with httpx.Client(timeout=10) as client, connect_sse(client, "GET", worker.url + path, headers=headers) as source:
        assert source.response.status_code == 200
        for event in events_of(source):
            found.append(event)
            if len(found) == count:
                break
    return found


def numbers(found: list[ServerSentEvent]) -> list[str]:
    return [json.loads(event.data)["id"] for event in found]


def test_a_post_has_all_its_fields_and_no_event_name(worker: Worker) -> None:
    (event,) = events(worker, "/feeds/semua?last=1", 1)
    post = json.loads(event.data)
    fields = "id topic source url author text lang created_at received_at label score"
    assert list(post) == fields.split()
    assert event.event == "message"
    assert event.id.startswith("semua@")
    assert post["topic"] == "semua"
    assert post["created_at"] is None, "a line of text does not say when it was written"
    datetime.datetime.fromisoformat(post["received_at"])


def test_a_label_filters(worker: Worker) -> None:
    posts = httpx.get(f"{worker.url}/topics/semua/posts?last={POSTS}").json()["posts"]
    label = posts[0]["label"]
    wanted = [post["id"] for post in posts if post["label"] == label]
    assert numbers(events(worker, f"/feeds/semua?since=0&label={label}", len(wanted))) == wanted
    filtered = httpx.get(f"{worker.url}/topics/semua/posts?last=3&label={label}").json()["posts"]
    assert [post["id"] for post in filtered] == wanted[-3:]


def test_a_position_past_the_end_is_a_gap(worker: Worker) -> None:
    (last,) = events(worker, "/feeds/semua?last=1", 1)
    place = last.id.rpartition(":")[0]
    (gap,) = events(worker, "/feeds/semua", 1, **{"Last-Event-ID": f"{place}:99999"})
    assert gap.event == "gap"
    assert json.loads(gap.data)["topic"] == "semua"


def test_a_position_of_another_generation_is_a_gap_and_then_all_there_is(worker: Worker) -> None:
    found = events(worker, "/feeds/semua", 1 + POSTS, **{"Last-Event-ID": "semua@1:5"})
    assert found[0].event == "gap"
    assert json.loads(found[0].data)["from"] == "semua@1:5"
    assert len(set(numbers(found[1:]))) == POSTS


def test_http_1_0_gets_a_stream_without_chunks_that_ends_with_its_connection(worker: Worker) -> None:
    httpx.post(f"{worker.url}/topics", json={"name": "lama"}, timeout=20).raise_for_status()
    with socket.create_connection(("127.0.0.1", worker.port), timeout=10) as connection:
        connection.sendall(b"GET /feeds/lama HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
        got = bytearray()
        while b"retry: " not in got:
            got += connection.recv(1000)
        httpx.delete(f"{worker.url}/topics/lama", timeout=20).raise_for_status()
        while data := connection.recv(1000):
            got += data
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"chunked" not in head and body.startswith(b": live\nretry: ")
    assert body.endswith(b'\nevent: deleted\ndata: {"topic":"lama"}\n\n')


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/feeds/Semua", 400),
        ("/feeds/" + ",".join(f"t{number}" for number in range(21)), 400),
    ],
)
def test_what_cannot_be_streamed_is_refused_with_a_reason(worker: Worker, path: str, status: int) -> None:
    answer = httpx.get(worker.url + path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


def test_a_post_is_there_soon_after_it_was_read(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    file = tmp_path / "slow.txt"
    file.write_text("".join(f"pelan {number}\n" for number in range(100)))
    settings = {"SOURCES": f"replay:{file}?rate=2", "TOPICS": "pelan"}
    delays = []
    with (
        workers(1, embedded_broker.url, namespace, tmp_path, **settings) as group,
        httpx.Client(timeout=20) as client,
    ):
        until(lambda: group[0].count("pelan") > 1, 30, "posts")
        with connect_sse(client, "GET", f"{group[0].url}/feeds/pelan") as source:
            for event in events_of(source):
                received = datetime.datetime.fromisoformat(json.loads(event.data)["received_at"])
                delays.append(time.time() - received.timestamp())
                if len(delays) == 6:
                    break
    assert sorted(delays)[len(delays) // 2] < 0.75, delays  # three times the 250 ms of the design
