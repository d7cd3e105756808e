"""A TCP proxy before a local server, which fails on command. It knows a little HTTP, and no network's protocol.

A source under test connects to the gate, the gate to the server that speaks the network's protocol. So each server
need only be right, and every fault of a line is here once, the same for all. Limits: this machine only; `halve` cuts
what the server wrote in one go, so a server writes a message in one go.
"""

import asyncio
import contextlib
import ssl
import time
from pathlib import Path

from support.kafka.certificates import Authority

PIECE = 64 * 1024  # bytes forwarded at once; no more waits in the gate
NOTHING = b"x" * PIECE


class Gate:
    """Forwards to `port` of this machine. Faults hold until `heal`; `accepted` are the times of all connections."""

    def __init__(self) -> None:
        self.accepted: list[float] = []
        self.port = self.tls_port = 0
        self._target = 0
        self._servers: list[asyncio.Server] = []
        self._lines: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self.heal()

    async def open(self, target: int, folder: Path) -> None:
        """Listen; on `tls_port` with a certificate that nobody trusts."""
        self._target = target
        certificate, key, _ = Authority(folder, "unknown").issue("gate")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        for tls in (None, context):
            self._servers.append(await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls, limit=PIECE))
        self.port, self.tls_port = (server.sockets[0].getsockname()[1] for server in self._servers)

    async def close(self) -> None:
        """Let go of everything."""
        for server in self._servers:
            server.close()
        self.cut()
        while self._lines:
            await asyncio.wait(list(self._lines))

    def heal(self) -> None:
        """Forward new connections as a sound line does. Those that are silent stay so."""
        self._silent = self._closing = self._frozen = self._halving = False
        self._answer = b""

    def silent(self) -> None:
        """Accept, and say nothing."""
        self._silent = True

    def closing(self) -> None:
        """Accept, and close at once."""
        self._closing = True

    def answering(self, status: str, **headers: str) -> None:
        """Answer each HTTP request by this and close: `429 Too Many Requests`, `retry_after="5"`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()} | {"Connection": "close"}
        lines = [f"HTTP/1.1 {status}", "Content-Length: 0", *(f"{name}: {value}" for name, value in named.items())]
        self._answer = "\r\n".join([*lines, "", ""]).encode()

    def freeze(self) -> None:
        """Let the connections stand, and forward nothing more to who is connected."""
        self._frozen = True

    def halve(self) -> None:
        """Of the next that the server writes forward the first half, and cut."""
        self._halving = True

    def cut(self) -> None:
        """Cut all connections, without a goodbye."""
        for writers in self._lines.values():
            for writer in writers:
                writer.transport.abort()

    def end(self, goodbye: bytes) -> None:
        """End all connections as a server does that stops: with its last words."""
        for client, *_ in self._lines.values():
            client.write(goodbye)
            client.close()

    async def pour(self, beginning: bytes, amount: int) -> None:
        """Send this to who is connected, and behind it so many bytes of nothing, as fast as they are taken."""
        for client, *_ in list(self._lines.values()):
            with contextlib.suppress(OSError):
                client.write(beginning)
                for _ in range(amount // PIECE):
                    client.write(NOTHING)
                    await client.drain()

    @property
    def lines(self) -> int:
        """How many connections are open."""
        return len(self._lines)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted.append(time.monotonic())
        task = asyncio.current_task()
        assert task is not None
        self._lines[task] = [writer]
        try:
            await self._serve(reader, writer, self._lines[task])
        except OSError:
            pass  # cut by either side
        finally:
            for end in self._lines.pop(task):
                end.transport.abort()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: list[asyncio.StreamWriter]
    ) -> None:
        if self._closing:
            return
        if self._silent:
            while await reader.read(PIECE):
                pass
            return
        if self._answer:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self._answer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            return
        source, sink = await asyncio.open_connection("127.0.0.1", self._target, limit=PIECE)
        ends.append(sink)
        up = asyncio.create_task(self._forward(reader, sink, False))
        down = asyncio.create_task(self._forward(source, writer, True))
        done, pending = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if down in done and down.exception() is None and not writer.transport.is_closing():
            writer.close()  # what was forwarded arrives before the end
            await writer.wait_closed()
        for task in pending:
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, down: bool) -> None:
        while piece := await source.read(PIECE):
            if down and self._frozen:
                await asyncio.Event().wait()
            if down and self._halving:
                self._halving = False
                sink.write(piece[: len(piece) // 2])
                await asyncio.sleep(0.02)  # an abort would take back what has not gone out
                sink.transport.abort()
                return
            sink.write(piece)
            await sink.drain()
