"""The programs of docs/clients.md, as they stand there, against a running worker."""

import contextlib
import json
import os
import re
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright
from support.paths import DOCS
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker, dies_with_parent, free_ports

DOCUMENT = DOCS / "clients.md"
SNIPPETS = dict(re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE))
PROGRAMS = {"bash": ["bash"], "python": [sys.executable], "js": ["node"]}
PAGE_PORT = free_ports(1)[0]
ALL = [pytest.param("bash", marks=pytest.mark.curl), "python", pytest.param("js", marks=pytest.mark.node)]


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One worker; what tracks `alir` gets ten posts a second, each of them once."""
    folder = tmp_path_factory.mktemp("clients")
    file = folder / "posts.txt"
    file.write_text("".join(f"alir {number}\n" for number in range(20_000)))
    settings = {
        "SOURCES": f"replay:{file}?rate=10",
        "TOPICS": "alir",
        "PARTITIONS": 1,  # all feeds have the same order then
        "CORS_ORIGINS": f"http://127.0.0.1:{PAGE_PORT}",
    }
    with EmbeddedBroker(folder) as broker, workers(1, broker.url, "clients", folder, **settings) as group:
        until(lambda: group[0].count("alir") > 5, 30, "posts")
        yield group[0]


class Client:
    """A snippet that runs, and what it has said."""

    def __init__(self, language: str, url: str, folder: Path) -> None:
        suffix = {"bash": "sh", "python": "py", "js": "mjs"}[language]
        program = folder / f"follow.{suffix}"
        program.write_text(SNIPPETS[language])
        self.out, self.err = folder / "out", folder / "err"
        with self.out.open("ab") as out, self.err.open("ab") as err:
            self.process = subprocess.Popen(
                [*PROGRAMS[language], str(program), url, str(folder / "position")],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                start_new_session=True,
                preexec_fn=dies_with_parent(),
            )

    def posts(self) -> list[str]:
        """The ids of the posts printed; of a line that is being written, none."""
        return [json.loads(line)["id"] for line in self.out.read_text().splitlines(keepends=True) if line[-1:] == "\n"]

    def said(self) -> str:
        return self.err.read_text()


@contextlib.contextmanager
def running(language: str, url: str, folder: Path) -> Iterator[Client]:
    client = Client(language, url, folder)
    try:
        yield client
    finally:
        with contextlib.suppress(ProcessLookupError):  # bash has a curl below it
            os.killpg(client.process.pid, signal.SIGKILL)
        client.process.wait()


def add(worker: Worker, name: str) -> None:
    body = {"name": name, "track": ["alir"]}
    httpx.post(f"{worker.url}/topics", json=body, timeout=30).raise_for_status()


def past(worker: Worker, name: str) -> list[str]:
    answer = httpx.get(f"{worker.url}/topics/{name}/posts?last=1000", timeout=30)
    return [post["id"] for post in answer.json()["posts"]]


def test_every_client_has_one_program_in_the_document() -> None:
    assert set(SNIPPETS) == {"bash", "python", "js", "html"}


@pytest.mark.parametrize("language", ALL)
def test_a_program_follows_a_topic_resumes_where_it_stopped_and_ends_with_it(
    language: str, worker: Worker, tmp_path: Path
) -> None:
    name = f"ikut-{language}"
    add(worker, name)
    url = f"{worker.url}/feeds/{name}"
    with running(language, f"{url}?last=5", tmp_path) as client:
        until(lambda: len(client.posts()) >= 5, 30, "posts")
    seen = client.posts()
    until(lambda: past(worker, name)[-1] not in seen, 30, "posts that nobody followed")
    with running(language, url, tmp_path) as client:
        until(lambda: len(client.posts()) > len(seen) + 10, 30, "more posts")
        httpx.delete(f"{worker.url}/topics/{name}", timeout=30).raise_for_status()
        assert client.process.wait(30) == 0, "204 ends it"
    found = client.posts()
    everything = past(worker, "alir")
    start = everything.index(found[0])
    # Killed between a post's use and its keeping, a program sees that post again.
    again = found[len(seen) - 1] == found[len(seen)]
    del found[len(seen) : len(seen) + again]
    assert found == everything[start : start + len(found)]
    assert f'deleted: {{"topic":"{name}"}}' in client.said()


@pytest.mark.parametrize("language", ALL)
def test_a_program_says_that_posts_are_missing_and_goes_on(language: str, worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "position").write_text("alir@1:5")
    with running(language, f"{worker.url}/feeds/alir", tmp_path) as client:
        until(lambda: client.posts(), 30, "posts")
        assert 'posts are missing: {"topic":"alir","from":"alir@1:5"' in client.said()
        until(lambda: "alir@1:5" not in (tmp_path / "position").read_text(), 10, "the place has moved")


@pytest.mark.parametrize("language", ALL)
def test_a_program_stops_where_there_is_nothing_to_follow(language: str, worker: Worker, tmp_path: Path) -> None:
    with running(language, f"{worker.url}/feeds/tiada", tmp_path) as client:
        assert client.process.wait(30) != 0
        assert "there is no topic tiada" in client.said()


class Busy(BaseHTTPRequestHandler):
    """Answers as a worker does that is busy, then sends two events and cuts the second's connection, then says 204."""

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, BusyServer)
        server.asked.append((time.monotonic(), self.headers.get("Last-Event-ID")))
        number = len(server.asked)
        if number <= 2:
            self.send_response((503, 429)[number - 1])
            self.send_header("Retry-After", "2")
            self.send_header("Content-Type", "application/problem+json")
            self.end_headers()
            self.wfile.write(b'{"status": 503, "detail": "wait"}')
        elif number == 3:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b': live\nretry: 1500\nid: a@1:7\ndata: {"id":"seven"}\n\nid: a@1:8\ndata: {"id":"ei')
        else:
            self.send_response(204)
            self.end_headers()

    def log_message(self, *_: object) -> None: ...


