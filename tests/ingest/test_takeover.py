"""Takeover: a new epoch with its markers, and the positions and ids of the worker before."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from support.kafka.apache_kafka import KafkaAddress

from tweetream.ingest import service, takeover
from tweetream.ingest.takeover import take_over
from tweetream.kafka import admin
from tweetream.kafka.connection import Connection
from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.kafka.fencing import highest_epoch
from tweetream.kafka.producer import OrderedProducer
from tweetream.models import codec
from tweetream.models.epoch import MAX_AHEAD
from tweetream.models.post import Post, PostBatch, read_posts
from tweetream.topology import now_ms

Broker = EmbeddedBroker | KafkaAddress
PARTITIONS = 3


class Posts:
    """The posts topic, with a producer."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self.kafka = Connection([broker.bootstrap])
        self.topic = topic
        self.producer = OrderedProducer(self.kafka)

    async def batch(self, epoch: int, sequence: int, position: str, ids: Iterable[str] = ()) -> None:
        posts = [Post(id, "t", "text", 0, 0) for id in ids]
        batch = PostBatch(epoch, sequence, -1, {"replay:a": position}, posts)
        await self.producer.send(self.topic, sequence % PARTITIONS, codec.encode(batch))

    async def take_over(self, now: int) -> takeover.TakeoverState:
        async with asyncio.timeout(20):
            return await take_over(self.kafka, self.producer, self.topic, PARTITIONS, now)

    async def records(self, count: int) -> list[tuple[int, PostBatch]]:
        """The batches in the topic, in the order of each partition."""
        found: list[tuple[int, PostBatch]] = []
        async with asyncio.timeout(20), AIOKafkaConsumer(**self.kafka.arguments()) as consumer:
            tps = [TopicPartition(self.topic, p) for p in range(PARTITIONS)]
            consumer.assign(tps)
            for tp in tps:
                consumer.seek(tp, 0)
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += [(record.partition, codec.decode(record.value, PostBatch)) for record in records]
        return found


@pytest.fixture
async def posts(any_broker: Broker, namespace: str) -> AsyncIterator[Posts]:
    await admin.create(Connection([any_broker.bootstrap]), [admin.TopicSpec(namespace, PARTITIONS)], 1)
    posts = Posts(any_broker, namespace)
    await posts.producer.start()
    yield posts
    await posts.producer.stop()


async def test_in_an_empty_topic_the_state_is_empty(posts: Posts) -> None:
    state = await posts.take_over(1000)
    assert (state.epoch, state.positions, state.ids) == (1000, {}, {})


async def test_every_partition_gets_a_marker(posts: Posts) -> None:
    await posts.take_over(1000)
    found = await posts.records(PARTITIONS)
    assert sorted(partition for partition, _ in found) == list(range(PARTITIONS))
    assert all(batch == PostBatch(1000, 0, -1, {}, []) for _, batch in found)


async def test_the_last_positions_and_all_ids_read_lately_are_inherited_in_their_order(posts: Posts) -> None:
    for sequence in range(1, 9):
        await posts.batch(500, sequence, f"p{sequence}", [f"t:{sequence}a", f"t:{sequence}b"])
    state = await posts.take_over(1000)
    assert state.epoch == 1000 and state.positions == {"replay:a": "p8"}
    assert list(state.ids) == [f"t:{sequence}{letter}" for sequence in range(1, 9) for letter in "ab"]


async def test_a_later_epoch_counts_more_than_a_higher_sequence(posts: Posts) -> None:
    await posts.batch(500, 100, "of the first", ["t:1"])
    await posts.batch(600, 2, "of the second", ["t:2"])
    assert (await posts.take_over(1000)).positions == {"replay:a": "of the second"}


async def test_a_tail_with_only_markers_is_extended(posts: Posts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "FIRST_TAIL", 2)
    await posts.batch(500, 1, "p1", ["t:1"])
    for epoch in range(600, 609):
        for p in range(PARTITIONS):
            await posts.producer.send(posts.topic, p, codec.encode(PostBatch(epoch, 0, -1, {}, [])))
    state = await posts.take_over(1000)
    assert state.positions == {"replay:a": "p1"} and list(state.ids) == ["t:1"]


