"""The posts of the last hour: all of them if they are few, an even sample if not, and what there was time for.

And the last records of a topic, at once.
"""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from support.kafka.feed_writer import Broker, Writer
from support.virtual_time import VirtualTimeLoop

from tweetream.kafka import admin, recent
from tweetream.kafka.connection import Connection
from tweetream.kafka.producer import OrderedProducer
from tweetream.kafka.readers import last_records
from tweetream.kafka.recent import MOST_POSTS, MOST_RECORDS, STRETCH, Recent, recent_posts
from tweetream.models import codec
from tweetream.models.post import Post, PostBatch


def record(offset: int, posts: int, received_at: int) -> Any:
    batch = PostBatch(1, 1, 0, {}, [Post(f"{offset}/{n}", "x", "hujan", 0, received_at) for n in range(posts)])
    return SimpleNamespace(offset=offset, value=codec.encode(batch))


class Reader:
    """A consumer of partitions with so many records of so many posts each; a record's offset is its time."""

    def __init__(self, sizes: list[int], posts: int, low: int = 0, slow: float = 0) -> None:
        self.sizes, self.posts, self.low, self.slow = sizes, posts, low, slow
        self.at: dict[TopicPartition, int] = {}
        self.read: set[tuple[int, int]] = set()
        self.stopped = False

    async def start(self) -> None: ...

    async def stop(self) -> None:
        self.stopped = True

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self.sizes[tp.partition] - self.low for tp in tps}

    async def offsets_for_times(self, times: dict[TopicPartition, int]) -> dict[TopicPartition, Any]:
        ((tp, time),) = times.items()
        there = time < self.sizes[tp.partition]
        return {tp: SimpleNamespace(offset=time, timestamp=time) if there else None}

    def assign(self, tps: list[TopicPartition]) -> None:
        self.at = dict.fromkeys(tps, 0)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.at[tp] = offset

    async def getmany(self, timeout_ms: int, max_records: int = 500) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(self.slow)
        for tp, start in self.at.items():
            offsets = range(start, min(start + max_records, self.sizes[tp.partition]))
            if offsets:
                self.at[tp] = offsets[-1] + 1
                self.read |= {(tp.partition, offset) for offset in offsets}
                return {tp: [record(offset, self.posts, offset) for offset in offsets]}
        return {}


async def read(monkeypatch: pytest.MonkeyPatch, reader: Reader, since: int = 0, timeout: float = 30) -> Recent:
    monkeypatch.setattr(recent, "consumer", lambda kafka: reader)
    found = await recent_posts(None, "t", len(reader.sizes), since, timeout)  # type: ignore[arg-type]
    assert reader.stopped
    return found


@pytest.mark.parametrize("low", [0, 1])
@pytest.mark.parametrize("size", [1, STRETCH, 300])
async def test_few_records_are_all_read_also_where_the_ends_are_told_too_low(
    monkeypatch: pytest.MonkeyPatch, low: int, size: int
) -> None:
    found = await read(monkeypatch, Reader([size, 0, size], 2, low))
    assert len(found.posts) == len({post.id for post in found.posts}) * 2 == 4 * size
    assert found.share == 1.0


async def test_what_is_older_is_not_read_and_without_posts_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await read(monkeypatch, Reader([300], 1), since=290)
    assert [post.received_at for post in found.posts] == list(range(290, 300))
    assert await read(monkeypatch, Reader([300, 0], 1), since=300) == Recent([], 1.0)


@pytest.mark.parametrize("posts", [1, 200])
async def test_of_many_an_even_sample_is_read_and_its_share_told(monkeypatch: pytest.MonkeyPatch, posts: int) -> None:
    reader = Reader([50_000, 50_000], posts)
    found = await read(monkeypatch, reader)
    assert len(found.posts) <= 1.1 * min(MOST_POSTS, MOST_RECORDS * posts)
    assert found.share == pytest.approx(len(found.posts) / posts / 100_000)
    for partition in (0, 1):
        offsets = [offset for number, offset in reader.read if number == partition]
        assert min(offsets) == 0 and max(offsets) >= 40_000, "from the whole hour"
        assert len(offsets) == pytest.approx(len(reader.read) / 2, rel=0.1)


def test_reading_ends_in_time_with_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a preview that keeps a worker busy: Kafka is slow, or the hour has millions of posts."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        found = runner.run(read(monkeypatch, Reader([3_000], 1, slow=0.02), timeout=0.1))
    assert 0 < len(found.posts) < 3_000 and 0 < found.share < 1


async def test_what_has_just_been_written_is_read_from_any_broker(any_broker: Broker, namespace: str) -> None:
    kafka, topic = Connection([any_broker.bootstrap]), f"{namespace}-posts"
    await admin.create(kafka, [admin.TopicSpec(topic, 2)], 1)
    producer = OrderedProducer(kafka)
    await producer.start()
    since = time.time_ns() // 1_000_000 - 60_000
    assert await recent_posts(kafka, topic, 2, since, 10.0) == Recent([], 1.0)
    for number in range(5):
        await producer.send(topic, number % 2, record(number, 3, since + 60_000).value)
        found = await recent_posts(kafka, topic, 2, since, 10.0)
        assert (len(found.posts), found.share) == (3 * (number + 1), 1.0)
    await producer.stop()


async def test_the_last_records_are_there_as_soon_as_they_are_delivered(writer: Writer) -> None:
    assert await last_records(writer.kafka, writer.topic, 10) == []
    for n in range(4):
        await writer.write_singly(n)
        found = await last_records(writer.kafka, writer.topic, 3)
        assert [raw.value for raw in found] == [b'{"n":%d}' % number for number in range(n + 1)][-3:]


async def test_large_records_are_sampled_so_that_they_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against posts of 64 KiB: an hour of them would be gigabytes in each preview."""
    size = len(record(0, 100, 0).value)
    monkeypatch.setattr(recent, "MOST_BYTES", 100 * size)
    found = await read(monkeypatch, Reader([1_000, 1_000], 100))
    assert 0 < found.size <= (100 + 2 * STRETCH) * size * 1.1
    assert len(found.posts) == pytest.approx(found.share * 200_000)
    small = Reader([1_000], 1)
    monkeypatch.setattr(recent, "MOST_BYTES", 20 * len(record(0, 1, 0).value))
    assert len((await read(monkeypatch, small)).posts) < 200
