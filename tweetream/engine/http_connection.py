"""One HTTP connection: how long a client may take for the headers of a request, between requests, and to read.

aiohttp limits only the time between requests. Without the other limits an idle client holds a connection for ever. It
also logs a traceback for each request that is not HTTP, so that any client could fill the disk. Here it is a line.
How long a body may take is in `web.body`; streams have limits of their own (`web.stream`). Knows no Faust.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from typing_extensions import override

from tweetream.kafka.retry import Reminder
from tweetream.models.printable import printable

log = logging.getLogger(__name__)
HEADERS_TIMEOUT = 10.0  # seconds from the connection, or from a request's first byte, to the end of its headers
KEEP_ALIVE_TIMEOUT = 75.0  # seconds between two requests
LINGERING_TIME = 3.0  # seconds that the rest of a body is read and ignored, so that the client sees the answer
READ_TIMEOUT = 30.0  # seconds in which a client must take READ_BYTES of an answer
READ_BYTES = 64 * 1024
_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_NOT_HTTP = b'{"type":"about:blank","title":"Bad Request","status":400,"detail":"the request is not valid HTTP/1.1"}'
_malformed = Reminder(log)


class HttpConnection(web.RequestHandler):
    """aiohttp's connection with more time limits. It calls `ended` once, when the connection is lost."""

    __slots__ = ("_ended", "_headers_timer", "_read_timer", "_begun")

    def __init__(self, server: web.Server, ended: Callable[[], object] = lambda: None) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=KEEP_ALIVE_TIMEOUT,
            lingering_time=LINGERING_TIME,
            auto_decompress=False,  # 1 MiB would unpack to 1 GiB in the loop, before a handler could refuse it
        )
        self._ended = ended
        self._begun = False  # whether a part of the awaited headers has come
        self._headers_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if isinstance(transport, asyncio.WriteTransport):
            # The limit for reading holds for the last bytes too: a closed transport waits for ever until they are read.
            transport.set_write_buffer_limits(high=0)
        self._await_headers()

    @override
    def data_received(self, data: bytes) -> None:
        requests = self._request_count
        super().data_received(data)
        if self._request_count != requests:
            _cancel(self._headers_timer)
            self._headers_timer = None
        elif self._waiter is not None and not self._waiter.done() and data:  # no request is in progress
            if self._headers_timer is None:
                self._await_headers()
            self._begun = True

    def _await_headers(self) -> None:
        self._begun = False
        self._headers_timer = asyncio.get_running_loop().call_later(HEADERS_TIMEOUT, self._headers_late)

    def _headers_late(self) -> None:
        self._headers_timer = None
        if self._begun and self.transport is not None:
            self.transport.write(_TIMED_OUT)
        self.force_close()

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        response = super().handle_error(request, status, exc, message)
        if status == 400 and isinstance(response, web.Response):
            response.body = _NOT_HTTP
            response.headers["Content-Type"] = "application/problem+json"
        return response

    @override
    def log_exception(self, *args: Any, **kw: Any) -> None:
        error = kw.get("exc_info")
        if isinstance(error, HttpProcessingError):
            _malformed.warn("%s and others send what is not HTTP: %s", self._peer(), printable(error))
        elif not isinstance(error, ConnectionError):  # a client that has left is nothing to tell
            super().log_exception(*args, **kw)

    def _peer(self) -> str:
        return str(self.peername[0]) if self.peername else "a client"

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reading()

    @override
    def resume_writing(self) -> None:
        _cancel(self._read_timer)
        super().resume_writing()

    def _await_reading(self) -> None:
        size = self._unread()
        self._read_timer = asyncio.get_running_loop().call_later(READ_TIMEOUT, self._look_at_reading, size)

    def _look_at_reading(self, before: int) -> None:
        if self._unread() > before - READ_BYTES and self.transport is not None:
            self.transport.abort()
        else:
            self._await_reading()

    def _unread(self) -> int:
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        _cancel(self._headers_timer)
        _cancel(self._read_timer)
        super().connection_lost(exc)
        self._ended()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    """Cancel a timer; a cancelled one may be cancelled again."""
    if timer is not None:
        timer.cancel()
