"""The web server below Faust: what an idle, a slow and one connection too many get. No program is started."""

import asyncio
import contextlib
import gzip
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from tweetream.engine import http_connection, web_server
from tweetream.engine.web_server import Listener
from tweetream.settings import Settings
from tweetream.web.limits import ClientAddresses, ConnectionLimits

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
TIME = 0.3  # seconds of the time limits here


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    if request.path == "/large":
        return web.Response(body=bytes(20_000_000))
    if request.path == "/last":  # the system takes a part, and less than aiohttp waits for is left
        assert request.transport is not None
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        return web.Response(body=bytes(60_000), headers={"Connection": "close"})
    if request.path == "/left":
        raise ConnectionResetError("Cannot write to closing transport")
    if request.path == "/body":
        return web.Response(body=await request.read())
    if request.path == "/stream":
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(4):
            await asyncio.sleep(TIME / 2)
            await response.write(b"x")
        return response
    return web.Response(text="well")


class Limits(ConnectionLimits):
    def __init__(self, most: int, each: int, trusted: tuple[str, ...] = ()) -> None:
        super().__init__(Settings(), 1_000, ClientAddresses(trusted))
        self._max, self._max_each = most, each

    @property
    def count(self) -> int:
        return self._all


class Served:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.listener = Listener([self.socket], web.Server(answer), None, limits)
        self.listener.start()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def all_gone(self) -> None:
        async with asyncio.timeout(5):
            while self.limits.count:
                await asyncio.sleep(0.01)


@pytest.fixture
async def serve(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Served]]:
    monkeypatch.setattr(http_connection, "HEADERS_TIMEOUT", TIME)
    monkeypatch.setattr(http_connection, "KEEP_ALIVE_TIMEOUT", 3 * TIME)
    monkeypatch.setattr(http_connection, "READ_TIMEOUT", TIME)
    started: list[Served] = []

    def start(most: int = 100, each: int = 100, trusted: tuple[str, ...] = ()) -> Served:
        started.append(Served(Limits(most, each, trusted)))
        return started[-1]

    yield start
    for served in started:
        served.listener.stop()
        await served.all_gone()


async def closed_after(reader: asyncio.StreamReader) -> tuple[float, bytes]:
    """How long until the server closes the connection, and what it sent."""
    began = time.monotonic()
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            return 0.0 if (got := await reader.read()) is None else time.monotonic() - began, got
    return time.monotonic() - began, b""


def test_the_limits_are_those_that_the_documents_name() -> None:
    limits = http_connection.HEADERS_TIMEOUT, http_connection.KEEP_ALIVE_TIMEOUT
    assert limits == (10.0, 75.0)


async def test_a_connection_that_sends_nothing_is_closed(serve: Callable[..., Served]) -> None:
    reader, writer = await serve().connect()
    took, got = await closed_after(reader)
    assert got == b"" and TIME / 2 < took < 2.5 * TIME
    writer.close()


async def test_headers_that_trickle_do_not_extend_their_time(serve: Callable[..., Served]) -> None:
    """Slowloris: a byte now and then held a connection for ever."""
    reader, writer = await serve().connect()

    async def trickle() -> None:
        for byte in REQUEST[:-2]:
            writer.write(bytes([byte]))
            await asyncio.sleep(TIME / 20)

    slow = asyncio.create_task(trickle())
    took, got = await closed_after(reader)
    assert got.startswith(b"HTTP/1.1 408 ") or not got  # a byte that comes after the end resets what was sent
    assert took < 2.5 * TIME and not slow.done()
    slow.cancel()
    writer.close()


async def test_a_connection_is_kept_between_requests_but_not_for_ever(serve: Callable[..., Served]) -> None:
    reader, writer = await serve().connect()
    for _ in range(2):
        writer.write(REQUEST)
        assert b"well" in await asyncio.wait_for(reader.readuntil(b"well"), 5)
        await asyncio.sleep(1.5 * TIME)  # longer than headers may take
    took, got = await closed_after(reader)
    assert got == b"" and took < 3.5 * TIME
    writer.close()


async def test_the_headers_of_the_second_request_have_the_same_limit(serve: Callable[..., Served]) -> None:
    reader, writer = await serve().connect()
    writer.write(REQUEST)
    await asyncio.wait_for(reader.readuntil(b"well"), 5)
    writer.write(REQUEST[:10])
    took, got = await closed_after(reader)
    assert got.startswith(b"HTTP/1.1 408 ") and took < 2.5 * TIME
    writer.close()


async def test_a_stream_is_not_cut_by_these_limits(serve: Callable[..., Served]) -> None:
    reader, writer = await serve().connect()
    writer.write(REQUEST.replace(b"/ ", b"/stream "))
    assert b"0\r\n\r\n" in await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 5)
    writer.close()


