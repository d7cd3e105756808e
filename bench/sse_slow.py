"""A client that stops reading: when the worker drops it, and whether it resumes with every event exactly once.

Its kernel holds little, as over a network: loopback's own segments of 64 KiB would let the sender's hold megabytes.
"""

import contextlib
import re
import socket
import time
from typing import NamedTuple

import httpx
from measure import Failed
from sse_appender import STAMP
from sse_runs import Ours

SEGMENT = 1_460  # bytes
RECEIVE = 4_096
_EVENT = re.compile(rb"id: ([^\n]*)\ndata: [^\n]*\n\n")
_DROPPED = re.compile(r'^tweetream_sse_dropped_total\{reason="(\w+)"\} (\S+)', re.MULTILINE)


class Slow(NamedTuple):
    """Seconds until it was dropped, the reason the worker counts it under, and what is wrong with what it got."""

    dropped_after: float
    reason: str
    fault: str


class SlowClient:
    """The client; told in this order to `read_one`, `wait_dropped`, `resume`, and `finish` when no more is appended."""

    def __init__(self, ours: Ours) -> None:
        self._ours = ours
        self._got: list[int] = []
        self._rest = b""
        self._id = b""
        self._dropped_after, self._reason = 0.0, ""
        self._before = self._dropped()
        self._socket = self._connect()

    def _connect(self, last_id: bytes = b"") -> socket.socket:
        client = socket.socket()
        if not last_id:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        client.settimeout(10)
        client.connect(("127.0.0.1", self._ours.port))
        head = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % (self._ours.path.encode(), self._ours.port)
        client.sendall(head + (b"Last-Event-ID: %s\r\n" % last_id if last_id else b"") + b"\r\n")
        return client

    def _dropped(self) -> dict[str, float]:
        text = httpx.get(f"{self._ours.worker.url}/metrics", timeout=10).text
        return {reason: float(count) for reason, count in _DROPPED.findall(text)}

    def read_one(self) -> None:
        """Read until the first event is there, and nothing more from then on."""
        while not self._got:
            self._read()
        self._stopped = time.monotonic()

    def wait_dropped(self, timeout: float) -> None:
        """Return when the worker has counted it as dropped. Raises Failed."""
        while (now := self._dropped()) == self._before:
            if time.monotonic() - self._stopped > timeout:
                raise Failed(f"the worker has not dropped a client that did not read for {timeout:.0f} s")
            time.sleep(0.25)
        self._dropped_after = time.monotonic() - self._stopped
        self._reason = next(reason for reason, count in now.items() if count != self._before.get(reason, 0))

    def resume(self, seconds: float) -> None:
        """Read what the kernel still has, go on after the last event that is whole, and read for so long."""
        with contextlib.suppress(OSError):  # how it was cut off is not the matter
            while self._read():
                pass
        self._socket.close()
        self._rest = b""
        self._socket = self._connect(self._id)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._read():
            pass

    def finish(self, last: int) -> Slow:
        """What became of it, when it has waited for the last event that was appended."""
        deadline = time.monotonic() + 60
        with contextlib.suppress(OSError):  # what it lacks then is in the verdict
            while self._got[-1] < last and time.monotonic() < deadline and self._read():
                pass
        self._socket.close()
        wanted = list(range(self._got[0], last + 1))
        missing, doubled = len(set(wanted) - set(self._got)), len(self._got) - len(set(self._got))
        fault = "" if self._got == wanted else f"{missing} missing, {doubled} doubled, or another order"
        return Slow(self._dropped_after, self._reason, fault)

    def _read(self) -> bool:
        """Take what is there; whether there may be more."""
        data = self._socket.recv(1024)
        self._rest += data
        end = 0
        for match in _EVENT.finditer(self._rest):
            stamp = STAMP.search(match[0])
            assert stamp is not None
            self._got.append(int(stamp[1]))
            self._id = match[1]
            end = match.end()
        self._rest = self._rest[end:]
        return bool(data)
