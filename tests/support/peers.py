"""Clients of the fan-out over real sockets."""

import asyncio
import contextlib
import socket

from tweetream.web.fanout import Subscriber


class Peer:
    """A client's two ends: `client` for the worker, `received()` for its reader."""

    def __init__(self, transport: asyncio.Transport, far: socket.socket, chunked: bool) -> None:
        self.client = Subscriber(transport, chunked)
        self.transport = transport
        self._far = far

    async def received(self) -> bytes:
        data = b""
        with contextlib.suppress(TimeoutError):
            while True:
                data += await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._far, 1 << 20), 0.1)
        return data


class Peers:
    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self._stack = stack

    async def __call__(self, *, chunked: bool = False) -> Peer:
        near, far = socket.socketpair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        far.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=near)
        self._stack.callback(far.close)
        self._stack.callback(transport.abort)
        return Peer(transport, far, chunked)
