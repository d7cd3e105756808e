"""What a stream looks like on the wire, and to the clients there are."""

import json
import re
import statistics
import time
from collections.abc import Callable

import httpx
import pytest
import requests
import requests_sse
import sseclient
from httpx_sse import connect_sse
from support import node_clients
from support.raw_streams import Stream, streams
from support.shared_worker import HOSTILE
from support.sse import events_of
from support.waiting import until
from support.workers import Worker

HEARTBEAT = 15.0


def test_headers_and_a_first_comment_come_within_100_ms(worker: Worker) -> None:
    """Statement 1. Headers and a first comment within 100 ms; text/event-stream, no-store, no buffering."""
    times = []
    for _ in range(11):
        with Stream(worker, "/feeds/semua") as stream:
            stream.read(lambda: b"retry: " in stream.body)  # noqa: B023 (called at once)
            times.append(time.monotonic() - stream.asked)
            assert stream.status == 200
            assert stream.headers["content-type"] == "text/event-stream"
            assert stream.headers["cache-control"] == "no-store"
            assert stream.headers["x-accel-buffering"] == "no"
            # Read in one piece, the position may be there already.
            opening = rb": live\nretry: \d+\n(id: [!-~]+\nevent: position\ndata: {}\n\n)?"
            assert re.fullmatch(opening, stream.body), "no blank line after a comment, which some take for an event"
    assert statistics.median(times) < 0.1, times
    assert max(times) < 0.3, times


Reader = Callable[[str], tuple[str, str]]


def by_bare_socket(worker: Worker) -> tuple[str, str]:
    with Stream(worker, "/feeds/semua?last=1") as stream:
        (event,) = stream.take(1)
        assert stream.body.isascii() and b"\r" not in stream.body and b"\0" not in stream.body
        assert re.fullmatch(
            rb": live\nretry: \d+\nid: [!-~]+\nevent: position\ndata: {}\n\nid: [!-~]+\ndata: {[ -~]*}\n\n", stream.body
        )
        return event.id, event.data.decode()


def by_httpx_sse(url: str) -> tuple[str, str]:
    with httpx.Client(timeout=10) as client, connect_sse(client, "GET", url) as source:
        event = next(events_of(source))
        return event.id, event.data


def by_sseclient_py(url: str) -> tuple[str, str]:
    with requests.get(url, stream=True, timeout=10, headers={"Accept": "text/event-stream"}) as answer:
        event = next(
            event for event in sseclient.SSEClient(answer.iter_content(1)).events() if event.event == "message"
        )
        return str(event.id), event.data


def by_requests_sse(url: str) -> tuple[str, str]:
    with requests_sse.EventSource(url, timeout=10) as source:
        event = next(event for event in source if event.type == "message")
        return event.last_event_id, event.data


def by_undici(url: str) -> tuple[str, str]:
    return node_clients.first_event("undici", url)


def by_eventsource(url: str) -> tuple[str, str]:
    return node_clients.first_event("eventsource", url)


@pytest.mark.parametrize(
    "read",
    [
        by_httpx_sse,
        by_sseclient_py,
        by_requests_sse,
        pytest.param(by_undici, marks=pytest.mark.node),
        pytest.param(by_eventsource, marks=pytest.mark.node),
    ],
)
def test_u2028_cr_and_nul_in_a_post_survive_every_client(worker: Worker, read: Reader) -> None:
    """Statement 2. LF-framed, ASCII-escaped JSON: U+2028, CR and NUL in a post survive every client."""
    found = read(f"{worker.url}/feeds/semua?last=1")
    assert json.loads(found[1])["text"] == HOSTILE
    assert found == by_bare_socket(worker), "what the client gives is what came over the wire"


def test_a_heartbeat_comes_within_15_s_of_idleness_and_retry_is_jittered(worker: Worker) -> None:
    """Statement 8. Heartbeat comment within 15 s of idleness; `retry:` jittered."""
    with streams(worker, 40, "/feeds/sepi") as opened:
        began = time.monotonic()
        for stream in opened:
            stream.read(lambda: b"retry: " in stream.body)  # noqa: B023 (called at once)
        times = {int(line[7:]) for stream in opened for line in stream.lines if line.startswith(b"retry: ")}
        assert len(times) > 20, "those that were cut off together do not come back together"
        assert min(times) >= 1000 and max(times) <= 5000 and max(times) - min(times) > 1000
        for stream in opened[:5]:
            stream.read(lambda: stream.body.endswith(b"\n:\n"), HEARTBEAT + 2)  # noqa: B023 (called at once)
            assert 5 < time.monotonic() - began < HEARTBEAT + 1
            assert stream.events == []


def test_head_gives_headers_alone_and_faust_s_own_pages_are_off(worker: Worker) -> None:
    """Statement 17. HEAD gives headers alone; Faust's own `/table` and `/router` are off."""
    changing = {"date", "content-length", "transfer-encoding"}
    for path in ("/feeds/semua?last=5", "/feeds/semua,genap?since=0", "/topics", "/", "/livez", "/feeds/nowhere"):
        with (
            Stream(worker, path, Connection="close") as whole,
            Stream(worker, path, "HEAD", Connection="close") as head,
        ):
            assert head.status == whole.status
            assert {**head.headers, **dict.fromkeys(changing)} == {**whole.headers, **dict.fromkeys(changing)}
            head.socket.settimeout(10)
            assert head.body == b"" and head.socket.recv(1000) == b"", path
    until(lambda: worker.metric("tweetream_sse_clients") == 0, 5, "HEAD opens no stream")
    for path in ("/table", "/table/topics/", "/table/topics/semua/", "/router", "/router/", "/router/topics/x/"):
        assert worker.get(path) == 404
