"""Live clients: what is made once for all of them, and who leaves a group with the place it had. Over real sockets."""

import asyncio
import contextlib
import gc
import socket
import weakref
from collections.abc import AsyncIterator

import pytest
from support.records import place, post, raw

from tweetream.feeds.record import Filter, Stamps
from tweetream.feeds.ring import FeedRing
from tweetream.web.fanout import FULL, HEARTBEAT, TELL_POSITION, FanOut, Subscriber, frame


class Peer:
    """A client's two ends: `client` for the worker, `received()` for the one who reads."""

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


@pytest.fixture
async def peers() -> AsyncIterator["Peers"]:
    async with contextlib.AsyncExitStack() as stack:
        yield Peers(stack)


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


def feed(name: str = "t") -> FeedRing:
    return FeedRing(name, 0, Stamps())


def event(offset: int) -> bytes:
    return b'id: t@1:%d\ndata: {"n":%d}\n\n' % (offset, offset)


async def test_clients_at_the_same_place_get_the_same_bytes_framed_as_their_http_has_it(peers: Peers) -> None:
    live, one = FanOut(), feed()
    old, new = await peers(), await peers(chunked=True)
    for peer in (old, new):
        live.join(peer.client, place(one))
    one.take([raw(0, 0), raw(1, 1)])
    live.flush()
    assert await old.received() == event(0) + event(1)
    assert await new.received() == frame(event(0) + event(1))
    assert frame(b"x" * 31) == b"1f\r\n" + b"x" * 31 + b"\r\n"


async def test_a_client_that_joins_behind_its_group_gets_each_event_once(peers: Peers) -> None:
    live, one = FanOut(), feed()
    early, late = await peers(), await peers()
    live.join(early.client, place(one))
    one.take([raw(0, 0)])
    live.join(late.client, place(one))  # before the group has got the first
    one.take([raw(1, 1)])
    live.flush()
    assert await early.received() == event(0) + event(1)
    assert await late.received() == event(1)
    assert early.client.group is late.client.group, "who has met goes on together"
    one.take([raw(2, 2)])
    live.flush()
    assert await early.received() == await late.received() == event(2)


async def test_who_has_not_got_what_has_come_does_not_join(peers: Peers) -> None:
    live, one = FanOut(), feed()
    peer, behind = await peers(), place(one)
    one.take([raw(0, 0)])
    live.flush()
    assert not live.join(peer.client, behind) and peer.client.group is None
    assert behind.ready() == [event(0)]
    assert live.join(peer.client, behind)
    live.flush()
    assert await peer.received() == b""


async def test_a_feed_that_is_followed_again_at_the_same_place_is_another_one(peers: Peers) -> None:
    live, first, again = FanOut(), feed(), feed()
    gone, there = await peers(), await peers()
    live.join(gone.client, place(first))
    live.leave(gone.client)
    live.join(there.client, place(again))
    again.take([raw(0, 0)])
    live.flush()
    assert await there.received() == event(0)


async def test_an_id_covers_all_feeds_those_ahead_where_they_are_and_those_behind_where_they_were(peers: Peers) -> None:
    live, first, second = FanOut(), feed("a"), feed("b")
    both = await peers()
    live.join(both.client, place(first, second))
    second.take([raw(0, 0)])
    first.take([raw(0, 0)])
    live.flush()
    ids = [line for line in (await both.received()).splitlines() if line.startswith(b"id")]
    assert ids == [b"id: a@1:0", b"id: a@1:0,b@1:0"]
    second.take([raw(1, 1)])
    first.take([raw(1, 1)])
    live.flush()
    ids = [line for line in (await both.received()).splitlines() if line.startswith(b"id")]
    assert ids == [b"id: a@1:1,b@1:0", b"id: a@1:1,b@1:1"]


async def test_a_client_whose_socket_takes_no_more_leaves_with_its_place_and_the_others_go_on(peers: Peers) -> None:
    live, one = FanOut(), feed()
    slow, quick = await peers(), await peers()
    for peer in (slow, quick):
        live.join(peer.client, place(one))
    got, offset = b"", 0
    while not slow.client.more.is_set():
        one.take([raw(offset + n, offset + n) for n in range(1000)])
        offset += 1000
        live.flush()
        got += await quick.received()
    assert slow.client.group is None and quick.client.group is not None
    assert slow.client.waiting <= FULL + 100_000, "what one write more can be"
    assert got == b"".join(map(event, range(offset)))
    left = live.leave(slow.client)
    at = left[0][0]
    assert 0 < at < offset, "the place before what it could not take"
    await slow.received()
    assert slow.client.waiting == 0
    behind = place(one)
    behind.move(left)
    assert b"".join(behind.ready()).startswith(event(at)), "there it goes on"


async def test_a_filter_lets_through_what_passes_and_tells_its_place_when_nothing_did(peers: Peers) -> None:
    live, one = FanOut(), feed()
    every, traffic = await peers(), await peers()
    live.join(every.client, place(one))
    live.join(traffic.client, place(one, wanted=Filter("traffic")))
    one.take([raw(0, 0), raw(1, 1)])
    live.flush()
    assert await every.received() == event(0) + event(1)
    passed = await traffic.received()
    assert passed in (event(0), event(1)), "the two have different labels"
    for turn, peer in enumerate((every, traffic)):
        assert peer.client.group is not None
        told = peer.client.told
        peer.client.group.show_life(told + TELL_POSITION + 1)
        if turn == 0 or passed == event(1):
            assert await peer.received() == b"", "it knows"
        else:
            assert await peer.received() == b"id: t@1:1\nevent: position\ndata: {}\n\n"
        peer.client.group.show_life(told + TELL_POSITION + HEARTBEAT + 1)
        assert await peer.received() == b":\n"


