"""Many clients of a stream in one process, which counts what each gets and how long it took. Needs Linux (epoll).

Every client's events are counted by the blank lines that end them; of each tenth client every event is read: its
number must follow the one before, and its time gives the latency. Limits: no chunk may end within an event.
"""

import select
import socket
import time
from array import array
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import NamedTuple

from measure import Failed
from sse_appender import LONGEST, STAMP

BUFFER = 256 * 1024
EACH = 10  # of so many clients one is read
TOGETHER = 50  # connections opened before their answers are awaited
STALL = 15.0  # seconds without an event after which no more are expected
LF = 10


class Collected(NamedTuple):
    """What all clients together got: latencies in ms, CPU in seconds, and how many clients did not get it whole."""

    events: int
    seconds: float
    cpu: float
    p50: float
    p99: float
    short: int


def serve(pipe: Connection) -> None:
    """Serve `open PORT PATH NUMBER`, `close`, and `collect`: answered when it begins and, told a number, at its end."""
    clients: Clients | None = None
    while True:
        name, *arguments = pipe.recv()
        if name == "open":
            clients = Clients(*arguments)
            pipe.send("open")
        elif name == "collect" and clients is not None:
            pipe.send(clients.collect(pipe))
        elif name == "close" and clients is not None:
            clients.close()
            pipe.send("closed")


class Clients:
    """So many streams, open."""

    def __init__(self, port: int, path: str, number: int) -> None:
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n".encode()
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._buffer = bytearray(BUFFER)
        for start in range(0, number, TOGETHER):
            opened = [self._connect(port) for _ in range(min(TOGETHER, number - start))]
            for client in opened:
                self._await_answer(client)
        highest = max(self._sockets) + 1
        self._receive: list[Callable[[bytearray], int] | None] = [None] * highest
        for fd, client in self._sockets.items():
            client.setblocking(False)
            self._receive[fd] = client.recv_into
            self._poll.register(fd, select.EPOLLIN)
        self._counts = [0] * highest
        self._broken = [False] * highest  # whether what came last ended in an LF
        self._read = set(list(self._sockets)[::EACH])
        self._rest = dict.fromkeys(self._read, b"")
        self._next: dict[int, int] = {}
        self._disordered: set[int] = set()
        self._latencies = array("q")

    def _connect(self, port: int) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", port), timeout=30)
        client.sendall(self._request)
        self._sockets[client.fileno()] = client
        return client

    def _await_answer(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(4096)
            head += more
            if not more or len(head) > 65536:
                raise Failed(f"no stream: {head[:60]!r}")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise Failed(f"no stream: {head[:60]!r}")

    def collect(self, pipe: Connection) -> Collected:
        """Read from now on, until each client has the number of events that the pipe says, or nothing more comes."""
        while ready := self._poll.poll(0.2):  # what came with the answer, and greetings
            self._take(ready)
        self._counts = [0] * len(self._counts)
        self._next.clear()
        self._latencies = array("q")
        pipe_fd = pipe.fileno()
        self._poll.register(pipe_fd, select.EPOLLIN)
        pipe.send("collecting")
        began, cpu = time.monotonic(), time.process_time()
        expected, changed = None, began
        while expected is None or sum(self._counts) < expected * len(self._sockets):
            ready = self._poll.poll(0.2, len(self._sockets) + 1)
            if told := [found for found in ready if found[0] == pipe_fd]:
                (expected,) = pipe.recv()
                ready.remove(told[0])
            if ready:
                changed = time.monotonic()
                self._take(ready)
            elif expected is not None and time.monotonic() > changed + STALL:
                break
        self._poll.unregister(pipe_fd)
        return self._collected(expected or 0, changed - began, time.process_time() - cpu)

    def _take(self, ready: list[tuple[int, int]]) -> None:
        buffer, counts, broken, receive, read = self._buffer, self._counts, self._broken, self._receive, self._read
        for fd, _ in ready:
            function = receive[fd]
            assert function is not None
            try:
                size = function(buffer)
            except BlockingIOError:
                continue
            except ConnectionError:
                size = 0
            if not size:
                self._poll.unregister(fd)  # its count says that it lacks events
                continue
            found = buffer.count(b"\n\n", 0, size)
            if broken[fd] and buffer[0] == LF:
                found += 1
            broken[fd] = buffer[size - 1] == LF
            counts[fd] += found
            if fd in read:
                self._parse(fd, bytes(memoryview(buffer)[:size]))

    def _parse(self, fd: int, data: bytes) -> None:
        now = time.monotonic_ns()
        data = self._rest[fd] + data
        end = 0
        for match in STAMP.finditer(data):
            number = int(match[1])
            if self._next.setdefault(fd, number) != number:
                self._disordered.add(fd)
            self._next[fd] = number + 1
            self._latencies.append(now - int(match[2]))
            end = match.end()
        self._rest[fd] = data[max(end, len(data) - LONGEST) :]

    def _collected(self, expected: int, seconds: float, cpu: float) -> Collected:
        found = [self._counts[fd] for fd in self._sockets]
        short = {fd for fd in self._sockets if self._counts[fd] != expected} | self._disordered
        latencies = sorted(self._latencies) or [0]
        p50, p99 = (latencies[int(len(latencies) * share)] / 1e6 for share in (0.5, 0.99))
        return Collected(sum(found), seconds, cpu, p50, p99, len(short))

    def close(self) -> None:
        for client in self._sockets.values():
            client.close()
        self._sockets.clear()
        self._poll.close()
