"""A WebSocket that posts come over: opened, read in bursts, and each way it can end told in one line.

Duty: what aiohttp's client reports in many ways is here a message, Interrupted (the connection is over), Answered (the
server would not open it) or Unreadable (a message that cannot be had). It knows no network. Limits: it reads no
further ahead than TCP and aiohttp's buffer of 128 KiB, and says nothing but what the protocol asks for.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp import WSMsgType
from aiohttp.http_websocket import WebSocketError, WSCloseCode
from yarl import URL

from tweetream.sources.base import Disconnected

MAX_MESSAGE = 4 * 1024 * 1024  # bytes; a longer one ends the connection unread
CONNECT = 20.0  # seconds to wait for a connection at most
FEED_IDLE_TIMEOUT = 0.005  # seconds that a burst waits for its next message
GOODBYE = 0.5  # seconds to take leave
MAX_SAID = 200  # characters of what a server says that are repeated


class Answered(Exception):
    """The server does not open a WebSocket: a status of HTTP, what it says to that, and when it may be asked again."""

    def __init__(self, status: int, said: str, not_before: float) -> None:
        super().__init__(f"answers {status}" + (f" ({said})" if said else ""))
        self.status = status
        self.not_before = not_before


class Unreadable(Exception):
    """A message ended the connection, and may well do so again: over MAX_MESSAGE, or none of the protocol's."""

    def __init__(self, reason: str, too_long: bool) -> None:
        super().__init__(reason)
        self.too_long = too_long


def one_line(said: object) -> str:
    """What others say, fit for a message of one line."""
    line = " ".join(str(said).split())
    return "".join(filter(str.isprintable, line))[:MAX_SAID]


class Socket:
    """An open WebSocket to `host`, that bears `silence` seconds without a word, be it a ping."""

    def __init__(self, ws: "aiohttp.ClientWebSocketResponse[bool]", host: str, silence: float) -> None:
        self._ws, self._host, self._silence = ws, host, silence

    async def burst(self, take: Callable[[bytes], bool]) -> None:
        """Give `take` the next message, and those close behind it, as long as it returns true.

        Raises Interrupted or Unreadable when there is no next one; `take` may have got some before.
        """
        try:
            first = await self._receive(self._silence)
        except TimeoutError:
            raise Disconnected(f"{self._host} has said nothing for {self._silence:g} s") from None
        if not take(first):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FEED_IDLE_TIMEOUT):
                while take(await self._receive()):
                    pass

    async def _receive(self, timeout: float | None = None) -> bytes:
        message = await self._ws.receive(timeout)
        if message.type is WSMsgType.TEXT:
            data: bytes = message.data
            return data
        if message.type is WSMsgType.BINARY:  # nobody asked for any: as good as an empty one
            return b""
        if message.type is WSMsgType.ERROR and isinstance(message.data, WebSocketError):
            too_long = message.data.code == WSCloseCode.MESSAGE_TOO_BIG
            what = f"a message over {MAX_MESSAGE:,} bytes" if too_long else f"no WebSocket's: {one_line(message.data)}"
            raise Unreadable(f"{self._host} sent {what}", too_long)
        if message.type is WSMsgType.CLOSE:
            said = f"{message.data}" + (f", {one_line(message.extra)}" if message.extra else "")
            raise Disconnected(f"{self._host} closed the stream ({said})")
        cause = f": {one_line(message.data)}" if message.type is WSMsgType.ERROR else ""
        raise Disconnected(f"the connection to {self._host} broke off{cause}")


@contextlib.asynccontextmanager
async def open_socket(url: URL, silence: float, protocols: tuple[str, ...] = ()) -> AsyncIterator[Socket]:
    """Connect, and close at the end. Raises Interrupted or Answered; nothing of the URL but its host is in them."""
    host, said = url.host or "", [""]

    async def listen(request: aiohttp.ClientRequest, go_on: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        answer = await go_on(request)
        if answer.status != 101:  # aiohttp throws it away
            said[0] = one_line((await answer.content.read(2048)).decode("utf-8", "replace"))
        return answer

    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, middlewares=(listen,)) as session:
        try:
            async with asyncio.timeout(min(silence, CONNECT)):
                ws = await session.ws_connect(url, protocols=protocols, max_msg_size=MAX_MESSAGE, decode_text=False)
        except aiohttp.WSServerHandshakeError as error:
            later = error.headers.get("Retry-After", "") if error.headers else ""
            raise Answered(error.status, said[0], _moment(later)) from None
        except TimeoutError:
            raise Disconnected(f"{host} does not answer") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Disconnected(f"no connection to {host}: {_cause(error)}") from None
        try:
            yield Socket(ws, host, silence)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE):
                    await ws.close()


def _cause(error: Exception) -> str:
    """Why there is no connection, without what aiohttp says around it."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return one_line(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return one_line(error.os_error.strerror or error.os_error)
    return one_line(error) or type(error).__name__


def _moment(later: str) -> float:
    """When that is, in seconds since 1970, 0 if nobody can read it."""
    if later.isascii() and later.isdigit():
        return time.time() + min(int(later[:9]), 86_400)
    with contextlib.suppress(ValueError):
        return parsedate_to_datetime(later).timestamp()
    return 0.0
