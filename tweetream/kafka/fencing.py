"""Epochs in the posts topic: the highest one tells which worker runs the sources. Knows no Faust."""

import contextlib
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, TopicPartition

from tweetream.kafka.connection import Connection
from tweetream.kafka.rebootstrap import rebootstrapping
from tweetream.models import codec
from tweetream.models.post import PostBatch, read_posts

FIRST_TAIL = 64  # records of a partition that are read first


async def highest_epoch(kafka: Connection, topic: str, partition: int, offset: int) -> int:
    """The highest epoch of the FIRST_TAIL records before `offset`; 0 without records."""
    return (await highest(kafka, topic, partition, max(0, offset - FIRST_TAIL), offset))[0]


async def highest(kafka: Connection, topic: str, partition: int, start: int, end: int) -> tuple[int, int]:
    """The highest epoch from `start` to before `end`, and its highest sequence; zeros without records."""
    found = [(batch.epoch, batch.sequence) async for _, batch in read_batches(kafka, topic, partition, start, end)]
    return max(found, default=(0, 0))


async def read_batches(
    kafka: Connection, topic: str, partition: int, start: int, end: int
) -> AsyncIterator[tuple[int, PostBatch]]:
    """The batches from offset `start` to before `end`, each with its time (ms since 1970)."""
    if start >= end:
        return
    tp = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(**kafka.arguments(), enable_auto_commit=False, auto_offset_reset="earliest")
    rebootstrapping(consumer)
    try:
        await consumer.start()
        consumer.assign([tp])
        earliest = (await consumer.beginning_offsets([tp]))[tp]
        consumer.seek(tp, max(start, earliest))
        async for record in consumer:
            if record.offset < end:
                with contextlib.suppress(codec.Undecodable):  # preprocessing writes the dead letter
                    yield record.timestamp, read_posts(record.value, record.timestamp)
            if record.offset >= end - 1:
                return
    finally:
        await consumer.stop()
