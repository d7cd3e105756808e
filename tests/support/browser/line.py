"""A TCP relay between a browser and a worker, which a test can cut and restore. It knows no HTTP.

While it is cut, what was open is reset and nobody can connect, as when the worker is gone. While it is held it takes
connections and says nothing; it can also forget what is open for a feed alone, as a router does. Limits: this machine.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from typing import Any, Self

from tweetream.kafka.embedded import free_ports


class Line:
    """The relay to a port, for a `with` block; `url` is where it listens."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._flows = asyncio.Event()
        self._feeds: list[asyncio.Event] = []  # of each connection that a feed was asked for on

    def __enter__(self) -> Self:
        self._thread.start()
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def cut(self) -> None:
        self._run(self._cut())

    def mend(self) -> None:
        self._run(self._mend())

    def hold(self) -> None:
        """From now on nothing gets through, and nobody is told."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def forget_feeds(self) -> None:
        """Nothing more comes of the feeds that are open, and nobody is told; all else goes on."""
        for flows in self._feeds:
            self._loop.call_soon_threadsafe(flows.clear)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _cut(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _end(self) -> None:
        await self._cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _mend(self) -> None:
        self._flows.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port, reuse_address=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):  # a stream's own callback would log the latter
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
            self._open.add(far_writer)
            flows = asyncio.Event()
            flows.set()
            await asyncio.gather(self._copy(reader, far_writer, flows), self._copy(far_reader, writer, flows))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if data.startswith(b"GET /feeds/"):
                    self._feeds.append(flows)
                await self._flows.wait()
                await flows.wait()
                writer.write(data)
                await writer.drain()
        self._open.discard(writer)
        writer.close()
