"""Clients that follow a feed of numbered posts and cut their stream at random events, many in one thread.

Each cuts so many times, by a reset or an orderly end, goes away for a moment, now and then for so long that it is far
behind, and resumes with the last id it has. A third of them follow what comes live, in longer stretches, and read
nothing for a while in each, so that the worker has to let them fall behind. They parse no more than the numbers of the
posts, so that a worker can be loaded from the machine it runs on. Limits: one topic, posts of `chaos.numbered_lines`.
"""

import random
import re
import selectors
import socket
import time
from array import array

from support.raw_streams import RESET
from support.workers import Worker

POST = re.compile(rb'\nid: ([^\n]+)\ndata: {"id":"replay:[^":]+:(\d+)"[^\n]*\n')
NUMBER = re.compile(rb'\ndata: {"id":"replay:[^":]+:(\d+)"')


class Cutter:
    """One client; `seen` are the numbers of the posts it got."""

    def __init__(self, path: str, cuts: int, mean: int, chance: random.Random) -> None:
        self.seen = array("L")
        self.last_id = b""
        self.opened = self.cut_off = 0
        self.lazy = chance.random() < 0.33
        self.from_start = not self.lazy and chance.random() < 0.7
        self.due = time.monotonic() + chance.random()
        self.socket: socket.socket | None = None
        self._path = path + ("?since=0" if self.from_start else f"?last={chance.randint(0, 1000)}")
        self._stretches = [chance.randint(1, (6 if self.lazy else 2) * mean) for _ in range(cuts + 1)]
        self._pause_at = 0  # when so many posts of the stretch are left
        self._wanted = 0
        self._chance = chance
        self._data = b""

    @property
    def done(self) -> bool:
        """Whether it has made its last cut."""
        return not self._wanted and not self._stretches

    def open(self, worker: Worker) -> socket.socket:
        self.socket = socket.socket()
        if self.lazy:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", worker.port))
        last = b"Last-Event-ID: %s\r\n" % self.last_id if self.last_id else b""
        self.socket.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (self._path.encode(), last))
        self.socket.setblocking(False)
        self.opened += 1
        self._data = b""
        self._wanted = self._wanted or self._stretches.pop()
        self._pause_at = self._chance.randint(0, self._wanted) if self.lazy else 0
        return self.socket

    def pauses(self) -> bool:
        """Whether it reads nothing for a while now; then `due` says when it goes on."""
        if not self._wanted < self._pause_at:
            return False
        self._pause_at = 0
        self.due = time.monotonic() + 0.5 + self._chance.random()
        return True

    def read(self) -> bool:
        """Take what has come; false when the stream is over, by us or by the worker."""
        assert self.socket is not None
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        if not data:
            self.cut_off += 1
            self._leave(0.1)
            return False
        self._data += data
        end = self._data.rfind(b"\n\n") + 2
        if end == 1:
            return True
        whole, self._data = self._data[:end], self._data[end - 1 :]  # an event begins behind a LF
        assert b"event: gap" not in whole, whole[:1000]
        numbers = NUMBER.findall(whole)
        if len(numbers) < self._wanted:
            if numbers:
                self.seen.extend(map(int, numbers))
                self._wanted -= len(numbers)
                start = whole.rindex(b"\nid: ") + 5
                self.last_id = whole[start : whole.index(b"\n", start)]
            return True
        self._cut(whole)
        return False

    def _cut(self, whole: bytes) -> None:
        """Stop at the event that was to be the last one, whatever has come behind it."""
        for match in POST.finditer(whole):
            self.seen.append(int(match[2]))
            self.last_id = match[1]
            self._wanted -= 1
            if not self._wanted:
                break
        self._leave(8.0 if self._chance.random() < 0.02 else 0.5)

    def _leave(self, longest: float) -> None:
        assert self.socket is not None
        if self._chance.random() < 0.5:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()
        self.socket = None
        self.due = time.monotonic() + self._chance.random() * longest


def cut_and_resume(worker: Worker, path: str, clients: int, cuts: int, mean: int, timeout: float) -> list[Cutter]:
    """So many clients that cut so many times, `mean` posts apart, until all are done."""
    seed = random.randrange(10**6)
    print(f"\nseed {seed}")
    chance = random.Random(seed)
    everyone = [Cutter(path, cuts, mean, chance) for _ in range(clients)]
    ends = time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        waiting = set(everyone)
        while waiting or selector.get_map():
            now = time.monotonic()
            assert now < ends, f"{len(waiting)} wait, {len(selector.get_map())} read"
            for client in [client for client in waiting if client.due <= now]:
                waiting.discard(client)
                selector.register(client.socket or client.open(worker), selectors.EVENT_READ, client)
            for key, _ in selector.select(0.05):
                client = key.data
                if not client.read() or client.pauses():
                    selector.unregister(key.fileobj)
                    if not client.done:
                        waiting.add(client)
    return everyone
