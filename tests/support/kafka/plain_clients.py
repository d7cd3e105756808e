"""Kafka clients without code of Tweetream: they read a feed, write foreign records to it, and delete topics."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tweetream.models.feed import Stamp


async def feed_records(bootstrap: str, kafka_topic: str) -> list[Any]:
    """The records of a feed on Apache Kafka, in order, from its first to the last there is now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        tp = TopicPartition(kafka_topic, 0)
        consumer.assign([tp])
        end = (await consumer.end_offsets([tp]))[tp]
        found: list[Any] = []
        while await consumer.position(tp) < end:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                found += records
        return found
    finally:
        await consumer.stop()


def write_values(bootstrap: str, kafka_topic: str, *values: bytes) -> None:
    """Put values into a feed that look like posts from outside."""

    async def write() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            for number, value in enumerate(values):
                headers = [("label", b"traffic"), ("score", b"0.5"), ("origin", Stamp(9, 1, 1, number).pack())]
                await producer.send_and_wait(kafka_topic, value, headers=headers)

    asyncio.run(write())


async def delete_topics(bootstrap: str, *names: str) -> None:
    """What `kafka-topics.sh --delete` does."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        await client.delete_topics(list(names))
    finally:
        await client.close()
