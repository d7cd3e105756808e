"""Records, cursors and subscriptions for tests of feeds, and the value of a counter."""

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.feed_writer import LABELS

from tweetream.feeds.cursor import Cursor
from tweetream.feeds.hub import Hub
from tweetream.feeds.record import EVERY_POST, Filter
from tweetream.feeds.ring import FeedRing
from tweetream.feeds.subscription import Subscription
from tweetream.kafka.connection import Connection
from tweetream.metrics import registry
from tweetream.models.feed import PostRecord, Stamp, label_header, score_header


def raw(offset: int, n: int, value: bytes = b"") -> SimpleNamespace:
    """Record n as Kafka's client gives it; its value is {"n":n} unless one is given."""
    headers = {"label": LABELS[n % 2], "score": b"0.5", "origin": Stamp(0, 1, n, 0).pack()}
    return SimpleNamespace(
        topic="t", offset=offset, value=value or b'{"n":%d}' % n, timestamp=0, headers=tuple(headers.items())
    )  # fmt: skip


def post_record(stamp: Stamp, value: bytes = b"{}") -> PostRecord:
    """The record of a post before it is sent."""
    return PostRecord(value, label_header("traffic"), score_header(0.5), stamp.pack())


def post(offset: int, n: int) -> SimpleNamespace:
    """A record whose post has the id n."""
    return raw(offset, n, b'{"id":"%d","topic":"t","n":%d}' % (n, n))


def subscription(*feeds: FeedRing, post_filter: Filter = EVERY_POST) -> Subscription:
    """A subscription at the end of the feeds."""
    past = Hub(Connection(["127.0.0.1:1"])).past  # never used: all records are in the rings
    return Subscription(post_filter, [Cursor(past, one, one.kafka_topic, "1", None) for one in feeds])


def cursor(live: Hub, feed: FeedRing, offset: int | None) -> Cursor:
    return Cursor(live.past, feed, "x", "1", offset)


async def read(one: Cursor, until: int) -> list[Any]:
    """What a cursor gives until its offset is `until`."""
    found: list[Any] = []
    async with asyncio.timeout(30):
        while one.offset < until:
            records = await one.next()
            found += records
            if not records:
                await asyncio.sleep(0.005)
    return found


async def delete_before(broker: KafkaAddress, topic: str, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=offset)})
    await admin.close()


def counted(name: str, **labels: str) -> float:
    return registry.get_sample_value(f"tweetream_{name}_total", labels) or 0