async def test_ids_of_the_last_minutes_are_inherited_however_many_batches_they_came_in(
    posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "FIRST_TAIL", 2)
    for sequence in range(1, 31):
        await posts.batch(500, sequence, f"p{sequence}", [f"t:{sequence}"])
    assert list((await posts.take_over(1000)).ids) == [f"t:{sequence}" for sequence in range(1, 31)]


async def test_only_the_tail_with_the_positions_is_read(posts: Posts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "FIRST_TAIL", 2)
    monkeypatch.setattr(takeover, "ID_WINDOW", 0.0)
    for sequence in range(1, 31):
        await posts.batch(500, sequence, f"p{sequence}", [f"t:{sequence}"])
    state = await posts.take_over(1000)
    assert list(state.ids) == [f"t:{sequence}" for sequence in range(25, 31)]


async def test_after_a_worker_with_a_fast_clock_the_epoch_is_still_higher(posts: Posts) -> None:
    await posts.batch(5000, 1, "p1", ["t:1"])
    state = await posts.take_over(1000)
    assert state.epoch == 5001 and state.positions == {"replay:a": "p1"}
    markers = [batch for _, batch in await posts.records(1 + 2 * PARTITIONS) if batch.epoch == 5001]
    assert [batch.sequence for batch in markers] == [0] * PARTITIONS, "the higher epoch has its markers too"


async def test_one_epoch_is_never_taken_twice(posts: Posts) -> None:
    epochs = [(await posts.take_over(1000)).epoch for _ in range(3)]
    assert epochs == [1000, 1001, 1002]


async def test_two_that_take_over_at_once_get_different_epochs(posts: Posts) -> None:
    one, other = await asyncio.gather(posts.take_over(1000), posts.take_over(1000))
    assert one.epoch != other.epoch


async def test_what_does_not_decode_is_passed_over(posts: Posts) -> None:
    await posts.batch(500, 1, "p1", ["t:1"])
    for junk in (b"junk", b"", b"\x01\x90", b"\xff" * 100):
        for p in range(PARTITIONS):
            await posts.producer.send(posts.topic, p, junk)
    assert (await posts.take_over(1000)).positions == {"replay:a": "p1"}


async def test_batches_after_the_marker_are_not_inherited(posts: Posts, monkeypatch: pytest.MonkeyPatch) -> None:
    await posts.batch(500, 1, "p1", ["t:1"])
    real = takeover._tail

    async def late(*args: Any) -> list[PostBatch]:
        if args[2] == 0:
            await posts.batch(500, 2, "p2", ["t:2"])  # from a frozen worker that wakes up
        return await real(*args)

    monkeypatch.setattr(takeover, "_tail", late)
    state = await posts.take_over(1000)
    assert state.positions == {"replay:a": "p1"} and list(state.ids) == ["t:1"]


async def test_no_more_ids_are_inherited_than_the_limit_and_the_newest_stay(
    posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "MAX_IDS", 3)
    await posts.batch(500, 1, "p1", [f"t:{i}" for i in range(10)])
    await posts.batch(500, 2, "p2", ["t:10"])
    assert list((await posts.take_over(1000)).ids) == ["t:8", "t:9", "t:10"]


async def test_the_ids_of_a_slow_flow_are_all_in_one_partition(posts: Posts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "MAX_IDS", 6)
    monkeypatch.setattr(takeover, "FIRST_TAIL", 1)
    for sequence in (3, 6, 9, 12):
        await posts.batch(500, sequence, f"p{sequence}", [f"t:{sequence}{letter}" for letter in "ab"])
    state = await posts.take_over(1000)
    assert list(state.ids) == [f"t:{sequence}{letter}" for sequence in (6, 9, 12) for letter in "ab"]
    assert (state.partition, state.last) == (0, (500, 12))
    await posts.batch(1000, 13, "p13", ["t:13"])
    assert (await posts.take_over(2000)).partition == 1


