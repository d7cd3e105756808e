"""The clients that have had everything: what comes next is made once for all who ask the same, and written at once.

A client has a task of its own only while it catches up. Then it joins the group of those that stand where it stands;
the hub calls `flush` when records have come, and each group's bytes go to the sockets of its clients, with no task
woken. A client whose socket takes no more leaves its group with the place it had, and holds nothing here: its own task
waits for it, and goes on from Kafka's log. Knows no Faust.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import cast

from tweetream import metrics
from tweetream.feeds.subscription import CursorState, CursorStates, Subscription

FULL = 64 * 1024  # bytes waiting for a client beyond which it is behind
SWEEP = 1.0
HEARTBEAT = 15.0  # seconds of silence at most
TELL_POSITION = 5.0  # seconds without an event after which a filtered stream is told where it is


class Subscriber:
    """A client's socket, and what it was told last. `more` wakes its task."""

    __slots__ = ("_transport", "_chunked", "more", "marks", "group", "told", "told_id")

    def __init__(self, transport: asyncio.Transport, chunked: bool) -> None:
        self._transport = transport
        self._chunked = chunked  # whether HTTP wants the length of each piece before it
        self.more = asyncio.Event()
        self.marks: CursorStates | None = None  # where it was when its group went on without it
        self.group: Group | None = None
        self.told = asyncio.get_running_loop().time()  # it begins with a comment
        self.told_id = b""

    @property
    def waiting(self) -> int:
        """Bytes that its socket has not taken yet. Raises ConnectionResetError when the client has gone."""
        if self._transport.is_closing():
            raise ConnectionResetError("the client has gone")
        return self._transport.get_write_buffer_size()

    def send(self, data: bytes, now: float, framed: bytes | None = None) -> bool:
        """Write `data` (`framed` if that was done already); false, and nothing written, if the client is behind."""
        transport = self._transport
        if transport.get_write_buffer_size() > FULL:
            return False
        if not transport.is_closing():  # else its task is being ended
            transport.write((framed or frame(data)) if self._chunked else data)
            self.told = now
        return True

    def show_life(self, place: bytes, now: float) -> bool:
        """Tell a client that has got nothing for a while where it is, if it cannot know, or else send a comment."""
        silent = now - self.told
        if silent > TELL_POSITION and place and place != self.told_id:
            sent = self.send(b"id: %s\nevent: position\ndata: {}\n\n" % place, now)
            self.told_id = place if sent else self.told_id
            return sent
        return silent < HEARTBEAT - SWEEP or self.send(b":\n", now)

    def cut(self) -> None:
        """End the connection without waiting for what the client does not read."""
        self._transport.abort()


def frame(data: bytes) -> bytes:
    """A piece of an HTTP/1.1 body whose length is not known beforehand."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def last_id(events: list[bytes]) -> bytes:
    """The last id in events that begin with it or have none; empty if none has one."""
    for event in reversed(events):
        if event.startswith(b"id: "):
            return event[4 : event.index(b"\n")]
    return b""


class Group:
    """Clients that get the same bytes."""

    def __init__(self, place: Subscription, mark: CursorState) -> None:
        self.place = place
        self.mark = mark
        self.clients: set[Subscriber] = set()

    def flush(self, now: float) -> None:
        """Send what is in the rings, in pieces."""
        while self.clients and not self.place.caught_up:
            before = self.mark.marks
            if not self.place.ringed:
                return self._leave_behind(list(self.clients), before)
            frames = self.place.ready()
            self.mark = self.place.mark()
            if frames:
                self._send(frames, before, now)

    def _send(self, frames: list[bytes], before: CursorStates, now: float) -> None:
        data, place = b"".join(frames), last_id(frames)
        framed = frame(data)
        behind = []
        for client in self.clients:
            if client.send(data, now, framed):
                client.told_id = place or client.told_id
            else:
                behind.append(client)
        metrics.sse_sent.inc(len(frames) * (len(self.clients) - len(behind)))
        self._leave_behind(behind, before)

    def _leave_behind(self, clients: list[Subscriber], before: CursorStates) -> None:
        for client in clients:
            self.clients.discard(client)
            client.marks, client.group = before, None
            client.more.set()

    def show_life(self, now: float) -> None:
        place = self.place.id.encode() if self.place.filtered else b""
        behind = [client for client in self.clients if not client.show_life(place, now)]
        self._leave_behind(behind, self.mark.marks)


class FanOut:
    """All groups."""

    def __init__(self) -> None:
        self._groups: dict[CursorState, Group] = {}
        self._clients: set[Subscriber] = set()
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._sweeping = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()

    @contextlib.contextmanager
    def alive(self, client: Subscriber) -> Iterator[None]:
        """While the block lasts the client gets comments, also when its own task waits for Kafka."""
        self._clients.add(client)
        try:
            yield
        finally:
            self._clients.discard(client)

    def join(self, client: Subscriber, place: Subscription) -> bool:
        """From now on the client gets what comes behind `place`; false if that has come already, as it must get first.

        In a group it would wait until something else comes to any feed.
        """
        if not place.caught_up:
            return False
        mark = place.mark()
        group = self._groups.get(mark)
        if group is None:
            group = self._groups[mark] = Group(place.copy(), mark)
        group.clients.add(client)
        client.marks, client.group = None, group
        return True

    def leave(self, client: Subscriber) -> CursorStates:
        """The client gets nothing more; returns where it is."""
        if client.group is None:
            return cast(CursorStates, client.marks)
        client.group.clients.discard(client)
        marks, client.group = client.group.mark.marks, None
        return marks

    def flush(self) -> None:
        """Send what has come. Groups that have met become one."""
        now = asyncio.get_running_loop().time()
        groups, self._groups = self._groups, {}
        for group in groups.values():
            group.flush(now)
            if not group.clients:
                continue
            met = self._groups.setdefault(group.mark, group)
            if met is not group:
                for client in group.clients:
                    client.group = met
                met.clients |= group.clients

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            self.show_life(asyncio.get_running_loop().time())

    def show_life(self, now: float) -> None:
        """Have every client told something that has got nothing for a while."""
        # A group that all have left would hold its feeds' rings until a record comes, which may take days.
        self._groups = {mark: group for mark, group in self._groups.items() if group.clients}
        for group in self._groups.values():
            group.show_life(now)
        for client in self._clients:
            if client.group is None:
                client.show_life(b"", now)
