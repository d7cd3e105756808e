"""`/session` gives a browser a cookie that only reads, and a metrics port answers nothing but metrics."""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer, unused_port

from tweetream.engine import http_connection
from tweetream.models.token import read_key
from tweetream.settings import Settings
from tweetream.web import health, limits, session
from tweetream.web.auth import authorize_change
from tweetream.web.middleware import application_options

TOKEN = "a-token-of-the-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SETTINGS = Settings(api_token=TOKEN, read="token", trusted_proxies=("127.0.0.1",))
handlers: Any = inspect.unwrap(session.Session)


@pytest.fixture
async def browser(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    monkeypatch.setattr(session, "settings", SETTINGS)

    async def read(request: web.Request) -> web.Response:
        return web.json_response([])

    async def change(request: web.Request) -> web.Response:
        authorize_change(request, SETTINGS)
        return web.json_response([])

    application = web.Application(middlewares=application_options(SETTINGS)["middlewares"])
    application.router.add_get("/feeds/x", read)
    application.router.add_delete("/topics/x", change)
    application.router.add_post("/session", partial(handlers.post, None))
    application.router.add_delete("/session", partial(handlers.delete, None))
    async with TestClient(TestServer(application), cookie_jar=CookieJar(unsafe=True)) as client:
        yield client


async def test_a_browser_with_a_token_gets_a_cookie_that_reads_until_it_ends(browser: Any) -> None:
    assert (await browser.get("/feeds/x")).status == 401
    begun = await browser.post("/session", headers=BEARER)
    cookie = begun.headers["Set-Cookie"]
    assert begun.status == 204
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; ")) and "Secure" not in cookie
    assert TOKEN not in cookie and read_key(TOKEN.encode()) in cookie
    assert (await browser.get("/feeds/x")).status == 200
    assert (await browser.delete("/topics/x")).status == 401, "a cookie changes nothing"
    assert (await browser.delete("/session")).status == 204
    assert (await browser.get("/feeds/x")).status == 401


async def test_only_a_right_token_begins_one_and_behind_tls_it_stays_there(browser: Any) -> None:
    for headers, status in (
        ({}, 401),
        ({"Authorization": "Bearer x"}, 403),
        (BEARER | {"Origin": "http://evil.x"}, 403),
    ):
        refused = await browser.post("/session", headers=headers)
        assert refused.status == status and "Set-Cookie" not in refused.headers
    begun = await browser.post("/session", headers=BEARER | {"X-Forwarded-Proto": "https"})
    assert "Secure" in begun.headers["Set-Cookie"].split("; ")


async def test_a_port_of_their_own_has_the_metrics_and_nothing_else() -> None:
    server, port = health.MetricsServer(), unused_port()
    await server.start("127.0.0.1", port)
    async with TestClient(TestServer(web.Application())) as client:
        answer = await client.session.get(f"http://127.0.0.1:{port}/metrics")
        assert answer.status == 200 and "tweetream_posts_read_total" in await answer.text()
        for path in ("/", "/topics", "/livez"):
            assert (await client.session.get(f"http://127.0.0.1:{port}{path}")).status == 404
    await server.stop()


async def test_idle_connections_to_the_metrics_port_are_closed_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: they were kept for an hour, and took all open files of a worker."""
    monkeypatch.setattr(http_connection, "HEADERS_TIMEOUT", 0.3)
    server, port = health.MetricsServer(), unused_port()
    await server.start("127.0.0.1", port)
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(limits.METRICS_PER_ADDRESS)]
    over, refused = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(over.read(), 0.2) == b""
    async with asyncio.timeout(5):
        assert [await reader.read() for reader, _ in idle] == [b""] * limits.METRICS_PER_ADDRESS
    for writer in (refused, *(writer for _, writer in idle)):
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    await server.stop()
