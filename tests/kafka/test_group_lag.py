"""The lag of a group is that of all its partitions, whoever has them, and a group that never committed has all."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from support.kafka.apache_kafka import KafkaAddress

from tweetream.kafka import admin
from tweetream.kafka.admin import TopicSpec
from tweetream.kafka.connection import Connection
from tweetream.kafka.embedded import free_ports
from tweetream.kafka.group_lag import GroupLag
from tweetream.kafka.retry import Unavailable


async def test_it_is_what_the_group_has_not_committed(apache_kafka: KafkaAddress, namespace: str) -> None:
    kafka = Connection([apache_kafka.bootstrap])
    await admin.create(kafka, [TopicSpec(f"{namespace}-a", 2), TopicSpec(f"{namespace}-b", 1)], 1)
    async with AIOKafkaProducer(**kafka.arguments()) as producer:
        for partition in (0, 1, 1):
            await producer.send_and_wait(f"{namespace}-a", b"x", partition=partition)
    lag = GroupLag(kafka, namespace, {f"{namespace}-a": 2, f"{namespace}-b": 1})
    try:
        assert await lag.read() == {f"{namespace}-a": 3, f"{namespace}-b": 0}
        async with AIOKafkaConsumer(**kafka.arguments(), group_id=namespace, enable_auto_commit=False) as consumer:
            tp = TopicPartition(f"{namespace}-a", 1)
            consumer.assign([tp])
            await consumer.commit({tp: 1})
        assert await lag.read() == {f"{namespace}-a": 2, f"{namespace}-b": 0}
    finally:
        await lag.close()


async def test_without_kafka_it_is_unavailable_and_not_0() -> None:
    lag = GroupLag(Connection([f"127.0.0.1:{free_ports(1)[0]}"]), "g", {"t": 1})
    with pytest.raises(Unavailable):
        await lag.read()
