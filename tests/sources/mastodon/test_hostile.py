"""A hostile Mastodon server gets no token for others, leads nowhere, stops no worker and marks no log."""

import asyncio
import gzip
import json
import time
from typing import Any

import pytest
from aiohttp import web
from support.networks.contract import Reading, one_line
from support.networks.hostile_server import HostileServer, response, stream
from support.networks.mastodon_harness import reading, source
from support.networks.mastodon_server import MastodonServer

from tweetream.settings import Settings
from tweetream.sources import open_source
from tweetream.sources.base import Context, Disconnected, FailureKind, SourceError
from tweetream.sources.mastodon import api
from tweetream.sources.mastodon.options import read_url
from tweetream.sources.supervisor import Supervisor

TOKEN = "Qm9ndXMtdG9rZW4tMTIz"
PATHS = ["/api/v2/instance", "/api/v1/timelines", "/api/v1/streaming"]
FOUND = {"/api/v2/instance": response(b"{}"), "/api/v1/timelines": response(b"[]"), "/api/v1/streaming": stream()}


def named(streaming: str) -> dict[str, Any]:
    return {"configuration": {"urls": {"streaming": streaming}}}


async def end(server: Any, query: str = "") -> Exception:
    """The error that ends the connection to a server, which has one printable line without the token."""
    async with Reading(source(server, query, token=TOKEN)) as got:
        error = one_line(await got.over())
    assert str(error).isprintable() and TOKEN not in str(error), error
    return error


# Where the token goes.


@pytest.mark.parametrize(
    "streaming",
    [
        *("wss://evil.example", "ws://localhost:{port}", "http://localhost:{port}/", "ws://127.0.0.1.evil.example"),
        *("ws://[::1]:{port}", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1", "ws://1.127.0.0.1"),
        *("ws://[::ffff:127.0.0.1]:{port}", "wss://ⓛocalhost:{port}", "wss://xn--e1afmkfd.example"),
    ],
)
async def test_another_site_for_the_stream_gets_no_token_and_the_line_says_how_to_allow_it(streaming: str) -> None:
    async with MastodonServer() as there, MastodonServer(token=TOKEN) as server:
        server.instance = named(streaming.format(port=there.port))
        error = await end(server)
        assert isinstance(error, SourceError) and "streaming=" in str(error) and not there.asked


@pytest.mark.parametrize(
    "streaming",
    [
        *("javascript:x", "//evil.example", "wss://", "wss://me:pass@127.0.0.1", "wss://127.0.0.1@evil.example"),
        *(
            "wss://a b",
            "wss://127.0.0.1:99999",
            "wss://[",
            "file:///etc/passwd",
            "x" * 100_000,
            "wss://h/" + "x" * 9000,
        ),
    ],
)
async def test_an_address_for_the_stream_that_cannot_be_is_not_used(streaming: str) -> None:
    async with MastodonServer() as server:
        server.instance = named(streaming)
        async with reading(source(server)):
            assert server.asked[-1] == "/api/v1/streaming/public"


async def test_the_site_that_the_url_allows_for_the_stream_gets_the_token() -> None:
    async with MastodonServer(token=TOKEN) as there, MastodonServer(token=TOKEN) as server:
        server.instance = named(f"ws://localhost:{there.port}")
        async with reading(source(server, "&streaming=localhost", token=TOKEN)):
            assert there.asked == ["/api/v1/streaming/public"] and "/api/v1/streaming/public" not in server.asked


def test_a_subdomain_for_the_stream_needs_no_option_and_a_neighbour_does() -> None:
    hosts = read_url("mastodon://mastodon.example").hosts
    assert hosts.covers("streaming.mastodon.example") and not hosts.covers("streaming.example")
    assert read_url("mastodon://a.example?streaming=Streaming.Example").hosts.covers("streaming.example")
    for bad in ("", "https://h", "h/path", "a b", "h:80"):
        with pytest.raises(SourceError, match="streaming is the host" if bad else "^"):
            open_source(f"mastodon://h?streaming={bad or ' '}", Context(Settings(_env_file=None), dict))


@pytest.mark.parametrize("path", PATHS)
async def test_a_redirect_is_not_followed_and_the_line_names_the_other_host(path: str) -> None:
    async with MastodonServer() as there, MastodonServer(token=TOKEN) as server:
        for status in (301, 302, 303, 307, 308):
            away = f"http://localhost:{there.port}/x?token={TOKEN}"
            server.answers[path] = [web.Response(status=status, headers={"Location": away})]
            error = await end(server)
            assert isinstance(error, Disconnected) and error.kind is FailureKind.HTTP
            assert f"127.0.0.1 redirects to http://localhost:{there.port}: give that host" in str(error)
        assert not there.asked


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("/other", "another path"),
        ("//evil.example/", "http://evil.example: give"),
        (f"https://{TOKEN}:{TOKEN}@evil.example/{TOKEN}", "https://evil.example: give"),
        (f"https://{TOKEN}.example", "https://***.example"),
        ("https://xn--e1afmkfd.example/", "example: give"),
        ("http://[", "no valid address"),
        ("http://[::1]:1@/x", "no valid address"),
        ("http://[::1" + "9" * 30 + "]:1/a", "no valid address"),
        ("http://[:\x161]:1/a", "no valid address"),
        ("javascript:alert(1)", "no valid address"),
        ("http://\x1b[31m/", "no valid address"),
        ("", "another path"),
    ],
)
async def test_where_a_redirect_leads_is_shown_safely(location: str, said: str) -> None:
    answer = response(b"", f"Location: {location}", status="302 Found")
    async with HostileServer(**{"/api/v2/instance": answer}) as server:
        error = str(await end(server))
        assert said.lower() in error.lower() or "invalid HTTP" in error, error