class BusyServer(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Busy)
        self.asked: list[tuple[float, str | None]] = []


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("language", ALL)
def test_a_program_waits_as_long_as_it_is_told_and_connects_again_after_a_cut(language: str, tmp_path: Path) -> None:
    server = BusyServer()
    url = f"http://127.0.0.1:{server.server_port}/feeds/a"
    with serving(server), running(language, url, tmp_path) as client:
        assert client.process.wait(60) == 0
    assert client.posts() == ["seven"], "an event that is not whole is none"
    times = [asked for asked, _ in server.asked]
    assert [place for _, place in server.asked] == [None, None, None, "a@1:7"]
    assert times[1] - times[0] >= 2 and times[2] - times[1] >= 2
    assert times[3] - times[2] > 1


@pytest.fixture
def page(chromium: str, tmp_path: Path) -> Iterator[Page]:
    """A browser on the page of the document, served by another server than the worker's."""
    (tmp_path / "page.html").write_text(SNIPPETS["html"])

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", PAGE_PORT), partial(Quiet, directory=str(tmp_path)))
    with serving(server), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def shown(page: Page, items: str = "#posts li") -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        items, "items => items.map(item => item.dataset.id || item.textContent)"
    )
    return found


def test_the_page_follows_a_topic_resumes_where_it_stopped_and_ends_with_it(worker: Worker, page: Page) -> None:
    name = "ikut-html"
    add(worker, name)
    address = f"http://127.0.0.1:{PAGE_PORT}/page.html?feed={worker.url}/feeds/{name}"
    page.goto(address)
    until(lambda: len(shown(page)) >= 5, 30, "posts")
    page.goto("about:blank")
    until(lambda: len(past(worker, name)) > 20, 30, "posts that nobody followed")
    kept = page_kept(page, address, name, worker)
    first = past(worker, name).index(kept)
    until(lambda: len(shown(page)) >= 20, 30, "more posts")
    found = shown(page)
    assert found == past(worker, name)[first : first + len(found)]
    httpx.delete(f"{worker.url}/topics/{name}", timeout=30).raise_for_status()
    until(lambda: any("the end" in said for said in shown(page, "#said li")), 30, "the page says that it is over")
    assert any(f'deleted: {{"topic":"{name}"}}' in said for said in shown(page, "#said li"))


def page_kept(page: Page, address: str, name: str, worker: Worker) -> str:
    """Open the page again; the id of the post that follows the place it had kept."""
    places: list[str] = []
    page.on("request", lambda request: places.append(request.url))
    page.goto(address)
    until(lambda: len(shown(page)) > 0, 30, "posts")
    (stream,) = [url for url in places if "/feeds/" in url and "page.html" not in url]
    place = httpx.URL(stream).params["last_event_id"]
    answer = httpx.get(f"{worker.url}/topics/{name}/posts", params={"after": place, "last": 1}, timeout=30)
    followed: str = answer.json()["posts"][0]["id"]
    return followed


def test_the_page_says_what_is_missing_and_what_is_not_there(worker: Worker, page: Page) -> None:
    feed = f"{worker.url}/feeds/alir"
    page.goto(f"http://127.0.0.1:{PAGE_PORT}/page.html?feed={worker.url}/feeds/tiada")
    until(lambda: "there is no such feed" in shown(page, "#said li"), 30, "what is not there")
    page.evaluate("feed => localStorage.setItem(feed, 'alir@1:5')", feed)
    page.goto(f"http://127.0.0.1:{PAGE_PORT}/page.html?feed={feed}")
    until(lambda: any("posts are missing" in said for said in shown(page, "#said li")), 30, "the gap")
    until(lambda: shown(page), 30, "posts")
