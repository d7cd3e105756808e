"""The package for other programs: labels, posts that go on over broken connections, and tables. In this process."""

import datetime
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from support.kafka.deployment import entry
from support.paths import ROOT
from typing_extensions import override

import tweetream
from tweetream.models.codec import json_line


def event(n: int) -> bytes:
    return b"id: macet@1:%d\ndata: %s\n\n" % (n, json_line(entry(n)))


class Handler(BaseHTTPRequestHandler):
    """Gives prepared answers, one a request, and notes what was asked."""

    answers: ClassVar[list[tuple[int, dict[str, str], bytes]]] = []
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Last-Event-ID")))
        status, headers, body = self.answers.pop(0)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, *arguments: Any) -> None:
        return None


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Handler.asked.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_posts_go_on_after_the_last_one_when_a_connection_ends(url: str) -> None:
    half = event(2)[:-40]
    Handler.answers[:] = [
        (200, {}, b"retry: 1000\n: comment\n" + event(0) + event(1) + half),
        (503, {"Retry-After": "7"}, b"{}"),
        (
            200,
            {},
            b"id: macet@1:1\nevent: position\ndata: {}\n\n" + event(2) + b'event: deleted\ndata: {"topic":"macet"}\n\n',
        ),
    ]
    waits: list[float] = []
    since = datetime.datetime(2026, 11, 1)
    found = list(tweetream.posts("macet", url=url, since=since, label="traffic", sleep=waits.append))
    assert [post.id for post in found] == [entry(n).id for n in range(3)]
    assert [position for _, position in Handler.asked] == [None, "macet@1:1", "macet@1:1"] and waits == [0.5, 7.0]
    assert Handler.asked[0][0] == "/feeds/macet?since=2026-11-01T00%3A00%3A00%2B00%3A00&label=traffic"


def test_a_refusal_says_why_and_a_deleted_topic_ends(url: str) -> None:
    Handler.answers[:] = [(404, {}, b'{"detail": "there is no topic x"}'), (204, {}, b"")]
    with pytest.raises(ValueError, match="the worker answered 404: there is no topic x"):
        list(tweetream.posts("x", url=url))
    assert list(tweetream.posts("x", url=url)) == []


def test_a_token_is_not_taken_along_by_a_redirect(url: str) -> None:
    Handler.answers[:] = [(302, {"Location": f"{url}/elsewhere"}, b"")]
    with pytest.raises(ValueError, match="the worker answered 302"):
        list(tweetream.posts("x", url=url, token="secret"))
    assert [path for path, _ in Handler.asked] == ["/feeds/x"]


def test_texts_get_the_labels_of_the_shipped_model() -> None:
    found = tweetream.classify(["macet parah di tol dalam kota arah cawang", ""])
    assert found[0].label == "traffic" and found[0].score is not None and found[0].score > 0.5
    assert tweetream.classify([]) == []
    with pytest.raises(TypeError, match="write classify"):
        tweetream.classify("macet")


def test_posts_become_a_table_with_times() -> None:
    posts = [entry(0), entry(1)]
    posts[1].created_at = None
    table = tweetream.to_dataframe(posts)
    assert list(table["id"]) == [post.id for post in posts] and str(table["received_at"].dtype).endswith("UTC]")
    assert table["created_at"].isna().tolist() == [False, True] and len(tweetream.to_dataframe([])) == 0


def test_importing_the_package_imports_nothing_else_of_it() -> None:
    code = "import sys, tweetream; print(sorted(n for n in sys.modules if n.startswith('tweetream')))"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.stdout == "['tweetream']\n"
    assert not hasattr(tweetream, "nothing")
