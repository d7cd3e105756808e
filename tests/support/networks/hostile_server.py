"""A server that answers any bytes at all, since a library would not send what an attacker does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def response(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    """A whole response; `status` and headers are sent as they are."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def stream(body: bytes = b"", content_type: str = "text/event-stream") -> bytes:
    """The beginning of a response without an end."""
    return f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n".encode() + body


class HostileServer:
    """For an `async with` block. `answers` are found by the beginning of the path; `heard` are the requests."""

    def __init__(self, **answers: Answer) -> None:
        self.answers: dict[str, Answer] = dict(answers)
        self.heard: list[str] = []
        self.port = 0

    @property
    def paths(self) -> list[str]:
        return [head.split(" ")[1] for head in self.heard]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._tasks: set[asyncio.Task[None]] = set()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heard.append(head)
            path = head.split(" ")[1]
            answer = next((found for start, found in self.answers.items() if path.startswith(start)), response())
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
                if b"Content-Length" not in answer:
                    await reader.read()  # a stream stays open until the client closes it
            else:
                await answer(writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            self._tasks.discard(task)
            writer.transport.abort() if writer.transport.is_closing() else writer.close()