@pytest.mark.parametrize("path", [b"/large ", b"/last "])
async def test_an_answer_that_nobody_reads_is_given_up(serve: Callable[..., Served], path: bytes) -> None:
    """Attack: the last 64 KiB of an answer kept a closed connection for ever."""
    served = serve()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.connect(("127.0.0.1", served.port))
        client.sendall(REQUEST.replace(b"/ ", path))
        while not served.limits.count:
            await asyncio.sleep(0.01)
        await served.all_gone()


@pytest.mark.parametrize(("most", "each"), [(3, 100), (100, 3)], ids=["in all", "of one address"])
async def test_a_connection_over_the_bound_is_closed_at_once(
    serve: Callable[..., Served], most: int, each: int, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(most, each)
    kept = [await served.connect() for _ in range(3)]
    for _, writer in kept:
        writer.write(REQUEST)
    for reader, _ in kept:
        await asyncio.wait_for(reader.readuntil(b"well"), 5)
    for _ in range(20):
        reader, writer = await served.connect()
        took, _ = await closed_after(reader)
        assert took < TIME
        writer.close()
    assert len(caplog.records) == 1, "one line in a period, however many connections"
    assert served.limits.count == 3
    kept[0][1].close()
    async with asyncio.timeout(5):
        while served.limits.count == 3:
            await asyncio.sleep(0.01)
    reader, writer = await served.connect()
    writer.write(REQUEST)
    await asyncio.wait_for(reader.readuntil(b"well"), 5)
    for _, other in [*kept, (reader, writer)]:
        other.close()


async def test_the_bound_of_an_address_does_not_hold_for_a_trusted_proxy(serve: Callable[..., Served]) -> None:
    served = serve(100, 1, ("127.0.0.1",))
    opened = [await served.connect() for _ in range(3)]
    for reader, writer in opened:
        writer.write(REQUEST)
        await asyncio.wait_for(reader.readuntil(b"well"), 5)
        writer.close()


async def test_without_open_files_accepting_pauses_and_is_one_line(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """asyncio logged 150 MB a minute."""
    monkeypatch.setattr(web_server, "PAUSE", 0.02)
    tries = 0

    class Lacking:
        def __getattr__(self, name: str) -> object:
            return getattr(served.socket, name)

        def accept(self) -> object:
            nonlocal tries
            tries += 1
            if tries < 10:
                raise OSError(24, "Too many open files")
            return served.socket.accept()

    served = serve()
    loop = asyncio.get_running_loop()
    loop.remove_reader(served.socket)
    lacking: Any = Lacking()
    loop.add_reader(served.socket, served.listener._accept, lacking)
    with caplog.at_level(logging.WARNING):
        reader, writer = await served.connect()
        writer.write(REQUEST)
        await asyncio.wait_for(reader.readuntil(b"well"), 5)
    assert tries >= 10 and len(caplog.records) == 1
    writer.close()


@pytest.mark.parametrize(
    ("files", "streams", "each", "found"),
    [
        (11_000, 10_000, 1_000, (10_500, 1_100)),
        (1_000_000, 10_000, 10_000, (10_500, 10_100)),
        (1_024, 10_000, 1_000, (524, 424)),
        (256, 10_000, 1_000, (128, 96)),
    ],
)
def test_the_bounds_leave_files_for_kafka_and_places_for_others(
    files: int, streams: int, each: int, found: tuple[int, int]
) -> None:
    limits = ConnectionLimits(Settings(max_streams=streams, max_streams_per_address=each), files, ClientAddresses(()))
    assert (limits._max, limits._max_each) == found


async def test_a_compressed_body_is_not_unpacked(serve: Callable[..., Served]) -> None:
    """Attack: a body of 1 MB unpacks to 1 GB."""
    packed = gzip.compress(bytes(1_000_000))
    reader, writer = await serve().connect()
    head = f"POST /body HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    writer.write(head.encode() + packed)
    answered = await reader.readuntil(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(packed) in answered
    assert await reader.readexactly(len(packed)) == packed
    writer.close()


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/9.9\r\n\r\n", REQUEST.replace(b"x", b"x\r\nHost: y"), b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n"],
    ids=["version", "two hosts", "long"],
)
async def test_what_is_not_http_is_400_and_few_lines_in_the_log(
    serve: Callable[..., Served], caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    """Attack: each such request logged a traceback, 50 MB a minute for one client."""
    served = serve()
    for _ in range(20):
        reader, writer = await served.connect()
        writer.write(sent)
        answered = await asyncio.wait_for(reader.read(), 5)
        assert b" 400 " in answered and answered.endswith(b'valid HTTP/1.1"}') and b"problem+json" in answered
        writer.close()
    assert len(caplog.records) <= 1 and not any(record.exc_info for record in caplog.records)


async def test_a_client_that_leaves_in_the_middle_of_an_answer_is_no_line_in_the_log(
    serve: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    """Attack: each such client logged a traceback."""
    reader, writer = await serve().connect()
    writer.write(REQUEST.replace(b"GET /", b"GET /left"))
    await asyncio.wait_for(reader.read(4096), 5)
    writer.close()
    assert not caplog.records
