"""Attack: somebody sends a small compressed batch that unpacks to far more memory than a record may have."""

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError
from support.kafka.apache_kafka import KafkaAddress

from tweetream.kafka import admin
from tweetream.kafka.connection import Connection
from tweetream.topology import feed_spec


async def test_the_broker_refuses_a_batch_that_unpacks_to_too_much(apache_kafka: KafkaAddress, namespace: str) -> None:
    feed = feed_spec(f"{namespace}-feed-x-1")
    await admin.create(Connection([apache_kafka.bootstrap]), [feed], 1)
    sizes = {"max_request_size": 100_000_000, "max_batch_size": 100_000_000}
    async with AIOKafkaProducer(bootstrap_servers=apache_kafka.bootstrap, compression_type="gzip", **sizes) as producer:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(feed.name, b"0" * 50_000_000, partition=0)
        await producer.send_and_wait(feed.name, b"small", partition=0)
    async with AIOKafkaConsumer(bootstrap_servers=apache_kafka.bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(feed.name, 0)])
        assert (await consumer.getone()).value == b"small"
