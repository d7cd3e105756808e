"""Writes new events to all clients that have caught up: each event is made once for all clients of a group.

A client has a task of its own only while it catches up. Then it joins the group of clients at the same positions with
the same filter. The hub calls `flush` when records have come, and each group's bytes go to the sockets of its clients;
no task wakes. A client whose socket takes no more leaves its group and keeps nothing here but its cursors' state: its
own task waits for it, and resumes from Kafka's log. Imports no Faust.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import cast

from tweetream import metrics
from tweetream.feeds.subscription import CursorStates, Subscription, SubscriptionState
from tweetream.web import events

MAX_BUFFERED = 64 * 1024  # bytes in a client's socket buffer; a client with more is slow
SWEEP = 1.0
HEARTBEAT = 15.0  # seconds of silence at most
TELL_POSITION = 5.0  # seconds without an event after which a filtered stream is told its position


class Subscriber:
    """A client's socket, and what was last sent to it. `wake` wakes its task."""

    __slots__ = ("_transport", "_chunked", "wake", "cursor_states", "group", "sent_at", "sent_id")

    def __init__(self, transport: asyncio.Transport, chunked: bool) -> None:
        self._transport = transport
        self._chunked = chunked  # whether HTTP needs the length before each chunk
        self.wake = asyncio.Event()
        self.cursor_states: CursorStates | None = None  # where it was when it left its group as too slow
        self.group: Group | None = None
        self.sent_at = asyncio.get_running_loop().time()  # a stream opens with a comment
        self.sent_id = b""

    @property
    def buffered(self) -> int:
        """Bytes that its socket has not taken yet. Raises ConnectionResetError when the client has gone."""
        if self._transport.is_closing():
            raise ConnectionResetError("the client has gone")
        return self._transport.get_write_buffer_size()

    def send(self, data: bytes, now: float, chunk: bytes | None = None) -> bool:
        """Write `data` (`chunk` is the same as an HTTP chunk). False if the client is slow; then nothing is written."""
        transport = self._transport
        if transport.get_write_buffer_size() > MAX_BUFFERED:
            return False
        if not transport.is_closing():  # else its task is about to end
            transport.write((chunk or http_chunk(data)) if self._chunked else data)
            self.sent_at = now
        return True

    def keep_alive(self, id: bytes, now: float) -> bool:
        """After a silence, send the stream's position `id` if the client does not have it, or else a comment."""
        silent = now - self.sent_at
        if silent > TELL_POSITION and id and id != self.sent_id:
            sent = self.send(events.position(id), now)
            self.sent_id = id if sent else self.sent_id
            return sent
        return silent < HEARTBEAT - SWEEP or self.send(events.HEARTBEAT, now)

    def abort(self) -> None:
        """Close the connection without waiting for the client to read what is buffered."""
        self._transport.abort()


