"""Connections to brokers that give up in time where a machine is gone.

A process that ended refuses a connection at once. A machine without power or network says nothing, and aiokafka waits
for it as long as for the answer to a request, 40 s, while all that the client wants of other brokers waits behind it.
Java's clients have a limit of its own for this too (`socket.connection.setup.timeout.ms`).
"""

from typing import Any

import aiokafka.client
from aiokafka.conn import AIOKafkaConnection
from typing_extensions import override

CONNECT = 2.0  # seconds until the machine has answered; from then on the time of a request counts
CONNECT_TLS = 5.0  # the same with a handshake, for which a busy broker needs its CPU


class PromptConnection(AIOKafkaConnection):
    """Raises TimeoutError when the broker's machine does not answer in time."""

    _patience: float
    _request_timeout: float

    @override
    async def connect(self) -> Any:
        self._patience = self._request_timeout
        self._request_timeout = min(CONNECT if self._ssl_context is None else CONNECT_TLS, self._patience)
        return await super().connect()

    @override
    async def _do_version_lookup(self) -> None:
        self._request_timeout = self._patience
        await super()._do_version_lookup()


async def connect(host: str, port: int, **arguments: Any) -> AIOKafkaConnection:
    """In place of aiokafka's `create_conn`, with its arguments."""
    connection = PromptConnection(host, port, **arguments)
    await connection.connect()
    return connection


def connect_in_time() -> None:
    """From now on all clients of this process connect so: aiokafka lets no single client choose."""
    aiokafka.client.create_conn = connect
