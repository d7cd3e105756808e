"""Streams over bare sockets: they show the exact bytes of a worker, which a library hides.

Limits: this machine only, answers over HTTP/1.1 in chunks. What is not as SSE and HTTP have it fails at once.
"""

import contextlib
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from support.waiting import until
from support.workers import Worker

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST, as a client does that vanishes
_EVENT = re.compile(rb"(?:id: ([^\n]*)\n)?(?:event: ([^\n]*)\n)?data: ([^\n]*)")


@dataclass(frozen=True)
class Event:
    id: str
    name: str  # empty for a post
    data: bytes

    @property
    def offset(self) -> int:
        """Of the last topic in the id."""
        return int(self.id.rpartition(":")[2])


class Chunks:
    """The body of an answer whose length is not known beforehand, as far as it has come."""

    def __init__(self) -> None:
        self.ended = False
        self._raw = bytearray()

    def feed(self, data: bytes) -> bytes:
        """What of the body became whole with this."""
        self._raw += data
        found, at = [], 0
        while not self.ended and (line := self._raw.find(b"\r\n", at)) >= 0:
            size = int(self._raw[at:line], 16)
            if len(self._raw) < line + 4 + size:
                break
            assert self._raw[line + 2 + size : line + 4 + size] == b"\r\n", "HTTP's own framing"
            found.append(bytes(self._raw[line + 2 : line + 2 + size]))
            at, self.ended = line + 4 + size, size == 0
        del self._raw[:at]
        return b"".join(found)


def split(body: bytes) -> tuple[list[Event], list[bytes]]:
    """The events and the comments and `retry` lines of a body that is cut nowhere."""
    events, lines = [], []
    for block in body.split(b"\n\n")[:-1]:
        while block.startswith((b":", b"retry: ")):
            line, _, block = block.partition(b"\n")
            lines.append(line)
        match = _EVENT.fullmatch(block)
        assert match, block
        identity, name, data = match.groups(b"")
        events.append(Event(identity.decode(), name.decode(), data))
    rest = body[body.rfind(b"\n\n") + 2 :] if b"\n\n" in body else body
    return events, lines + [line for line in rest.split(b"\n") if line]


class Stream:
    """A client's end of a stream: `status`, `headers` in small letters, and `body` as far as it was read."""

    def __init__(self, worker: Worker, path: str, method: str = "GET", buffer: int = 0, **headers: str) -> None:
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", worker.port))
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.asked = time.monotonic()
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        head = bytearray()
        while b"\r\n\r\n" not in head:
            head += self._receive(20)
        first, *named = head.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in named)}
        self.body = bytearray()
        self._chunks = Chunks()
        self._take(bytes(head.partition(b"\r\n\r\n")[2]))

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    @property
    def ended(self) -> bool:
        """Whether the worker ended it as HTTP has it."""
        return self._chunks.ended

    @property
    def events(self) -> list[Event]:
        """All but the first position, which tells only where the stream begins."""
        found = split(bytes(self.body))[0]
        opening = next((event for event in found if event.name == "position"), None)
        return [event for event in found if event is not opening]

    @property
    def lines(self) -> list[bytes]:
        """Comments and `retry`."""
        return split(bytes(self.body))[1]

    def read(self, enough: Callable[[], bool] | None = None, timeout: float = 10.0) -> "Stream":
        """Read until that is so, which is asked after each piece, or without it until the end."""
        ends = time.monotonic() + timeout
        while not (self.ended or (enough is not None and enough())):
            data = self._receive(ends - time.monotonic())
            assert data, f"cut off after {bytes(self.body[-300:])!r}"
            self._take(data)
        return self

    def take(self, count: int, timeout: float = 10.0) -> list[Event]:
        """The first `count` events."""
        enough = lambda: self.body.count(b"\n\n") >= count and len(self.events) >= count  # noqa: E731 (used once)
        return self.read(enough, timeout).events[:count]

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()

    def drain(self) -> None:
        """Take what had come before the worker cut the connection off."""
        with contextlib.suppress(ConnectionError):
            while data := self.socket.recv(1 << 20):
                self._take(data)

    def _receive(self, timeout: float) -> bytes:
        self.socket.settimeout(max(0.01, timeout))
        return self.socket.recv(1 << 18)

    def _take(self, data: bytes) -> None:
        self.body += self._chunks.feed(data) if "transfer-encoding" in self.headers else data


def events(worker: Worker, path: str, count: int, last_event_id: str = "", timeout: float = 10.0) -> list[Event]:
    """The first `count` events of a stream."""
    headers: dict[str, Any] = {"Last_Event_ID": last_event_id} if last_event_id else {}
    with Stream(worker, path, **headers) as stream:
        assert stream.status == 200
        return stream.take(count, timeout)


@contextlib.contextmanager
def streams(worker: Worker, count: int, path: str, client: str = "") -> Iterator[list[Stream]]:
    """So many open streams; at the end the worker has none of them any more."""
    before = worker.metric("tweetream_sse_clients")
    headers: dict[str, Any] = {"X_Forwarded_For": client} if client else {}
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(Stream(worker, path, **headers)) for _ in range(count)]
        assert {stream.status for stream in opened} <= {200}
        until(lambda: worker.metric("tweetream_sse_clients") == before + count, 15, "the streams are counted", 0.02)
        yield opened
    until(lambda: worker.metric("tweetream_sse_clients") == before, 15, "the streams are over", 0.02)


def refusal(worker: Worker, path: str, client: str = "", method: str = "GET") -> int:
    """The status for one more stream, and that a refusal says what it should; 200 if there is room."""
    headers = {"X-Forwarded-For": client} if client else {}
    with httpx.stream(method, worker.url + path, headers=headers, timeout=10) as answer:
        if answer.status_code != 200:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
            assert method == "HEAD" or "stream" in answer.read().decode()
        return answer.status_code
