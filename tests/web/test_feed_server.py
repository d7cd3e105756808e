"""The feed server takes any record of the topic of retracted ids, also those that others wrote."""

import pytest

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
