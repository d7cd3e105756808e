"""The fan-out: each event is made once for all clients, and a slow client leaves its group. Over real sockets."""

import contextlib
import gc
import weakref
from collections.abc import AsyncIterator

import pytest
from support.peers import Peers
from support.records import post, raw, subscription

from tweetream.feeds.record import Filter, Stamps
from tweetream.feeds.ring import FeedRing
from tweetream.models.feed import join_positions
from tweetream.web import events
from tweetream.web.fanout import HEARTBEAT, MAX_BUFFERED, TELL_POSITION, FanOut, http_chunk


@pytest.fixture
async def peers() -> AsyncIterator[Peers]:
    async with contextlib.AsyncExitStack() as stack:
        yield Peers(stack)


def feed(name: str = "t") -> FeedRing:
    return FeedRing(name, 0, Stamps())


def event(offset: int) -> bytes:
    return b'id: t@1:%d\ndata: {"n":%d}\n\n' % (offset, offset)


async def test_clients_at_the_same_place_get_the_same_bytes_framed_as_their_http_has_it(peers: Peers) -> None:
    fan_out, one = FanOut(), feed()
    old, new = await peers(), await peers(chunked=True)
    for peer in (old, new):
        fan_out.join(peer.client, subscription(one))
    one.take([raw(0, 0), raw(1, 1)])
    fan_out.flush()
    assert await old.received() == event(0) + event(1)
    assert await new.received() == http_chunk(event(0) + event(1))
    assert http_chunk(b"x" * 31) == b"1f\r\n" + b"x" * 31 + b"\r\n"


