"""What a feed has from the archive: its last stamp, and the ids of its newest stored posts.

A post that was on its way when its topic was added can be stored and come live as well. So a live post that was
received before the end of the backfill is looked for by its id among the stored posts of the feed. Later ones are in no
backfill.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from tweetream import metrics
from tweetream.app import app, kafka, settings
from tweetream.archive.rows import BITS
from tweetream.feeds.record import Stamps, read_record
from tweetream.feeds.written import StepLimit, stamps_at_end
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.readers import FETCH_RECORDS, MAX_DEDUP_RECORDS, Readers, bounds, next_records
from tweetream.kafka.send_queue import StillAssigned
from tweetream.models.backfill import ARCHIVED
from tweetream.models.post import TaggedBatch
from tweetream.models.topic import Topic
from tweetream.topology import is_live, services, topics_table

TIMEOUT = 10.0  # seconds
PAUSE = 0.5  # seconds between two attempts
KEPT = 8  # feeds whose ids are remembered


class _Id(msgspec.Struct):
    id: str


_id = msgspec.json.Decoder(_Id)


@cache
def readers() -> Readers:
    """This worker's own, for backfills."""
    return Readers(kafka)


@app.after
async def _stop() -> None:
    await readers().stop()


async def stamps_in(kafka_topic: str) -> tuple[Stamps, int]:
    """The highest stamps of a feed, and the offset of its next record. Raises KafkaError or TimeoutError."""
    async with asyncio.timeout(TIMEOUT) as limit, readers().lend() as reader:
        _, end = await bounds(reader, TopicPartition(kafka_topic, 0))
        stamps, _ = await stamps_at_end(reader, kafka_topic, settings.partitions, StepLimit(limit))
        return stamps, end


class StoredIds:
    """The ids of feeds' stored posts from a time (ms) on, up to MAX_DEDUP_RECORDS of each feed."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, tuple[int, set[str]]] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    async def of(self, topic: Topic, since: int, still_assigned: StillAssigned) -> set[str]:
        """None of them if the feed cannot be read now. Waits for a broker that is away. Raises Abandoned."""
        feed = topic.kafka_topic
        async with self._locks.setdefault(feed, asyncio.Lock()):
            while can_be_read(feed):
                known, ids = self._found.get(feed, (since + 1, set()))
                if known <= since:
                    return ids
                if not still_assigned():
                    raise Abandoned("a rebalance came before the stored posts were known")
                try:
                    self._found[feed] = since, await _read(topic, since)
                except (KafkaError, OSError, TimeoutError, MemoryError):
                    await asyncio.sleep(PAUSE)
                while len(self._found) > KEPT:
                    self._locks.pop(self._found.popitem(last=False)[0], None)
        return set()


def can_be_read(feed: str) -> bool:
    """Whether the feed is there and has a leader. Without one its posts wait, and are looked at later."""
    return is_live(feed) and not services.producer.is_leaderless(feed)


async def _read(topic: Topic, since: int) -> set[str]:
    assert topic.backfill is not None
    tp, ids = TopicPartition(topic.kafka_topic, 0), set[str]()
    async with asyncio.timeout(TIMEOUT), readers().lend() as reader:
        first, end = await bounds(reader, tp)
        top = end = min(end, topic.backfill.end)
        while top > first and end - top < MAX_DEDUP_RECORDS:
            offset, until = max(first, top - FETCH_RECORDS), top
            top = offset
            reader.seek(tp, offset)
            oldest, stamps = since, Stamps()
            while offset < until:
                for raw in await next_records(reader, tp, FETCH_RECORDS):
                    offset = raw.offset + 1
                    stamps_before = stamps.highest(ARCHIVED)
                    record = read_record(raw, stamps, past=True) if raw.offset < until else None
                    stamp = stamps.highest(ARCHIVED)
                    if record is None or stamp is None or stamp is stamps_before:
                        continue
                    oldest = min(oldest, stamp.sequence >> BITS)
                    if stamp.sequence >> BITS >= since:
                        ids.add(_id.decode(record.data).id)
            if oldest < since:
                break
    return ids


@cache
def stored_ids() -> StoredIds:
    """This worker's one."""
    return StoredIds()


async def without_stored(batch: TaggedBatch, still_assigned: StillAssigned) -> TaggedBatch:
    """The batch without the feeds that have a post of it already, from the archive. Raises Abandoned."""
    stored: dict[int, set[str]] = {}
    filled: Mapping[str, Topic] = {}
    while filled != (now := topics_table.filled_feeds()):  # a backfill can end while the posts of another are read
        filled = now
        for number in [number for number, feed in enumerate(batch.feeds) if feed in filled and number not in stored]:
            topic = filled[batch.feeds[number]]
            times = [post.post.received_at for post in batch.posts if number in post.feeds]
            early = [time for time in times if topic.backfill is not None and time < topic.backfill.until]
            if early and can_be_read(topic.kafka_topic):
                stored[number] = await stored_ids().of(topic, min(early), still_assigned)
    if not stored:
        return batch
    posts = []
    for post in batch.posts:
        left = tuple(number for number in post.feeds if post.post.id not in stored.get(number, ()))
        metrics.duplicates.inc(len(post.feeds) - len(left))
        posts.append(msgspec.structs.replace(post, feeds=left))
    return msgspec.structs.replace(batch, posts=posts)
