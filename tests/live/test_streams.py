"""Server-Sent Events of a running worker, read by httpx-sse and by bare sockets."""

import datetime
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse
from workers import Worker, until, workers

POSTS = 60


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One worker whose feeds `semua` and `genap` have POSTS and POSTS / 2 posts, and grow no more."""
    from tweetream.broker import EmbeddedBroker

    folder = tmp_path_factory.mktemp("streams")
    file = folder / "posts.txt"
    hostile = 'semua genap \x00 \r \u2028 <script>alert(1)</script> \u202e "x" 🚗'
    lines = [f"semua {'genap' if number % 2 else ''} nomor {number}" for number in range(1, POSTS)]
    file.write_bytes("".join(f"{line}\n" for line in [*lines, hostile]).encode())
    settings = {"SOURCES": f"replay:{file}?rate=0", "TOPICS": "semua,genap", "LINGER": "5s"}
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
        for event in source.iter_sse():
            found.append(event)
            if len(found) == count:
                break
    return found


def numbers(found: list[ServerSentEvent]) -> list[str]:
    return [json.loads(event.data)["id"] for event in found]


def test_last_gives_the_newest_posts_in_order(worker: Worker) -> None:
    found = events(worker, "/feeds/semua?last=5", 5)
    assert [int(identity.rpartition(":")[2]) for identity in numbers(found)] == list(range(POSTS - 4, POSTS + 1))


def test_a_post_has_all_its_fields_and_no_event_name(worker: Worker) -> None:
    (event,) = events(worker, "/feeds/semua?last=1", 1)
    post = json.loads(event.data)
    fields = "id topic source url author text lang created_at received_at label score"
    assert list(post) == fields.split()
    assert event.event == "message"
    assert event.id.startswith("semua@")
    assert post["topic"] == "semua"
    datetime.datetime.fromisoformat(post["created_at"])


def test_nul_cr_and_line_separators_in_a_post_arrive_as_they_were(worker: Worker) -> None:
    (event,) = events(worker, "/feeds/semua?last=1", 1)
    text = json.loads(event.data)["text"]
    assert text == 'semua genap \x00 \r \u2028 <script>alert(1)</script> \u202e "x" 🚗'
    assert event.data.isascii()


def test_cut_anywhere_and_resumed_nothing_is_missing_or_doubled(worker: Worker) -> None:
    whole = events(worker, "/feeds/semua?since=0", POSTS)
    assert len(set(numbers(whole))) == POSTS
    for cut in (0, 1, 17, POSTS - 2):
        rest = events(worker, "/feeds/semua", POSTS - 1 - cut, **{"Last-Event-ID": whole[cut].id})
        assert numbers(rest) == numbers(whole)[cut + 1 :]


def test_the_header_beats_the_query_and_a_position_beats_last(worker: Worker) -> None:
    whole = events(worker, "/feeds/semua?since=0", POSTS)
    query = f"/feeds/semua?last_event_id={whole[10].id}&last=3&since=0"
    assert numbers(events(worker, query, 1)) == numbers(whole)[11:12]
    assert numbers(events(worker, query, 1, **{"Last-Event-ID": whole[20].id})) == numbers(whole)[21:22]


def test_since_takes_milliseconds_and_iso_8601(worker: Worker) -> None:
    posts = httpx.get(f"{worker.url}/topics/semua/posts?last={POSTS}").json()["posts"]
    assert len(posts) == POSTS
    for since in ("0", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00+07:00", "2020-01-01"):
        assert numbers(events(worker, f"/feeds/semua?since={since}", 1)) == [posts[0]["id"]]


def test_several_topics_share_a_stream_and_resume_together(worker: Worker) -> None:
    total = POSTS + POSTS // 2 + 1
    whole = events(worker, "/feeds/semua,genap?since=0", total)
    found = [(json.loads(event.data)["topic"], json.loads(event.data)["id"]) for event in whole]
    assert len(set(found)) == total
    assert "semua@" in whole[-1].id
    assert "genap@" in whole[-1].id
    for cut in (3, POSTS - 1, POSTS + 5):
        rest = events(worker, "/feeds/semua,genap", total - 1 - cut, **{"Last-Event-ID": whole[cut].id})
        again = [(json.loads(event.data)["topic"], json.loads(event.data)["id"]) for event in rest]
        assert sorted(found[: cut + 1] + again) == sorted(found)


def test_a_label_filters(worker: Worker) -> None:
    posts = httpx.get(f"{worker.url}/topics/semua/posts?last={POSTS}").json()["posts"]
    label = posts[0]["label"]
    wanted = [post["id"] for post in posts if post["label"] == label]
    assert numbers(events(worker, f"/feeds/semua?since=0&label={label}", len(wanted))) == wanted
    filtered = httpx.get(f"{worker.url}/topics/semua/posts?last=3&label={label}").json()["posts"]
    assert [post["id"] for post in filtered] == wanted[-3:]


def test_a_stream_whose_filter_matches_nothing_is_told_where_it_is(worker: Worker) -> None:
    (event,) = events(worker, "/feeds/semua?since=0&label=none-of-ours", 1)
    assert event.event == "position"
    assert event.id.endswith(f":{POSTS - 1}")


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


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/feeds/nowhere", 404),
        ("/feeds/semua,nowhere", 404),
        ("/feeds/Semua", 400),
        ("/feeds/semua?last=-1", 400),
        ("/feeds/semua?last=1001", 400),
        ("/feeds/semua?last=x", 400),
        ("/feeds/semua?since=yesterday", 400),
        ("/feeds/semua?last_event_id=nonsense", 400),
        ("/feeds/semua?last_event_id=semua@1:99999999999999999999", 400),
        ("/feeds/semua?last_event_id=semua@1:9223372036854775808", 400),
        ("/feeds/" + ",".join(f"t{number}" for number in range(21)), 400),
        ("/feeds/nowhere?last_event_id=nowhere@1:5", 204),
    ],
)
def test_what_cannot_be_streamed_is_refused_with_a_reason(worker: Worker, path: str, status: int) -> None:
    answer = httpx.get(worker.url + path)
    assert answer.status_code == status
    if status != 204:
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.json()["status"] == status
        assert answer.json()["detail"]


def raw(worker: Worker, request: str, seconds: float) -> bytes:
    """What comes within some seconds of a request over a bare socket."""
    with socket.create_connection(("127.0.0.1", worker.port)) as connection:
        connection.sendall(request.encode())
        connection.settimeout(0.2)
        data, ends = b"", time.monotonic() + seconds
        while time.monotonic() < ends:
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                break
            data += piece
        return data


def test_headers_and_a_comment_come_at_once_and_no_blank_line_follows_them(worker: Worker) -> None:
    data = raw(worker, "GET /feeds/semua HTTP/1.1\r\nHost: localhost\r\n\r\n", 1)
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"Content-Type: text/event-stream" in head
    assert b"Cache-Control: no-store" in head
    assert b"X-Accel-Buffering: no" in head
    assert b": live\nretry: " in body
    assert b"\n\n" not in body


def test_head_gives_the_headers_alone(worker: Worker) -> None:
    request = "HEAD /feeds/semua?last=5 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    data = raw(worker, request, 2)
    assert data.startswith(b"HTTP/1.1 200")
    assert data.endswith(b"\r\n\r\n")
    assert b"data:" not in data


def test_a_client_that_goes_is_forgotten_within_a_second(worker: Worker) -> None:
    connections = [socket.create_connection(("127.0.0.1", worker.port)) for _ in range(20)]
    for connection in connections:
        connection.sendall(b"GET /feeds/semua HTTP/1.1\r\nHost: localhost\r\n\r\n")
    until(lambda: worker.metric("tweetream_sse_clients") == 20, 10, "20 clients")
    for connection in connections:
        connection.close()
    until(lambda: worker.metric("tweetream_sse_clients") == 0, 3, "no client")


def test_streams_end_soon_after_their_last_topic_was_deleted_and_the_others_go_on(worker: Worker) -> None:
    """No post comes to wake them."""
    for name in ("sepi", "sunyi"):
        httpx.post(f"{worker.url}/topics", json={"name": name}, timeout=20).raise_for_status()
    request = "GET /feeds/{} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    alone, both = (socket.create_connection(("127.0.0.1", worker.port), timeout=5) for _ in range(2))
    with alone, both:
        alone.sendall(request.format("sepi").encode())
        both.sendall(request.format("sepi,sunyi").encode())
        until(lambda: worker.metric("tweetream_sse_clients") == 2, 10, "two clients")
        ended = {}
        for name, ending in (("sepi", alone), ("sunyi", both)):
            httpx.delete(f"{worker.url}/topics/{name}", timeout=20).raise_for_status()
            data = b""
            while not data.endswith(b"\r\n0\r\n\r\n"):  # the end of a chunked body; nothing within 5 s is a failure
                piece = ending.recv(65536)
                assert piece, data
                data += piece
            ended[name] = data
    assert ended["sepi"].count(b"event: deleted") == 1
    assert ended["sunyi"].count(b"event: deleted") == 2, "the other topic went on until it was deleted too"


def test_a_post_is_there_soon_after_it_was_read(embedded_broker, namespace, tmp_path: Path) -> None:
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
            for event in source.iter_sse():
                received = datetime.datetime.fromisoformat(json.loads(event.data)["received_at"])
                delays.append(time.time() - received.timestamp())
                if len(delays) == 6:
                    break
    assert sorted(delays)[len(delays) // 2] < 0.75, delays  # three times the 250 ms of the design
