"""What applies to every request: errors as answers, and a time limit for bodies. In this process, without Faust."""

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import urljoin

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.paths import ROOT
from yarl import URL

from tweetream.settings import Settings
from tweetream.web import body, middleware
from tweetream.web.middleware import application_options
from tweetream.web.unread import Unread


async def lacking(request: web.Request) -> web.Response:
    raise OSError(24, "Too many open files")


async def bug(request: web.Request) -> web.Response:
    raise RuntimeError("a bug")


async def reading(request: web.Request) -> web.Response:
    return web.Response(body=await body.read_body(request))


async def named(request: web.Request) -> web.Response:
    return web.Response(text=f"{request.method} {request.path_qs}")


@pytest.fixture
async def client() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application(**application_options(Settings()))
    app.router.add_get("/lacking", lacking)
    app.router.add_get("/bug", bug)
    app.router.add_post("/reading", reading)
    app.router.add_get("/topics", named)
    app.router.add_post("/topics", named)
    app.router.add_get("/topics/{name}", named)
    app.router.add_get("/static/{path:.+}", named)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_a_lack_of_files_is_503_and_a_bug_500(
    client: TestClient[web.Request, web.Application], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        answer = await client.get("/lacking")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert len(caplog.records) <= 1, "one line in a period"
    assert (await client.get("/bug")).status == 500


async def test_a_body_that_stalls_is_408_and_the_connection_is_closed(
    client: TestClient[web.Request, web.Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that never ended held its connection for ever, also when a byte came now and then."""
    assert body.BODY_TIMEOUT == 30.0
    monkeypatch.setattr(body, "BODY_TIMEOUT", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(b"POST /reading HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
    began = time.monotonic()
    for _ in range(6):
        writer.write(b"x")
        await asyncio.sleep(0.05)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert head.startswith(b"HTTP/1.1 408 ") and b"Connection: close" in head and time.monotonic() - began < 1
    writer.close()


def test_every_handler_reads_bodies_within_the_time_limit() -> None:
    reads = {path.name for path in (ROOT / "tweetream/web").glob("*.py") if "request.read()" in path.read_text()}
    assert reads == {"body.py"}


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/topics/", "../topics"),
        ("/topics/?last=1&x=%2F", "../topics?last=1&x=%2F"),
        ("/topics/a%20b/", "../a%20b"),
        ("/topics/a:b/", "../a:b"),
        ("/static/posts/list.js/", "../list.js"),
    ],
)
async def test_a_slash_at_the_end_is_a_redirect_that_survives_a_prefix_and_keeps_the_method(
    client: TestClient[web.Request, web.Application], path: str, location: str
) -> None:
    for method in ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"):
        answer = await client.request(method, URL(path, encoded=True), allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (308, location)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    asked, _, query = path.partition("?")
    meant = urljoin(f"http://proxy/tweetream{asked}", location)
    assert meant == f"http://proxy/tweetream{asked.rstrip('/')}" + (f"?{query}" if query else "")


async def test_a_post_with_a_body_follows_the_redirect(client: TestClient[web.Request, web.Application]) -> None:
    answer = await client.post("/topics/?dry_run=true", data=b"x" * 100_000)
    assert (answer.status, await answer.text()) == (200, "POST /topics?dry_run=true")


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/nowhere/", "/topics/a%2F", "//", "/static/", "/topics//", "//evil.example//.."]
)
async def test_no_other_path_redirects_and_none_to_another_host(
    client: TestClient[web.Request, web.Application], path: str
) -> None:
    """A path that begins with two slashes names a host where it is taken for an address."""
    url = URL(f"http://127.0.0.1:{client.port}{path}", encoded=True)
    answer = await client.session.get(url, allow_redirects=False)
    assert answer.status in (200, 404) and "Location" not in answer.headers


async def test_requests_of_an_address_are_paced_and_probes_are_not(
    client: TestClient[web.Request, web.Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "REQUESTS", 3)
    monkeypatch.setattr(middleware, "PER_SECOND", 0.01)
    app = web.Application(**application_options(Settings(trusted_proxies="127.0.0.1")))
    for path in ("/topics", "/livez"):
        app.router.add_get(path, named)
    async with TestClient(TestServer(app)) as client:

        async def status(path: str, address: str) -> int:
            async with client.get(path, headers={"X-Forwarded-For": address}) as answer:
                return answer.status

        assert [await status("/topics", "10.0.0.1") for _ in range(5)] == [200] * 3 + [429] * 2
        assert await status("/topics", "10.0.0.2") == 200
        assert [await status("/livez", "10.0.0.1") for _ in range(5)] == [200] * 5


async def test_no_page_may_frame_this_one_but_those_of_the_settings() -> None:
    """Stops clickjacking: a page around ours that lays its own buttons over it."""
    for given, policy in (
        ((), "frame-ancestors 'none';"),
        (("self", "https://*.intranet.example"), "frame-ancestors 'self' https://*.intranet.example;"),
    ):
        app = web.Application(**application_options(Settings(frame_ancestors=given)))
        async with TestClient(TestServer(app)) as client:
            answer = await client.get("/")
            assert policy in answer.headers["Content-Security-Policy"]
            assert "X-Frame-Options" not in answer.headers


async def test_answers_that_a_client_does_not_read_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops a hundred connections that each ask for megabytes and read none of them."""
    body, asked = b"x" * 2**24, 0  # more than the system's own buffers take

    async def large(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(body=body)

    monkeypatch.setattr(middleware, "Unread", lambda: Unread(most_each=2 * len(body)))
    app = web.Application(**application_options(Settings()))
    app.router.add_get("/large", large)
    async with TestClient(TestServer(app)) as client:
        held = []
        for number in (1, 2):
            _, writer = await asyncio.open_connection(client.host, client.port, limit=1024)
            writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
            held.append(writer)
            while asked < number:
                await asyncio.sleep(0.01)
        refused = await client.get("/large")
        assert refused.status == 429 and "does not read" in (await refused.json())["detail"]
        assert (await client.get("/named")).status == 404
        for writer in held:
            writer.transport.abort()
        await asyncio.sleep(0.1)
        assert await (await client.get("/large")).read() == body
