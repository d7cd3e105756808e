"""Connections to brokers that give up in time where a machine is gone.

A process that ended refuses and closes connections at once. A machine without power or network says nothing. aiokafka
waits for it as long as for the answer to a request, 30 to 40 s, while all that the client wants of other brokers waits
behind it. So connecting has a limit of its own, as in Java's clients (`socket.connection.setup.timeout.ms`), and the
kernel closes a connection whose other machine acknowledges nothing any more. A frozen broker is waited for as before,
since its kernel acknowledges, unless a request does not fit into its buffer.
"""

import asyncio
import socket
import time
from typing import Any

import aiokafka.client
from aiokafka.conn import AIOKafkaConnection
from typing_extensions import override

CONNECT = 2.0  # seconds until the machine has answered; from then on the time of a request counts
CONNECT_TLS = 3.0  # the same with a handshake, for which a busy broker needs its CPU
SILENT = 8  # seconds without an acknowledgement after which the kernel closes the connection
# A system that lacks one of these (macOS, Windows) waits longer.
OPTIONS = {
    "TCP_KEEPIDLE": SILENT // 2,  # it asks after so many seconds without a word, also while a request waits
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": SILENT // 2,
    "TCP_USER_TIMEOUT": SILENT * 1000,  # ms
}


class PromptConnection(AIOKafkaConnection):
    """Raises TimeoutError when the broker's machine does not answer in time, and closes when it is gone."""

    _patience: float
    _request_timeout: float

    @override
    async def connect(self) -> Any:
        self._patience = self._request_timeout
        connecting = CONNECT if self._ssl_context is None else CONNECT_TLS
        self._request_timeout = min(connecting + 2 * await self._resolving(), self._patience)
        return await super().connect()

    async def _resolving(self) -> float:
        """Seconds that it takes to find the address: a name server can be the machine that is gone. Raises OSError."""
        began = time.monotonic()
        async with asyncio.timeout(self._patience):
            await asyncio.get_running_loop().getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        return time.monotonic() - began

    @override
    async def _do_version_lookup(self) -> None:
        self._request_timeout = self._patience
        connected = self._writer.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in OPTIONS.items():
            if hasattr(socket, name):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        await super()._do_version_lookup()


async def connect(host: str, port: int, **arguments: Any) -> AIOKafkaConnection:
    """In place of aiokafka's `create_conn`, with its arguments."""
    connection = PromptConnection(host, port, **arguments)
    await connection.connect()
    return connection


def connect_in_time() -> None:
    """From now on all clients of this process connect so: aiokafka lets no single client choose."""
    aiokafka.client.create_conn = connect
