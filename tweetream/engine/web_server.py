"""Faust's web server, which accepts connections by itself: it bounds them, and outlives a lack of open files.

At the limit of open files asyncio tries to accept again without a pause, and logs each attempt. Here a connection over
the bound is closed at once, before anything is made for it. If the limit is met all the same, accepting pauses.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack
from ssl import SSLContext, SSLError
from typing import Any, Protocol

from aiohttp import web
from faust.web.drivers import aiohttp as driver
from typing_extensions import override

from tweetream import metrics
from tweetream.engine.http_connection import HttpConnection
from tweetream.kafka.retry import Reminder
from tweetream.models.errors import is_machine_error
from tweetream.settings import addresses_of, in_url

log = logging.getLogger(__name__)
BACKLOG = 512  # connections that the system holds until they are accepted
AT_ONCE = 32  # connections accepted before other tasks get their turn
PAUSE = 0.5  # seconds without accepting when this machine lacks files


class Admission(Protocol):
    """Decides which connections are served."""

    def refusal(self, address: str) -> str:
        """The bound that one more connection of the peer `address` would pass; empty if it may be served."""

    def open(self, address: str) -> None:
        """Count a connection."""

    def close(self, address: str) -> None:
        """Count its end."""


class Web(driver.Web):
    """Faust's web server with our listener. `admission` is None if connections are not bounded."""

    admission: Admission | None = None

    @override
    def _new_transport_tcp(self) -> web.BaseSite:
        conf = self.app.conf
        return Site(self._runner, conf.web_bind, conf.web_port, conf.web_ssl_context, self.admission)


class Site(web.BaseSite):
    """A TCP address that is served. aiohttp's own has no way to take connections from another listener."""

    def __init__(
        self, runner: web.AppRunner, host: str, port: int, context: SSLContext | None, admission: Admission | None
    ) -> None:
        super().__init__(runner, ssl_context=context, backlog=BACKLOG)
        self._host, self._port, self._admission = host, port, admission
        self._listener: Listener | None = None

    @property
    @override
    def name(self) -> str:
        return f"{'https' if self._ssl_context else 'http'}://{in_url(self._host)}:{self._port}"

    @override
    async def start(self) -> None:
        await super().start()
        server = self._runner.server
        assert server is not None
        loop = asyncio.get_running_loop()
        # It finds the addresses and binds them, and never listens itself.
        self._server = await loop.create_server(
            lambda: HttpConnection(server), addresses_of(self._host), self._port, start_serving=False
        )
        sockets = [bound.dup() for bound in self._server.sockets]
        self._listener = Listener(sockets, server, self._ssl_context, self._admission)
        self._listener.start()

    @override
    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.stop()
        await super().stop()


class Listener:
    """Accepts the connections of listening sockets."""

    def __init__(
        self,
        sockets: list[socket.socket],
        server: web.Server,
        context: SSLContext | None = None,
        admission: Admission | None = None,
    ) -> None:
        self._sockets, self._server, self._context, self._admission = sockets, server, context, admission
        self._loop = asyncio.get_running_loop()
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._full, self._lacking = Reminder(log), Reminder(log)

    def start(self) -> None:
        for listening in self._sockets:
            listening.listen(BACKLOG)
            listening.setblocking(False)
            self._loop.add_reader(listening, self._accept, listening)

    def stop(self) -> None:
        for pause in self._pauses.values():
            pause.cancel()
        for listening in self._sockets:
            self._loop.remove_reader(listening)
            listening.close()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, peer = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if is_machine_error(error):
                    self._pause(listening, error)
                    return
                continue  # the client has gone meanwhile, or its network failed
            self._take(connection, str(peer[0]))

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        self._lacking.warn("connections wait, since this machine lacks files or memory: %s", error)
        self._loop.remove_reader(listening)
        self._pauses[listening] = self._loop.call_later(
            PAUSE, self._loop.add_reader, listening, self._accept, listening
        )

    def _take(self, connection: socket.socket, address: str) -> None:
        ending = ExitStack()
        if self._admission is not None:
            if reason := self._admission.refusal(address):
                connection.close()
                metrics.connections_refused.inc()
                self._full.warn("connections of %s and others are closed: %s", address, reason)
                return
            self._admission.open(address)
            ending.callback(self._admission.close, address)
        connection.setblocking(False)
        task = self._loop.create_task(self._open(connection, ending.close))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket, ended: Callable[[], Any]) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: HttpConnection(self._server, ended), connection, ssl=self._context
            )
        except BaseException as error:  # a handshake that fails ends without the connection's own end
            connection.close()
            ended()
            if not isinstance(error, (OSError, SSLError, MemoryError)):
                raise
