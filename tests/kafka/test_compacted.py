"""Every worker takes all notices of a compacted topic, from the first on, once and in order."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.feed_writer import Broker

from tweetream.kafka import admin
from tweetream.kafka.compacted import CompactedReader, CompactedRecord
from tweetream.kafka.connection import Connection
from tweetream.kafka.producer import OrderedProducer


class Taken:
    """What a bulletin gave."""

    def __init__(self, kafka: Connection, topic: str) -> None:
        self.records: list[CompactedRecord] = []
        self.compacted = CompactedReader(kafka)
        self.compacted.follow(topic, self.records.extend)

    async def __aenter__(self) -> "Taken":
        await self.compacted.start()
        await asyncio.wait_for(self.compacted.ready.wait(), 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.compacted.stop()

    async def upto(self, count: int) -> list[bytes]:
        async with asyncio.timeout(20):
            while len(self.records) < count:
                await asyncio.sleep(0.02)
        return [notice.key for notice in self.records]


@pytest.fixture
async def kafka(any_broker: Broker, namespace: str) -> Connection:
    connection = Connection((any_broker.url.removeprefix("kafka://"),))
    await admin.create(connection, [admin.TopicSpec(namespace, 1, {"cleanup.policy": "compact,delete"})], 1)
    return connection


async def test_it_reads_from_the_beginning_and_goes_on(kafka: Connection, namespace: str) -> None:
    producer = OrderedProducer(kafka)
    await producer.start()
    try:
        keys = [b"%d" % number for number in range(500)]
        await producer.send_all(namespace, 0, [(b"1", [])] * 500, keys=keys)
        async with Taken(kafka, namespace) as first:
            assert await first.upto(1) and [notice.key for notice in first.records] == keys, "ready: all are taken"
            assert {notice.value for notice in first.records} == {b"1"} and first.records[0].timestamp > 1.7e12
            await producer.send(namespace, 0, None, key=b"7")
            await producer.send(namespace, 0, b"2", key=b"8")
            assert (await first.upto(502))[500:] == [b"7", b"8"] and first.records[500].value is None
            async with Taken(kafka, namespace) as second:
                await second.upto(502)
                assert second.records == first.records
    finally:
        await producer.stop()


async def test_an_empty_topic_is_ready_at_once(kafka: Connection, namespace: str) -> None:
    async with Taken(kafka, namespace) as taken:
        assert taken.records == []


async def test_it_is_ready_also_where_the_log_has_become_shorter_since_it_looked(
    kafka: Connection, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    async def end_offsets(consumer: AIOKafkaConsumer, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        looked.append(1)
        ends = await real(consumer, tps)
        return {tp: end + 5 * (len(looked) == 1) for tp, end in ends.items()}

    real = AIOKafkaConsumer.end_offsets
    monkeypatch.setattr(AIOKafkaConsumer, "end_offsets", end_offsets)
    async with Taken(kafka, namespace) as taken:
        assert taken.records == [] and len(looked) >= 2


@pytest.mark.kafka
async def test_a_topic_of_which_retention_left_nothing_is_ready_and_goes_on(
    apache_kafka: KafkaAddress, namespace: str
) -> None:
    kafka = Connection((apache_kafka.bootstrap,))
    await admin.create(kafka, [admin.TopicSpec(namespace, 1, {"cleanup.policy": "compact,delete"})], 1)
    producer = OrderedProducer(kafka)
    await producer.start()
    await producer.send_all(namespace, 0, [(b"1", [])] * 9, keys=[b"old"] * 9)
    async with admin.admin(kafka) as client:
        await client.delete_records({TopicPartition(namespace, 0): RecordsToDelete(9)})
    async with Taken(kafka, namespace) as taken:
        assert taken.records == []
        await producer.send(namespace, 0, b"1", key=b"new")
        assert await taken.upto(1) == [b"new"]
    await producer.stop()


@pytest.mark.kafka
async def test_it_goes_on_by_itself_when_kafka_comes_back(tmp_path: Path, namespace: str) -> None:
    from support.kafka.apache_kafka import ApacheKafka

    with ApacheKafka() as cluster_:
        kafka = Connection((cluster_.bootstrap,))
        await admin.create(kafka, [admin.TopicSpec(namespace, 1, {"cleanup.policy": "compact"})], 1)
        producer = OrderedProducer(kafka)
        await producer.start()
        async with Taken(kafka, namespace) as taken:
            await producer.send(namespace, 0, b"1", key=b"a")
            await taken.upto(1)
            cluster_.kill()
            await asyncio.sleep(2)
            cluster_.restart()
            await producer.send(namespace, 0, b"1", key=b"b")
            assert await taken.upto(2) == [b"a", b"b"]
        await producer.stop()
