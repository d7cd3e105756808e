"""A hostile Jetstream server: it leads nowhere, packs nothing, keeps nobody waiting and marks no log."""

import asyncio
import base64
import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from support.networks.contract import Reading, one_line
from support.networks.hostile_server import HostileServer, response
from support.networks.jetstream_reading import source

from tweetream.sources.base import Chunk, Disconnected, FailureKind
from tweetream.sources.bluesky.source import MAX_MESSAGES, Bluesky
from tweetream.sources.supervisor import Supervisor

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Frames(HostileServer):
    """Opens each WebSocket and then sends these bytes; the connection stays open."""

    def __init__(self, sent: bytes, *headers: str) -> None:
        super().__init__()
        self.answers["/subscribe"] = self._open
        self._sent, self._headers = sent, headers

    async def _open(self, writer: asyncio.StreamWriter) -> None:
        found = re.search(r"Sec-WebSocket-Key: (\S+)", self.heard[-1], re.IGNORECASE)
        assert found is not None
        accept = base64.b64encode(hashlib.sha1((found[1] + GUID).encode()).digest()).decode()
        head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        head += [f"Sec-WebSocket-Accept: {accept}", *self._headers, "", ""]
        writer.write("\r\n".join(head).encode() + self._sent)
        await writer.drain()
        await asyncio.sleep(60)


def url(server: HostileServer) -> str:
    return f"ws://127.0.0.1:{server.port}/subscribe"


def frame(payload: bytes, first: int = 0x81) -> bytes:
    return bytes([first, 126]) + len(payload).to_bytes(2, "big") + payload


async def end(server: HostileServer) -> Exception:
    async with server, Reading(source(url(server))) as got:
        error = one_line(await got.over())
        assert str(error).isprintable()
        return error


async def test_a_redirect_is_not_followed_and_the_line_names_the_other_host() -> None:
    async with HostileServer() as there:
        for status in ("301 Moved", "307 Temporary"):
            away = f"Location: http://localhost:{there.port}/subscribe"
            error = await end(HostileServer(**{"/subscribe": response(b"", away, status=status)}))
            assert isinstance(error, Disconnected) and error.kind is FailureKind.HTTP
            assert f"redirects to http://localhost:{there.port}" in str(error)
        assert not there.heard


async def test_a_packed_response_is_refused_and_nothing_is_asked_to_be_packed() -> None:
    server = HostileServer(**{"/subscribe": response(b"x", "Content-Encoding: gzip", status="400 Bad")})
    assert "sends gzip" in str(await end(server))
    assert "Accept-Encoding: identity" in server.heard[0] and "permessage-deflate" not in server.heard[0]


async def test_a_packed_message_that_nobody_asked_for_is_a_bad_frame() -> None:
    """A few kilobytes would unpack to gigabytes."""
    packer = zlib.compressobj(wbits=-15)
    bomb = packer.compress(b"x" * 20_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)
    server = Frames(frame(bomb, 0xC1), "Sec-WebSocket-Extensions: permessage-deflate")
    assert "bad frame" in str(await end(server))


async def test_a_message_of_any_number_of_parts_has_the_same_limit() -> None:
    parts = b"\x01\x00" + b"\x00\x01x" * 100_000
    assert "sent" in str(await end(Frames(parts)))


@pytest.mark.parametrize("text", [b"\x1b[31mred\x1b[0m", b"\xe2\x80\xaegnp", b"a\r\nforged", b"\x9b31m"])
async def test_the_words_of_a_server_mark_no_log(text: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert "400" in str(await end(HostileServer(**{"/subscribe": response(text, status="400 Bad")})))
    closing = (1001).to_bytes(2, "big") + text
    await end(Frames(bytes([0x88, len(closing)]) + closing))
    info = {"$type": "network.bsky.jetstream.subscribeEvents#info", "name": text.decode("latin-1"), "message": "x"}
    words = json.dumps({"$type": "message", "payload": info}).encode()
    async with Frames(frame(words)) as server:
        server.answers["/xrpc"] = server.answers["/subscribe"]
        v2 = f"ws://127.0.0.1:{server.port}/xrpc/network.bsky.jetstream.subscribeEvents"
        async with Reading(source(v2, silence=0.2)) as got:
            await got.over()
    assert caplog.records and all(record.message.isprintable() for record in caplog.records)


@pytest.mark.parametrize("sent", [b"\x89\x00", b"\x81\x00", b"\x81\x01{"])
async def test_a_flood_of_tiny_messages_leaves_time_for_others(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """aiohttp answers pings in a loop of its own: 100,000 of them were answered before anything else ran."""
    turns, at = 0, Counter[int]()  # of the event loop, and how often the source did something in each

    async def pong(self: Any, message: bytes = b"") -> None:
        at[turns] += 1

    async def take(chunk: Chunk) -> None:
        at[turns] += 1
        assert chunk.dropped.total() <= MAX_MESSAGES

    async def others() -> None:
        nonlocal turns
        while at.total() < 5:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(aiohttp.ClientWebSocketResponse, "pong", pong)
    async with Frames(sent * 20_000) as server, asyncio.timeout(5):
        reading = asyncio.create_task(Supervisor(source(url(server), silence=5.0)).run(None, take))
        await others()
        reading.cancel()
        await asyncio.wait({reading})
    assert max(at.values()) <= 2, at


async def test_a_server_that_reads_no_answers_to_its_pings_is_left() -> None:
    async def deaf(writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await server._open(writer)

    server = Frames((b"\x89\x7d" + b"x" * 125) * 60_000)
    server.answers["/subscribe"] = deaf
    async with server, Reading(source(url(server), silence=0.3)) as got:
        error = await got.over(timeout=20.0)
    assert error is not None and "does not read" in str(error)


async def test_a_name_that_leads_to_this_machine_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(self: Any, host: str, port: int = 0, family: Any = 0) -> list[dict[str, Any]]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    async with Frames(b"") as server:
        address = f"ws://jet.example:{server.port}/subscribe"
        async with Reading(source(address)) as got:
            assert "private address 127.0.0.1" in str(await got.over()) and not server.heard
        async with Reading(source(address, "&private=true")) as got:
            await got.chunk()
            assert server.heard


async def test_an_absurd_time_to_wait_is_bounded() -> None:
    for after in ("1e9", "9999999999", "-5", "Fri, 31 Dec 9999 23:59:59 GMT"):
        slow = response(b"", f"Retry-After: {after}", status="429 Slow")
        waits: list[float] = []

        async def sleep(seconds: float, waits: list[float] = waits) -> None:
            waits.append(seconds)
            raise asyncio.CancelledError

        take: Callable[[Any], Awaitable[None]] = lambda chunk: asyncio.sleep(0)  # noqa: E731
        async with HostileServer(**{"/subscribe": slow}) as server:
            with pytest.raises(asyncio.CancelledError):
                await Supervisor(Bluesky(f"bluesky:?url={url(server)}"), sleep=sleep).run(None, take)
        assert 60 <= waits[0] <= 3600