async def test_what_a_fenced_worker_sent_is_not_inherited(posts: Posts) -> None:
    await posts.batch(500, 1, "p1", ["t:1"])
    await posts.take_over(1000)
    await posts.batch(500, 2, "p2", ["t:2"])  # from a frozen worker that wakes up
    state = await posts.take_over(2000)
    assert state.positions == {"replay:a": "p1"}
    assert list(state.ids) == ["t:1"]


def test_a_tail_that_begins_after_the_marker_still_recognises_fenced_batches() -> None:
    def batch(epoch: int, sequence: int) -> PostBatch:
        return PostBatch(epoch, sequence, -1, {}, [])

    fenced, good = batch(500, 7), batch(1000, 3)
    assert takeover.unfenced([fenced, good]) == [good]
    assert takeover.unfenced([batch(500, 6), batch(1000, 0), fenced, good]) == [batch(500, 6), batch(1000, 0), good]


async def test_a_record_nested_without_end_is_passed_over(posts: Posts) -> None:
    nested = b"\x01\x96\x01\x01\x01\x80\x90" + b"\x91" * 100_000
    await posts.producer.send(posts.topic, 1, nested)
    await posts.take_over(1000)


@pytest.mark.parametrize("forged", [2**64 - 1, 2**63, -1])
async def test_an_epoch_beyond_the_clock_is_passed_over_by_all_readers(posts: Posts, forged: int) -> None:
    """Attack: one record with the last epoch of all would make every takeover fail, or fence all later batches."""
    await posts.batch(500, 3, "p3", ["t:3"])
    for partition in range(PARTITIONS):
        await posts.producer.send(posts.topic, partition, codec.encode(PostBatch(forged, 9, -1, {"replay:a": "x"}, [])))
    assert await highest_epoch(posts.kafka, posts.topic, 0, 2) == 500
    state = await posts.take_over(now_ms())
    assert state.epoch < now_ms() + 1000 and state.positions == {"replay:a": "p3"}
    with pytest.raises(codec.Undecodable):  # as preprocessing reads it
        read_posts(codec.encode(PostBatch(forged, 9, -1, {}, [])), now_ms())


async def test_a_clock_that_is_days_behind_is_told_of(posts: Posts) -> None:
    await posts.batch(now_ms(), 1, "p1")
    with pytest.raises(takeover.ClockBehind, match="more than a day behind"):
        await posts.take_over(now_ms() - 2 * MAX_AHEAD)


@pytest.mark.parametrize(("epoch", "sequence", "fences"), [(500, 2**40, True), (501, 0, True), (500, 1, False)])
async def test_a_record_between_ours_that_makes_them_look_old_ends_the_run(
    posts: Posts, epoch: int, sequence: int, fences: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: with a high sequence of our own epoch, readers would take all our later posts for duplicates."""
    monkeypatch.setattr(service, "kafka", posts.kafka)
    monkeypatch.setattr(service, "POSTS", posts.topic)
    await posts.producer.send(posts.topic, 0, codec.encode(PostBatch(epoch, sequence, -1, {}, [])))
    ours = await posts.producer.send(posts.topic, 0, codec.encode(PostBatch(500, 3, -1, {}, [])))
    check = service._check_not_fenced(0, 0, ours.offset, (500, 3))
    with pytest.raises(takeover.Fenced) if fences else contextlib.nullcontext():
        await check


async def test_the_last_batch_is_known_also_if_it_is_fenced_so_that_a_log_that_lost_some_is_recognised(
    posts: Posts,
) -> None:
    assert (await posts.take_over(1000)).last == (0, 0)
    await posts.batch(500, 7, "fenced")
    assert (await posts.take_over(2000)).last == (500, 7)
    await posts.batch(2000, 3, "p3")
    assert (await posts.take_over(3000)).last == (2000, 3)