async def test_clients_that_could_not_be_sent_to_come_again_and_others_go_on(
    peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    fan_out, one, first, second = FanOut(), feed(), await peers(), await peers()
    fan_out.join(first.client, subscription(one))
    one.take([raw(0, 0)])

    def fail(*_: object) -> bytes:
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(events, "deliveries", fail)
        fan_out.flush({"t"})
    assert first.transport.is_closing(), "it resumes after its last id"
    fan_out.join(second.client, subscription(one))
    one.take([raw(1, 1)])
    fan_out.flush({"t"})
    assert await second.received() == event(1)


async def test_only_the_clients_of_the_feeds_that_have_something_new_are_looked_at(peers: Peers) -> None:
    fan_out, one, other = FanOut(), feed("t"), feed("u")
    here, there, both = await peers(), await peers(), await peers()
    fan_out.join(here.client, subscription(one))
    fan_out.join(there.client, subscription(other))
    fan_out.join(both.client, subscription(one, other))
    for ring in (one, other):
        ring.take([raw(0, 0)])
    fan_out.flush({"t"})
    got = [await peer.received() for peer in (here, there, both)]
    assert got[0] == event(0) and got[1] == b"" and got[2].count(b"data:") == 2
    fan_out.flush({"u", "v"})
    assert [(await peer.received()).count(b"data:") for peer in (here, there, both)] == [0, 1, 0]
    for peer in (here, there, both):
        fan_out.leave(peer.client)
    fan_out.keep_alive(0.0)
    assert not fan_out._groups and not fan_out._of_feed, "nothing is kept of groups without clients"


async def test_a_client_that_joins_between_two_flushes_gets_each_event_once(peers: Peers) -> None:
    fan_out, one = FanOut(), feed()
    early, late = await peers(), await peers()
    fan_out.join(early.client, subscription(one))
    one.take([raw(0, 0)])
    fan_out.join(late.client, subscription(one))  # before the group has got the first
    one.take([raw(1, 1)])
    fan_out.flush()
    assert await early.received() == event(0) + event(1)
    assert await late.received() == event(1)
    assert early.client.group is late.client.group, "groups that meet become one"
    one.take([raw(2, 2)])
    fan_out.flush()
    assert await early.received() == await late.received() == event(2)


async def test_a_client_that_has_not_got_everything_does_not_join(peers: Peers) -> None:
    fan_out, one = FanOut(), feed()
    peer, own = await peers(), subscription(one)
    one.take([raw(0, 0)])
    fan_out.flush()
    assert not fan_out.join(peer.client, own) and peer.client.group is None
    assert events.deliveries(own.ready()) == [event(0)]
    assert fan_out.join(peer.client, own)
    fan_out.flush()
    assert await peer.received() == b""


async def test_a_feed_that_is_followed_again_at_the_same_place_is_another_one(peers: Peers) -> None:
    fan_out, first, again = FanOut(), feed(), feed()
    gone, there = await peers(), await peers()
    fan_out.join(gone.client, subscription(first))
    fan_out.leave(gone.client)
    fan_out.join(there.client, subscription(again))
    again.take([raw(0, 0)])
    fan_out.flush()
    assert await there.received() == event(0)


async def test_an_id_covers_all_feeds_those_before_as_they_are_and_those_after_as_they_were(peers: Peers) -> None:
    fan_out, first, second = FanOut(), feed("a"), feed("b")
    both = await peers()
    fan_out.join(both.client, subscription(first, second))
    second.take([raw(0, 0)])
    first.take([raw(0, 0)])
    fan_out.flush()
    ids = [line for line in (await both.received()).splitlines() if line.startswith(b"id")]
    assert ids == [b"id: a@1:0", b"id: a@1:0,b@1:0"]
    second.take([raw(1, 1)])
    first.take([raw(1, 1)])
    fan_out.flush()
    ids = [line for line in (await both.received()).splitlines() if line.startswith(b"id")]
    assert ids == [b"id: a@1:1,b@1:0", b"id: a@1:1,b@1:1"]


async def test_a_client_whose_socket_takes_no_more_leaves_and_the_others_go_on(peers: Peers) -> None:
    fan_out, one = FanOut(), feed()
    slow, quick = await peers(), await peers()
    for peer in (slow, quick):
        fan_out.join(peer.client, subscription(one))
    got, offset = b"", 0
    while not slow.client.wake.is_set():
        one.take([raw(offset + n, offset + n) for n in range(1000)])
        offset += 1000
        fan_out.flush()
        got += await quick.received()
    assert slow.client.group is None and quick.client.group is not None
    assert slow.client.buffered <= MAX_BUFFERED + 100_000, "what one write more can be"
    assert got == b"".join(map(event, range(offset)))
    left = fan_out.leave(slow.client)
    at = left[0][0]
    assert 0 < at < offset, "before what it could not take"
    await slow.received()
    assert slow.client.buffered == 0
    own = subscription(one)
    own.move(left)
    assert b"".join(events.deliveries(own.ready())).startswith(event(at)), "there it goes on"


async def test_a_filter_passes_its_posts_and_the_position_is_told_when_none_passed(peers: Peers) -> None:
    fan_out, one = FanOut(), feed()
    every, traffic = await peers(), await peers()
    fan_out.join(every.client, subscription(one))
    fan_out.join(traffic.client, subscription(one, post_filter=Filter("traffic")))
    one.take([raw(0, 0), raw(1, 1)])
    fan_out.flush()
    assert await every.received() == event(0) + event(1)
    passed = await traffic.received()
    assert passed in (event(0), event(1)), "the two have different labels"
    for turn, peer in enumerate((every, traffic)):
        assert peer.client.group is not None
        told = peer.client.sent_at
        peer.client.group.keep_alive(told + TELL_POSITION + 1)
        if turn == 0 or passed == event(1):
            assert await peer.received() == b"", "it knows"
        else:
            assert await peer.received() == b"id: t@1:1\nevent: position\ndata: {}\n\n"
        peer.client.group.keep_alive(told + TELL_POSITION + HEARTBEAT + 1)
        assert await peer.received() == b":\n"


async def test_a_client_whose_task_waits_for_kafka_gets_comments_until_it_goes(peers: Peers) -> None:
    fan_out, one = FanOut(), feed()
    waiting, with_others = await peers(), await peers()
    with fan_out.heartbeats(waiting.client), fan_out.heartbeats(with_others.client):
        fan_out.join(with_others.client, subscription(one))
        fan_out.keep_alive(with_others.client.sent_at + HEARTBEAT)
        assert await waiting.received() == await with_others.received() == b":\n"
    fan_out.keep_alive(waiting.client.sent_at + HEARTBEAT)
    assert await waiting.received() == b""


async def test_a_group_that_all_have_left_holds_no_ring(peers: Peers) -> None:
    fan_out, one = FanOut(), feed()
    peer = await peers()
    fan_out.join(peer.client, subscription(one))
    fan_out.leave(peer.client)
    held = weakref.ref(one)
    del one
    gc.collect()
    fan_out.keep_alive(0.0)
    gc.collect()
    assert held() is None


async def test_a_feed_that_was_lost_is_left_to_the_clients_own_task(peers: Peers) -> None:
    fan_out, one = FanOut(), feed()
    peer = await peers()
    fan_out.join(peer.client, subscription(one))
    one.take([raw(0, 0)])
    one.lost = True
    fan_out.flush()
    assert peer.client.wake.is_set() and fan_out.leave(peer.client) == ((0, -1, 0),)
    assert await peer.received() == b""


async def test_nothing_is_written_to_a_client_that_has_gone(peers: Peers) -> None:
    fan_out, one = FanOut(), feed()
    gone, there = await peers(), await peers()
    for peer in (gone, there):
        fan_out.join(peer.client, subscription(one))
    group = gone.client.group
    gone.transport.abort()
    one.take([raw(0, 0)])
    fan_out.flush()
    assert await there.received() == event(0)
    with pytest.raises(ConnectionResetError):
        _ = gone.client.buffered
    assert fan_out.leave(gone.client) == ((1, 0, 0),)
    assert group is not None and group.clients == {there.client}


def retracted(n: int, topic: str = "t") -> bytes:
    return b'event: retracted\ndata: {"topic":"%s","id":"%d"}\n\n' % (topic.encode(), n)


def posted(offset: int) -> bytes:
    return b"id: t@1:%d\ndata: %s\n\n" % (offset, post(offset, offset).value)


async def test_clients_that_may_have_a_post_are_told_of_its_retraction_and_keep_their_position(peers: Peers) -> None:
    fan_out, one = FanOut(), feed()
    every, traffic, late = [await peers() for _ in range(3)]
    fan_out.join(every.client, subscription(one))
    fan_out.join(traffic.client, subscription(one, post_filter=Filter("traffic")))
    one.take([post(0, 0), post(1, 1)])
    fan_out.flush()
    passed = await traffic.received()
    assert await every.received() == posted(0) + posted(1) and passed in (posted(0), posted(1))
    told = traffic.client.sent_id
    assert one.retract(b"0", 0) and one.retract(b"1", 0)
    fan_out.flush()
    assert await every.received() == await traffic.received() == retracted(0) + retracted(1)
    assert (every.client.sent_id, traffic.client.sent_id) == (b"t@1:1", told)
    fan_out.join(late.client, subscription(one))
    one.take([post(2, 2), post(3, 3)])
    one.retract(b"2", 0)  # which nobody has had
    fan_out.flush()
    assert await every.received() == await late.received() == posted(3)
    one.take([post(4, 4)])
    one.retract(b"3", 0)
    fan_out.flush()
    assert await every.received() == await late.received() == retracted(3) + posted(4), "first what concerns the past"
    assert every.client.group is late.client.group


async def test_a_client_not_told_of_a_retraction_does_not_join_and_is_told_by_its_own_task(peers: Peers) -> None:
    fan_out, one = FanOut(), feed()
    peer, own = await peers(), subscription(one)
    one.take([post(0, 0)])
    assert events.deliveries(own.ready()) == [posted(0)]
    one.retract(b"0", 0)
    assert not own.caught_up and not fan_out.join(peer.client, own)
    assert events.deliveries(await own.next()) == [retracted(0)] and own.caught_up
    assert join_positions(own.positions()) == "t@1:0" and fan_out.join(peer.client, own)


async def test_a_slow_client_is_told_of_retractions_from_where_it_left_on(peers: Peers) -> None:
    fan_out, one, other = FanOut(), feed(), feed("o")
    slow, quick = await peers(), await peers()
    for peer in (slow, quick):
        fan_out.join(peer.client, subscription(other, one))
    one.take([post(n, n) for n in range(1000)])
    fan_out.flush()
    while slow.client.group is not None:
        other.take([raw(other.end + n, other.end + n) for n in range(1000)])
        one.retract(b"%d" % one.retracted, 0)
        fan_out.flush()
        assert (await quick.received()).count(b"event: retracted") == 1
    told = slow.client.cursor_states
    assert told is not None and told[1] == (1000, 999, one.retracted - 1)
    one.retract(b"%d" % one.retracted, 0)
    own = subscription(other, one)
    own.move(fan_out.leave(slow.client))
    missed = [retracted(n) for n in range(told[1][2], one.retracted)]
    assert [event for event in events.deliveries(own.ready()) if event.startswith(b"event: ")] == missed
