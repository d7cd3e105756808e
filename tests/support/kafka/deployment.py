"""A deployment's Kafka topics without its workers: topics are added, and posts written, as workers do."""

import time
from collections.abc import Iterable

from support.kafka.feed_writer import Broker

from tweetream.archive.feed_reader import changelog_of, retractions_of
from tweetream.kafka import admin
from tweetream.kafka.admin import TopicSpec
from tweetream.kafka.connection import Connection
from tweetream.kafka.producer import OrderedProducer
from tweetream.kafka.send_queue import Headers
from tweetream.models import codec
from tweetream.models.codec import json_line
from tweetream.models.feed import UNSURE, FeedEntry, FeedName, Stamp, rfc3339
from tweetream.models.topic import Topic

COMPACT = {"cleanup.policy": "compact"}
LABELS = ("traffic", "non_traffic")
BEGIN = 1_790_000_000_000  # ms: when the post 0 was received


def entry(n: int, topic: str = "macet", text: str = "", author: str = "") -> FeedEntry:
    """The post n: one a second."""
    at = rfc3339(BEGIN + 1000 * n)
    return FeedEntry(
        f"replay:posts.txt:{n}", topic, "replay", "", author or f"author{n % 7}", text or f"macet di jalan {n}", "id",
        at, at, LABELS[n % 2], 0.5 + n % 5 / 10,
    )  # fmt: skip


def headers(post: FeedEntry, n: int) -> Headers:
    stamp = Stamp(0, 1, n // 200, n % 200).pack()
    return [("label", (post.label or UNSURE).encode()), ("score", b"%.4f" % (post.score or 0)), ("origin", stamp)]


class Deployment:
    """The Kafka topics of a namespace."""

    def __init__(self, broker: Broker, namespace: str) -> None:
        self.kafka, self.namespace, self.broker = Connection([broker.bootstrap]), namespace, broker
        self.producer = OrderedProducer(self.kafka)
        self.generation = int(time.time() * 1000)

    async def start(self) -> "Deployment":
        specs = [TopicSpec(name, 1, COMPACT) for name in (changelog_of(self.namespace), retractions_of(self.namespace))]
        await admin.create(self.kafka, specs, 1)
        await self.producer.start()
        return self

    async def stop(self) -> None:
        await self.producer.stop()

    async def add(self, name: str) -> str:
        """Add a topic; its Kafka topic."""
        self.generation += 1
        kafka_topic = f"{self.namespace}-feed-{FeedName(name, self.generation)}"
        await self._create(kafka_topic)
        await self._put(Topic(name, (name,), 0, self.generation, kafka_topic, 0))
        return kafka_topic

    async def _create(self, kafka_topic: str) -> None:
        config = {"message.timestamp.type": "LogAppendTime"}
        await admin.create(self.kafka, [TopicSpec(kafka_topic, 1, config)], 1)

    async def remake(self, name: str, kafka_topic: str) -> None:
        """Somebody has deleted the topic's Kafka topic: it is made again."""
        await self._put(Topic(name, (name,), 0, self.generation, kafka_topic, 0, remade=self.generation + 1))
        await self._create(kafka_topic)

    async def delete(self, name: str, kafka_topic: str) -> None:
        generation = FeedName.parse(kafka_topic.removeprefix(f"{self.namespace}-feed-")).generation
        await self._put(Topic(name, (name,), 0, generation, kafka_topic, 0, deleted_at=1))

    async def _put(self, topic: Topic) -> None:
        value = codec.encode(topic)
        await self.producer.send(changelog_of(self.namespace), 0, value, key=topic.name.encode())

    async def write(self, kafka_topic: str, posts: Iterable[tuple[int, FeedEntry]]) -> None:
        """Write posts, each with the number of its stamp."""
        records = [(json_line(post), headers(post, n)) for n, post in posts]
        assert not await self.producer.send_all(kafka_topic, 0, records)

    async def write_numbers(self, kafka_topic: str, numbers: Iterable[int], topic: str = "macet") -> None:
        await self.write(kafka_topic, [(n, entry(n, topic)) for n in numbers])

    async def retract(self, *ids: str) -> None:
        for id in ids:
            await self.producer.send(retractions_of(self.namespace), 0, b"1", key=id.encode())
