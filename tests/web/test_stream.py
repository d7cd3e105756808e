"""Where a stream begins, on a hub of its own; the rest is tested over sockets, in `tests/live`."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from support.kafka.feed_writer import Writer
from support.waiting import until_async

from tweetream.feeds.hub import Hub
from tweetream.feeds.record import EVERY_POST
from tweetream.kafka.connection import Connection
from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.models.feed import join_positions, parse_positions
from tweetream.models.topic import Topic
from tweetream.settings import Settings
from tweetream.web import events
from tweetream.web.fanout import FanOut
from tweetream.web.stream import Stream, StreamQuery, _limit_socket


@pytest.fixture
async def hub(embedded_broker: EmbeddedBroker) -> AsyncIterator[Hub]:
    hub = Hub(Connection([embedded_broker.bootstrap]))
    await hub.start()
    yield hub
    await hub.stop()


@pytest.mark.parametrize("asked", ["last", "offset_of_time"])
async def test_a_post_that_comes_while_kafka_is_asked_where_to_begin_is_not_missed(
    embedded_broker: EmbeddedBroker, namespace: str, hub: Hub, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    writer = Writer(embedded_broker, f"{namespace}-feed-x-1")
    await writer.begin()
    ask = getattr(hub.past, asked)

    async def slowly(*args: Any) -> Any:
        found = await ask(*args)
        await writer.write(0)
        await until_async(lambda: hub._feeds[writer.topic].end == 1)
        return found

    monkeypatch.setattr(hub.past, asked, slowly)
    near, far = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=near)
    request: Any = SimpleNamespace(transport=transport, version=(1, 1))
    since = int(time.time() * 1000) + 60_000 if asked == "offset_of_time" else None
    query = StreamQuery(None, since, 5, EVERY_POST)
    one = Stream(hub, FanOut(), Settings(), request, SimpleNamespace(), query)  # type: ignore[arg-type]
    async with contextlib.AsyncExitStack() as stack:
        await one._open(stack, Topic("x", ("x",), 0, 1, writer.topic, 0))
        assert events.deliveries(await one._subscription.next()) == [b'id: x@1:0\ndata: {"n":0}\n\n']
    transport.abort()
    far.close()
    await writer.producer.stop()


@pytest.mark.parametrize(("patience", "system"), [(30.0, 60_000), (300.0, 301_000), (1e9, 2**31 - 1)])
def test_the_system_gives_a_client_as_much_time_as_the_settings_or_more(patience: float, system: int) -> None:
    with socket.socket() as connection:
        _limit_socket(connection, patience)
        option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it
        assert option is None or connection.getsockopt(socket.IPPROTO_TCP, option) == system


@pytest.mark.parametrize(("given", "told"), [("x@1:7", "x@1:7,y@1:0"), ("x@zz:7", "x@zz:7,y@1:0"), ("y@1:0", "y@1:0")])
async def test_a_feed_that_kafka_cannot_read_holds_no_other_of_its_stream_and_keeps_its_position(
    embedded_broker: EmbeddedBroker, namespace: str, hub: Hub, given: str, told: str
) -> None:
    writer = Writer(embedded_broker, f"{namespace}-feed-y-1")
    await writer.begin()
    await writer.write(0)
    gone = f"{namespace}-feed-x-1"
    hub.past.available = lambda kafka_topic: kafka_topic != gone
    near, far = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=near)
    request: Any = SimpleNamespace(transport=transport, version=(1, 1))
    query = StreamQuery(parse_positions(given), None, None, EVERY_POST)
    one = Stream(hub, FanOut(), Settings(), request, SimpleNamespace(), query)  # type: ignore[arg-type]
    async with contextlib.AsyncExitStack() as stack:
        for name, kafka_topic in (("x", gone), ("y", writer.topic)):
            await one._open(stack, Topic(name, (name,), 0, 1, kafka_topic, 0))
        await one._subscription.next()
        assert join_positions(one._subscription.positions()) == told
        one.finish_if_readable()
        assert not one._finishing
        hub.past.available = lambda kafka_topic: True
        one.finish_if_readable()
        assert one._finishing, "the client resumes there"
    transport.abort()
    far.close()
    await writer.producer.stop()


@pytest.mark.parametrize(("since", "last", "waits"), [(0, None, True), (None, 1000, False), (None, 1001, True)])
async def test_a_stream_that_begins_with_many_posts_waits_for_its_addresss_budget(
    since: int | None, last: int | None, waits: bool
) -> None:
    """Stops streams opened in a loop that each begin with thousands of posts from memory."""
    spent, asked = list[int](), list[bool]()

    class Budget:
        def spend_ringed(self, number: int) -> None:
            spent.append(number)

        @property
        def wait(self) -> float:
            asked.append(True)
            return 0.001

    async def nothing() -> list[Any]:
        return []

    near, far = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=near)
    request: Any = SimpleNamespace(transport=transport, version=(1, 1))
    ready: Any = SimpleNamespace(ringed=True, cursors=[0, 0], filtered=False, next=nothing, appended=lambda: 0)
    query, budget, nobody = StreamQuery(None, since, last, EVERY_POST), Budget(), SimpleNamespace()
    one = Stream(nobody, FanOut(), Settings(), request, nobody, query, budget)  # type: ignore[arg-type]
    one._subscription = ready
    await one._catch_up()
    assert (bool(asked), spent) == (waits, [0])
    one._beginning = False
    await one._catch_up()
    assert (len(asked), spent) == (waits, [0]), "later posts are free"
    transport.abort()
    far.close()
