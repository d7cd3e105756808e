"""A WebSocket client for a stream of posts: opens the connection and reads messages in bursts.

aiohttp reports the end of a connection in many ways; here it is one of three exceptions, each with a one-line reason:
Disconnected, HandshakeRejected or Unreadable. The module knows no network. It reads ahead only the buffers of TCP and
aiohttp (128 KiB), and sends only what the protocol requires.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from aiohttp import WSMsgType
from aiohttp.http_websocket import WebSocketError, WSCloseCode
from yarl import URL

from tweetream.models.printable import printable
from tweetream.sources.addresses import Hosts
from tweetream.sources.base import Disconnected
from tweetream.sources.http import open_session, read_at_most
from tweetream.sources.retry_time import retry_time

MAX_MESSAGE = 4 * 1024 * 1024  # bytes; a longer message ends the connection
CONNECT_TIMEOUT = 20.0  # seconds
BURST_TIMEOUT = 0.005  # seconds that a burst waits for its next message
CLOSE_TIMEOUT = 0.5  # seconds for the closing handshake
MAX_QUOTED = 200  # characters of a server's text that a message quotes


class HandshakeRejected(Exception):
    """The server does not open a WebSocket: its HTTP status and text, and the earliest time to try again."""

    def __init__(self, status: int, text: str, not_before: float) -> None:
        super().__init__(f"answers {status}" + (f" ({text})" if text else ""))
        self.status = status
        self.not_before = not_before


class Unreadable(Exception):
    """A message ended the connection, and may do so again: it is over MAX_MESSAGE, or breaks the protocol."""

    def __init__(self, reason: str, too_long: bool) -> None:
        super().__init__(reason)
        self.too_long = too_long


class Socket:
    """An open WebSocket to `host`. It fails after `silence` seconds without a message or ping."""

    def __init__(self, ws: "aiohttp.ClientWebSocketResponse[bool]", host: str, silence: float) -> None:
        self._ws, self._host, self._silence = ws, host, silence

    async def burst(self, take: Callable[[bytes], bool]) -> None:
        """Give `take` the next message, and those that follow at once, while it returns true.

        Raises Disconnected or Unreadable at the end; `take` may have received messages before.
        """
        try:
            first = await self._receive(self._silence)
        except TimeoutError:
            raise Disconnected(f"{self._host} has sent nothing for {self._silence:g} s") from None
        if not take(first):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BURST_TIMEOUT):
                while take(await self._receive()):
                    pass

    async def _receive(self, timeout: float | None = None) -> bytes:
        message: Any = await self._ws.receive(timeout)
        while message.type in (WSMsgType.PING, WSMsgType.PONG):
            await self._answer(message)
            message = await self._ws.receive(timeout)
        if message.type is WSMsgType.TEXT:
            data: bytes = message.data
            return data
        if message.type is WSMsgType.BINARY:  # not expected, so it counts as an empty message
            return b""
        if message.type is WSMsgType.ERROR and isinstance(message.data, WebSocketError):
            too_long = message.data.code == WSCloseCode.MESSAGE_TOO_BIG
            bad = printable(message.data, MAX_QUOTED)
            fault = f"a message over {MAX_MESSAGE:,} bytes" if too_long else f"a bad frame: {bad}"
            raise Unreadable(f"{self._host} sent {fault}", too_long)
        if message.type is WSMsgType.CLOSE:
            code = f"{message.data}" + (f", {printable(message.extra, MAX_QUOTED)}" if message.extra else "")
            raise Disconnected(f"{self._host} closed the stream ({code})")
        cause = f": {printable(message.data, MAX_QUOTED)}" if message.type is WSMsgType.ERROR else ""
        raise Disconnected(f"the connection to {self._host} broke off{cause}")

    async def _answer(self, message: Any) -> None:
        """Answer a ping, and let other tasks run: aiohttp would answer a flood of pings without a pause."""
        if message.type is WSMsgType.PING:
            try:
                async with asyncio.timeout(self._silence):
                    await self._ws.pong(message.data)
            except TimeoutError:
                raise Disconnected(f"{self._host} does not read the answers to its pings") from None
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def open_socket(url: URL, hosts: Hosts, silence: float, protocols: tuple[str, ...] = ()) -> AsyncIterator[Socket]:
    """Connect, and close at the end. Raises Disconnected or HandshakeRejected, whose messages show only the host."""
    host, texts = url.host or "", [""]

    async def keep_text(request: aiohttp.ClientRequest, go_on: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        answer = await go_on(request)
        if answer.status != 101:  # aiohttp discards its body
            texts[0] = printable((await read_at_most(answer, 2048)).decode("utf-8", "replace"), MAX_QUOTED)
        return answer

    timeout = aiohttp.ClientTimeout(total=None)
    async with open_session(hosts, timeout, middlewares=(keep_text,)) as session:
        try:
            async with asyncio.timeout(min(silence, CONNECT_TIMEOUT)):
                ws = await session.ws_connect(
                    url, protocols=protocols, max_msg_size=MAX_MESSAGE, decode_text=False, autoping=False
                )
        except aiohttp.WSServerHandshakeError as error:
            raise HandshakeRejected(error.status, texts[0], retry_time(error.headers or {})) from None
        except TimeoutError:
            raise Disconnected(f"{host} does not answer") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Disconnected(f"no connection to {host}: {printable(_cause(error), MAX_QUOTED)}") from None
        try:
            yield Socket(ws, host, silence)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await ws.close()


def _cause(error: Exception) -> str:
    """The reason why there is no connection, without the text that aiohttp adds."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return str(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error.strerror or error.os_error)
    return str(error) or type(error).__name__
