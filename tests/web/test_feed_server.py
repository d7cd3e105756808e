"""The feed server takes any record of the topic of retracted ids, also those that others wrote; how it ends."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from support.virtual_time import VirtualTimeLoop

from tweetream.feeds.record import FeedRecord
from tweetream.kafka.compacted import CompactedRecord
from tweetream.kafka.connection import Connection
from tweetream.settings import Settings
from tweetream.web.feed_server import MAX_ID, FeedServer


@pytest.fixture
def server() -> FeedServer:
    return FeedServer(Connection(["127.0.0.1:1"]), Settings())  # Kafka is never asked


def record(id: str) -> FeedRecord:
    return FeedRecord(0, f'{{"id":"{id}","topic":"t"}}'.encode(), "traffic", 0.5, 0)


def test_a_key_retracts_the_post_with_that_id_until_a_tombstone_revokes_it(server: FeedServer) -> None:
    server.take_retractions(
        [CompactedRecord(b"x:1", b"1", 5), CompactedRecord(b"x:2", b"", 6), CompactedRecord(b"x:1", b"1", 7)]
    )
    assert server.hub.retractions.kept([record("x:1"), record("x:2"), record("x:3")]) == [record("x:3")]
    server.take_retractions([CompactedRecord(b"x:1", None, 8), CompactedRecord(b"x:9", None, 8)])
    assert server.hub.retractions.kept([record("x:1"), record("x:2")]) == [record("x:1")]


def test_a_key_that_is_no_id_retracts_nothing_and_raises_nothing(server: FeedServer) -> None:
    server.take_retractions(
        [CompactedRecord(b"", b"1", 5), CompactedRecord(b"\xff\x00", b"1", 5), CompactedRecord(b"x:1", b"1", -5)]
    )
    assert server.hub.retractions.kept([record(""), record("x:1")]) == [record("")]


def test_a_key_that_is_longer_than_any_id_is_not_kept(server: FeedServer) -> None:
    """Stops forged retractions that fill the memory."""
    server.take_retractions([CompactedRecord(b"x" * size, b"1", 5) for size in (MAX_ID, MAX_ID + 1, 4096)])
    assert len(server.hub.retractions) == 1
    server.take_retractions([CompactedRecord(b"x" * size, None, 5) for size in (MAX_ID, 4096)])
    assert not server.hub.retractions


class Ending:
    """A stream that ends so many seconds after it was asked to; it notes when it is cut off."""

    def __init__(self, after: float, ended: Callable[["Ending"], None]) -> None:
        self.after, self._ended, self.cut_off_at = after, ended, 0.0

    def finish(self) -> None:
        asyncio.get_running_loop().call_later(self.after, self._ended, self)

    def end(self) -> None:
        self.cut_off_at = asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("ends", "cut_off"),
    [
        ([0.1, 0.5, 0.9, 1.3], []),  # a thousand streams on a busy machine
        ([0.1, 0.3, 9.0], [0.8]),  # a client that does not read
        ([0.45 * n for n in range(1, 9)], [2.0, 2.0, 2.0, 2.0]),  # clients that end one by one to hold a worker
    ],
)
def test_streams_finish_by_themselves_while_they_do_so_but_none_holds_the_end(
    server: FeedServer, ends: list[float], cut_off: list[float]
) -> None:
    def ended(stream: Ending) -> None:
        streams.discard(stream)
        vars(server)["_stream_ended"].set()

    streams: set[Any] = vars(server)["_streams"]
    all_of_them = [Ending(after, ended) for after in ends]
    streams |= set(all_of_them)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(server.close_streams())
    assert [stream.cut_off_at for stream in all_of_them if stream.cut_off_at] == pytest.approx(cut_off, abs=0.05)