async def test_a_name_that_leads_to_this_machine_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    import aiohttp

    async def resolve(self: Any, host: str, port: int = 0, family: Any = 0) -> list[dict[str, Any]]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    context = Context(Settings(_env_file=None, mastodon_token=TOKEN), dict)
    async with MastodonServer() as server:
        url = f"mastodon://mas.example:{server.port}?scheme=http"
        async with Reading(open_source(url, context)) as got:
            assert "private address 127.0.0.1" in str(await got.over()) and not server.asked
        server.instance = named(f"ws://mas.example:{server.port}")
        async with Reading(open_source(f"{url}&private=true", context)) as got:
            await got.chunk()
            assert server.asked[-1] == "/api/v1/streaming/public"


async def test_a_cookie_is_never_sent_back() -> None:
    answers = FOUND | {"/api/v2/instance": response(b"{}", "Set-Cookie: id=1; Path=/")}
    async with HostileServer(**answers) as server, reading(source(server)):
        assert len(server.heard) == 3 and "cookie" not in "".join(server.heard).lower()
        assert all("Accept-Encoding: identity\r\n" in head for head in server.heard)


# What it may send.


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "\x1b[31m"])
async def test_a_packed_response_that_nobody_asked_for_is_refused_unread(path: str, encoding: str) -> None:
    """A megabyte of gzip would unpack to a gigabyte."""
    bomb = gzip.compress(b"[" + b" " * 10_000_000)
    answer = response(bomb, f"Content-Encoding: {encoding}", "Content-Type: text/event-stream")
    async with HostileServer(**FOUND | {path: answer}) as server:
        error = await end(server)
        assert isinstance(error, Disconnected) and error.kind is FailureKind.HTTP
        assert "which was not asked for" in str(error) or "invalid HTTP" in str(error)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "status",
    ["503 \x1b[31mred\x1b]0;title\x07", "503 \x9b31m\x85forged", f"503 your token is {TOKEN}", f"5\x1b[2J3 {TOKEN}"],
)
async def test_the_reason_of_a_server_marks_no_log_and_has_no_token(
    path: str, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with HostileServer(**FOUND | {path: response(b"", status=status)}) as server:
        supervisor, waited = Supervisor(source(server, token=TOKEN), sleep=cancel), ""
        with pytest.raises(asyncio.CancelledError):
            await supervisor.run(None, lambda chunk: asyncio.sleep(0))
        waited = supervisor.status.reason
        assert waited and waited.isprintable() and TOKEN not in waited + caplog.text
        assert all(record.message.isprintable() for record in caplog.records) and caplog.records


async def cancel(seconds: float) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    "answer",
    [
        response(json.dumps({"error": TOKEN}).encode(), f"X-{TOKEN}: \x1b", status="500 Oops"),
        response(b"", f"{TOKEN}\x1b[31m", status="200 OK"),
        f"HTTP/{TOKEN} 200 OK\r\n\r\n".encode(),
        f"{TOKEN}\x1b[31m\r\n\r\n".encode(),
        response(b"", *(f"X-{number}: {TOKEN}" for number in range(1000))),
        response(b"", f"X-Long: {TOKEN * 1000}"),
        f"HTTP/1.1 200 {TOKEN * 1000}\r\n\r\n".encode(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + TOKEN.encode() + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\nContent-Length: 5\r\n\r\n",
        b"\x16\x03\x01" + TOKEN.encode() * 100,
    ],
    ids=range(10),
)
async def test_http_that_is_broken_on_purpose_is_one_line_without_the_token(answer: bytes) -> None:
    for path in PATHS:
        async with HostileServer(**FOUND | {path: answer}) as server:
            assert isinstance(await end(server), Disconnected | SourceError)


async def test_a_body_has_a_limit_in_bytes_in_statuses_and_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with HostileServer(**FOUND) as server:
        server.answers["/api/v2/instance"] = response(b"[" + b" " * (api.MAX_INSTANCE + 1))
        assert "over" in str(await end(server))
        server.answers["/api/v2/instance"] = response(b'{"configuration": ' + b"[" * 100_000)
        server.answers["/api/v1/timelines"] = response(b"[" + b"{}," * 100_000 + b"{}]")
        assert "cannot be read" in str(await end(server))
        monkeypatch.setattr(api, "RESPONSE_TIMEOUT", 0.2)
        for path, beginning in (("/api/v1/timelines", "Content-Length: 99\r\n\r\n"), ("/api/v1/streaming", "X: ")):
            answers = FOUND | {path: _dripping(f"HTTP/1.1 200 OK\r\n{beginning}".encode())}
            server.answers = dict(answers)
            began = time.monotonic()
            assert "in 0.2 s" in str(await end(server)) and time.monotonic() - began < 2


def _dripping(beginning: bytes) -> Any:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    return drip


@pytest.mark.parametrize(
    "event", [b"data\n\n", b"event:update\ndata:{\n\n", b":\n", b"\n", b"event:delete\ndata:1\n\n"]
)
async def test_a_flood_of_tiny_events_leaves_time_for_others(event: bytes) -> None:
    """256 KiB of them were one chunk, for which nothing else ran."""
    flood = stream(event * (500_000 // len(event)))
    async with HostileServer(**FOUND | {"/api/v1/streaming": flood}) as server:
        supervisor, longest = Supervisor(source(server)), 0

        async def take(chunk: Any) -> None:
            nonlocal longest
            longest = max(longest, chunk.dropped.total())

        task = asyncio.create_task(supervisor.run(None, take))
        for _ in range(100):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            while not server.heard[2:]:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait({task})
        assert longest <= api.MAX_PIECE // len(event) + 1


@pytest.mark.parametrize("after", ["1e9", "9999999999", "-5", "Fri, 31 Dec 9999 23:59:59 GMT", "\x01"])
async def test_an_absurd_time_to_wait_is_bounded(after: str) -> None:
    async with HostileServer(**FOUND) as server:
        server.answers["/api/v1/streaming"] = response(b"", f"Retry-After: {after}", status="429 Slow down")
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await Supervisor(source(server), sleep=sleep).run(None, lambda chunk: asyncio.sleep(0))
        assert 1 <= waits[0] <= 3600
