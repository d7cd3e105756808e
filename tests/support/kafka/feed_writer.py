"""Writes a feed of any broker, record by record, for tests of its readers; the fixtures are in conftest.py."""

from aiokafka import AIOKafkaProducer
from support.kafka.apache_kafka import KafkaAddress

from tweetream.feeds.record import FeedRecord
from tweetream.kafka import admin
from tweetream.kafka.connection import Connection
from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.models.feed import Stamp

Broker = EmbeddedBroker | KafkaAddress
LABELS = [b"traffic", b"non_traffic"]


class Writer:
    """Writes a feed as the classification does: record n has the data {"n":n} and the origin of n."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self.kafka = Connection([broker.bootstrap])
        self.topic = topic
        self.producer = AIOKafkaProducer(**self.kafka.arguments(), max_batch_size=1_000_000)

    async def begin(self) -> None:
        config = {"message.timestamp.type": "LogAppendTime"}
        await admin.create(self.kafka, [admin.TopicSpec(self.topic, 1, config)], 1)
        await self.producer.start()

    async def write(self, *numbers: int) -> None:
        """In one batch."""
        batch = self.producer.create_batch()
        for n in numbers:
            value = b'{"n":%d}' % n
            assert batch.append(key=None, value=value, timestamp=None, headers=self.headers(n)) is not None
        await (await self.producer.send_batch(batch, self.topic, partition=0))

    async def write_singly(self, *numbers: int) -> None:
        for n in numbers:
            await self.raw(b'{"n":%d}' % n, self.headers(n))

    async def raw(self, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        await self.producer.send_and_wait(self.topic, value, partition=0, headers=headers)

    def headers(self, n: int) -> list[tuple[str, bytes]]:
        return [("label", LABELS[n % 2]), ("score", b"0.5"), ("origin", Stamp(0, 1, n // 200, n % 200).pack())]


def numbers(records: list[FeedRecord]) -> list[int]:
    return [int(record.data.removeprefix(b'{"n":').removesuffix(b"}")) for record in records]
