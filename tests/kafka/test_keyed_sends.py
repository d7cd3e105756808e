"""Changes of a compacted topic go out together, and each tells its offset."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from support.kafka.feed_writer import Broker

from tweetream.kafka import admin
from tweetream.kafka.connection import Connection
from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.kafka.producer import MAX_REQUEST, OrderedProducer
from tweetream.kafka.send_queue import AnyRecord, Send, always


@pytest.fixture
async def producer(any_broker: Broker, namespace: str) -> AsyncIterator[OrderedProducer]:
    await admin.create(Connection([any_broker.bootstrap]), [admin.TopicSpec(namespace, 1)], 1)
    found = OrderedProducer(Connection([any_broker.bootstrap]))
    await found.start()
    yield found
    await found.stop()


async def test_each_change_tells_its_offset_and_what_is_too_large_has_none(
    producer: OrderedProducer, any_broker: Broker, namespace: str
) -> None:
    await producer.send(namespace, 0, b"before")
    changes: list[AnyRecord] = [(b"1", []), (None, []), (b"x" * 2 * MAX_REQUEST, []), (b"3", [])]
    keys = [b"a", b"b", b"large", b"c"]
    send = Send(changes, keys, always)
    await producer.deliver(namespace, 0, send)
    rejected = not isinstance(any_broker, EmbeddedBroker)  # which has no limit
    assert list(send.too_large) == [2] * rejected and (send.offsets[2] == -1) == rejected
    there = {offset: (key, value) for offset, key, (value, _) in zip(send.offsets, keys, changes, strict=True)}
    tp, found = TopicPartition(namespace, 0), dict[int, tuple[bytes | None, bytes | None]]()
    async with asyncio.timeout(20), AIOKafkaConsumer(bootstrap_servers=any_broker.bootstrap) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, 1)
        while len(found) < 4 - rejected:
            for record in (await consumer.getmany(tp, timeout_ms=500)).get(tp, []):
                found[record.offset] = (record.key, record.value)
    assert found == {offset: change for offset, change in there.items() if offset >= 0} and min(found) == 1