async def test_a_client_whose_task_waits_for_kafka_gets_comments_and_each_only_while_it_is_there(peers: Peers) -> None:
    live, one = FanOut(), feed()
    waiting, with_others = await peers(), await peers()
    with live.alive(waiting.client), live.alive(with_others.client):
        live.join(with_others.client, place(one))
        live.show_life(with_others.client.told + HEARTBEAT)
        assert await waiting.received() == await with_others.received() == b":\n"
    live.show_life(waiting.client.told + HEARTBEAT)
    assert await waiting.received() == b""


async def test_a_group_that_all_have_left_holds_no_ring(peers: Peers) -> None:
    live, one = FanOut(), feed()
    peer = await peers()
    live.join(peer.client, place(one))
    live.leave(peer.client)
    held = weakref.ref(one)
    del one
    gc.collect()
    live.show_life(0.0)
    gc.collect()
    assert held() is None


async def test_a_feed_that_was_lost_is_left_to_the_clients_own_task(peers: Peers) -> None:
    live, one = FanOut(), feed()
    peer = await peers()
    live.join(peer.client, place(one))
    one.take([raw(0, 0)])
    one.lost = True
    live.flush()
    assert peer.client.more.is_set() and live.leave(peer.client) == ((0, -1, 0),)
    assert await peer.received() == b""


async def test_a_client_that_goes_is_written_to_no_more(peers: Peers) -> None:
    live, one = FanOut(), feed()
    gone, there = await peers(), await peers()
    for peer in (gone, there):
        live.join(peer.client, place(one))
    group = gone.client.group
    gone.transport.abort()
    one.take([raw(0, 0)])
    live.flush()
    assert await there.received() == event(0)
    with pytest.raises(ConnectionResetError):
        _ = gone.client.waiting
    assert live.leave(gone.client) == ((1, 0, 0),)
    assert group is not None and group.clients == {there.client}


def retracted(n: int, topic: str = "t") -> bytes:
    return b'event: retracted\ndata: {"topic":"%s","id":"%d"}\n\n' % (topic.encode(), n)


def posted(offset: int) -> bytes:
    return b"id: t@1:%d\ndata: %s\n\n" % (offset, post(offset, offset).value)


async def test_what_is_taken_back_is_told_to_all_who_may_have_it_and_moves_nobody(peers: Peers) -> None:
    live, one = FanOut(), feed()
    every, traffic, late = [await peers() for _ in range(3)]
    live.join(every.client, place(one))
    live.join(traffic.client, place(one, wanted=Filter("traffic")))
    one.take([post(0, 0), post(1, 1)])
    live.flush()
    passed = await traffic.received()
    assert await every.received() == posted(0) + posted(1) and passed in (posted(0), posted(1))
    told = traffic.client.told_id
    assert one.retract(b"0", 0) and one.retract(b"1", 0)
    live.flush()
    assert await every.received() == await traffic.received() == retracted(0) + retracted(1)
    assert (every.client.told_id, traffic.client.told_id) == (b"t@1:1", told)
    live.join(late.client, place(one))
    one.take([post(2, 2), post(3, 3)])
    one.retract(b"2", 0)  # which nobody has had
    live.flush()
    assert await every.received() == await late.received() == posted(3)
    one.take([post(4, 4)])
    one.retract(b"3", 0)
    live.flush()
    assert await every.received() == await late.received() == retracted(3) + posted(4), "first what concerns the past"
    assert every.client.group is late.client.group


async def test_who_was_not_told_yet_does_not_join_and_is_told_by_its_own_task(peers: Peers) -> None:
    live, one = FanOut(), feed()
    peer, behind = await peers(), place(one)
    one.take([post(0, 0)])
    assert behind.ready() == [posted(0)]
    one.retract(b"0", 0)
    assert not behind.caught_up and not live.join(peer.client, behind)
    assert await behind.next() == [retracted(0)] and behind.caught_up
    assert behind.id == "t@1:0" and live.join(peer.client, behind)


async def test_a_client_left_behind_is_told_of_what_was_taken_back_from_where_it_stood(peers: Peers) -> None:
    live, one, other = FanOut(), feed(), feed("o")
    slow, quick = await peers(), await peers()
    for peer in (slow, quick):
        live.join(peer.client, place(other, one))
    one.take([post(n, n) for n in range(1000)])
    live.flush()
    while slow.client.group is not None:
        other.take([raw(other.end + n, other.end + n) for n in range(1000)])
        one.retract(b"%d" % one.retracted, 0)
        live.flush()
        assert (await quick.received()).count(b"event: retracted") == 1
    told = slow.client.marks
    assert told is not None and told[1] == (1000, 999, one.retracted - 1)
    one.retract(b"%d" % one.retracted, 0)
    behind = place(other, one)
    behind.move(live.leave(slow.client))
    missed = [retracted(n) for n in range(told[1][2], one.retracted)]
    assert [frame for frame in behind.ready() if frame.startswith(b"event: ")] == missed