def http_chunk(data: bytes) -> bytes:
    """A chunk of an HTTP/1.1 body whose length is not known in advance."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Group:
    """Clients that get the same bytes."""

    def __init__(self, subscription: Subscription, state: SubscriptionState) -> None:
        self.subscription = subscription
        self.state = state
        self.clients: set[Subscriber] = set()

    def flush(self, now: float) -> None:
        """Send what is in the rings, piece by piece."""
        while self.clients and not self.subscription.caught_up:
            before = self.state.cursors
            if not self.subscription.ringed:
                return self._dismiss(list(self.clients), before)
            new = events.deliveries(self.subscription.ready())
            self.state = self.subscription.state()
            if new:
                self._send(new, before, now)

    def _send(self, new: list[bytes], before: CursorStates, now: float) -> None:
        data, id = b"".join(new), events.last_id(new)
        chunk = http_chunk(data)
        slow = []
        for client in self.clients:
            if client.send(data, now, chunk):
                client.sent_id = id or client.sent_id
            else:
                slow.append(client)
        metrics.sse_sent.inc(len(new) * (len(self.clients) - len(slow)))
        if (read_at := events.received_at(new[0])) is not None:
            metrics.delivery.observe(max(0.0, time.time() - read_at))
        self._dismiss(slow, before)

    def _dismiss(self, clients: Iterable[Subscriber], states: CursorStates) -> None:
        """Leave clients to their own tasks, which go on from these cursor states."""
        for client in clients:
            self.clients.discard(client)
            client.cursor_states, client.group = states, None
            client.wake.set()

    def abort(self) -> None:
        """Close all connections."""
        for client in self.clients:
            client.abort()

    def keep_alive(self, now: float) -> None:
        id = events.id_of(self.subscription.positions()) if self.subscription.filtered else b""
        slow = [client for client in self.clients if not client.keep_alive(id, now)]
        self._dismiss(slow, self.state.cursors)


class FanOut:
    """All groups."""

    def __init__(self) -> None:
        self._groups: dict[SubscriptionState, Group] = {}
        self._of_feed: dict[str, set[Group]] = {}  # by the feed's Kafka topic: a worker can follow a thousand
        self._clients: set[Subscriber] = set()
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._sweeping = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()

    @contextlib.contextmanager
    def heartbeats(self, client: Subscriber) -> Iterator[None]:
        """Within the block the client gets comments, also while its own task waits for Kafka."""
        self._clients.add(client)
        try:
            yield
        finally:
            self._clients.discard(client)

    def join(self, client: Subscriber, subscription: Subscription) -> bool:
        """From now on the client gets what comes after `subscription`.

        False if something has come already. In a group the client would get that only when another record comes to any
        feed, so its own task must send it first.
        """
        if not subscription.caught_up:
            return False
        state = subscription.state()
        group = self._groups.get(state)
        if group is None:
            group = self._groups[state] = Group(subscription.copy(), state)
            self._remember(group)
        group.clients.add(client)
        client.cursor_states, client.group = None, group
        return True

    def leave(self, client: Subscriber) -> CursorStates:
        """The client gets nothing more from here; returns where it is."""
        if client.group is None:
            return cast(CursorStates, client.cursor_states)
        client.group.clients.discard(client)
        states, client.group = client.group.state.cursors, None
        return states

    def flush(self, feeds: Iterable[str] | None = None) -> None:
        """Send what has come to these feeds, or to all. Groups that are then at the same positions become one."""
        now = asyncio.get_running_loop().time()
        groups = list(self._groups.values()) if feeds is None else self._followers(feeds)
        for group in groups:
            if group.subscription.caught_up:
                continue
            del self._groups[group.state]
            try:
                group.flush(now)
            except BaseException:  # such as no memory: some of its clients may have the events, so all come again
                self._forget(group)
                group.abort()
                raise
            same = self._groups.setdefault(group.state, group) if group.clients else None
            if same is not group:
                self._forget(group)
            if same is not None and same is not group:
                for client in group.clients:
                    client.group = same
                same.clients |= group.clients

    def _followers(self, feeds: Iterable[str]) -> set[Group]:
        """The groups that follow one of these feeds."""
        return set[Group]().union(*[self._of_feed[feed] for feed in feeds if feed in self._of_feed])

    def _remember(self, group: Group) -> None:
        for cursor in group.subscription.cursors:
            self._of_feed.setdefault(cursor.feed.kafka_topic, set()).add(group)

    def _forget(self, group: Group) -> None:
        for cursor in group.subscription.cursors:
            followers = self._of_feed.get(cursor.feed.kafka_topic, set())
            followers.discard(group)
            if not followers:
                self._of_feed.pop(cursor.feed.kafka_topic, None)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            self.keep_alive(asyncio.get_running_loop().time())

    def keep_alive(self, now: float) -> None:
        """Send something to every client that has got nothing for a while."""
        # An empty group would hold its feeds' rings until the next record, which may take days.
        for group in [group for group in self._groups.values() if not group.clients]:
            self._forget(self._groups.pop(group.state))
        for group in self._groups.values():
            group.keep_alive(now)
        for client in self._clients:
            if client.group is None:
                client.keep_alive(b"", now)
