"""Kafka's topics: create, delete and list them, and read committed offsets. Knows no Faust.

Every call ends within a few seconds, so that a broker that is down cannot delay the worker's stop.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    NodeNotReadyError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from tweetream.kafka.connecting import connect_in_time
from tweetream.kafka.connection import Connection
from tweetream.kafka.rebootstrap import rebootstrapping
from tweetream.kafka.retry import Unavailable, retry_until_available, wait_at_most

TIMEOUT = 5.0
CLOSE_TIMEOUT = 1.0  # seconds that a client has to close, since the broker may be down


@dataclass(frozen=True)
class TopicSpec:
    """A Kafka topic to declare."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


@asynccontextmanager
async def admin(kafka: Connection) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client for one call. Raises Unavailable if Kafka fails or takes longer than TIMEOUT."""
    connect_in_time()
    client = AIOKafkaAdminClient(**kafka.arguments(), request_timeout_ms=int(TIMEOUT * 1000))
    try:
        async with asyncio.timeout(TIMEOUT):
            await client.start()
            yield client
    except NodeNotReadyError as error:
        raise Unavailable(unreachable(client._client.cluster.brokers())) from error
    except (KafkaError, TimeoutError, OSError) as error:
        raise Unavailable(repr(error)) from error
    finally:
        await wait_at_most(CLOSE_TIMEOUT, client.close())


def unreachable(brokers: Iterable[Any]) -> str:
    """What is wrong when Kafka answers at one address, and not at those that it names."""
    addresses = ", ".join(sorted(f"{broker.host}:{broker.port}" for broker in brokers))
    return f"it names its brokers as {addresses} (advertised.listeners), and one of these cannot be reached from here"


async def create(kafka: Connection, specs: Iterable[TopicSpec], replication: int) -> set[str]:
    """Create the missing topics and wait for their metadata. Raises Unavailable.

    Returns the names of the topics that this call created.
    """
    declared = {spec.name: spec for spec in specs}
    # By default Kafka acknowledges records that one replica has; with that broker they would be lost.
    safe = {"min.insync.replicas": "2"} if replication > 2 else {}
    async with admin(kafka) as client:
        missing = set(declared) - await _there(client, declared)
        if missing:
            new = [
                NewTopic(name, declared[name].partitions, replication, topic_configs=safe | dict(declared[name].config))
                for name in declared
                if name in missing
            ]
            try:
                response = await client.create_topics(new)
            except TopicAlreadyExistsError:
                response = None
                missing.clear()  # another worker created them, as far as this one knows
            for name, code, *detail in getattr(response, "topic_errors", ()):
                if code:
                    missing.discard(name)
                if code not in (0, TopicAlreadyExistsError.errno):
                    reason = f"{for_code(code).__name__} {detail[0] if detail else ''}"
                    raise Unavailable(f"{name} cannot be created: {reason}")
        while not set(declared) <= await _there(client, declared):
            await asyncio.sleep(0.05)
    return missing


async def _there(client: AIOKafkaAdminClient, names: Iterable[str]) -> set[str]:
    """Those of the topics that Kafka has. Asks for them alone, since it may have thousands, and creates none."""
    request = MetadataRequest(sorted(names), allow_auto_topic_creation=False)
    answer = await client._client.send(client._client.get_random_node(), request)
    new = (0, LeaderNotAvailableError.errno)  # one that was created a moment ago has no leader yet
    return {topic["topic"] for topic in answer.to_object()["topics"] if topic["error_code"] in new}


async def delete(kafka: Connection, names: Iterable[str]) -> None:
    """Delete these topics; missing ones are ignored. Raises Unavailable."""
    async with admin(kafka) as client:
        for name in names:
            try:
                await client.delete_topics([name])
            except UnknownTopicOrPartitionError:
                continue


async def max_message_bytes(kafka: Connection, topics: Iterable[str]) -> int | None:
    """The largest batch of records that all of these topics take; None if Kafka does not tell. Raises Unavailable."""
    name = "max.message.bytes"
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic, {name: None}) for topic in topics]
    async with admin(kafka) as client:
        try:
            answers = await client.describe_configs(resources)
        except (KafkaError, LookupError, ValueError):  # not allowed to ask, or the embedded broker, which has no limit
            return None
    found = [
        int(config[1]) for answer in answers for resource in answer.resources for config in resource[4]
        if config[0] == name and config[1]
    ]  # fmt: skip
    return min(found, default=None)


async def names(kafka: Connection) -> set[str]:
    """The names of all topics. Raises Unavailable."""
    async with admin(kafka) as client:
        return set(await client.list_topics())


async def partition_counts(kafka: Connection, names: Iterable[str]) -> dict[str, int]:
    """How many partitions each of these topics has, if it is there. Raises Unavailable."""
    wanted = set(names)
    async with admin(kafka) as client:
        found = await client.describe_topics()  # of all: a broker can create a topic that is asked for by its name
    return {topic["topic"]: len(topic["partitions"]) for topic in found if topic["topic"] in wanted}


async def committed(consumer: AIOKafkaConsumer, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
    """The offsets that the consumer's group has committed, of the partitions that have one. Raises KafkaError.

    One request for all: the consumer's own `committed` makes one for each.
    """
    found = await consumer._coordinator.fetch_committed_offsets(tps)
    return {tp: offset for tp, (offset, _) in found.items() if offset >= 0}


class Committed:
    """Reads the offsets that a group has committed of a topic. Its consumer does not join the group.

    An admin client could ask too, but the embedded broker's answer to it has another form.
    """

    def __init__(self, kafka: Connection, group: str, topic: str) -> None:
        self._kafka, self._group, self._topic = kafka, group, topic
        self._consumer: AIOKafkaConsumer | None = None

    async def offsets(self, partitions: Iterable[int]) -> dict[int, int]:
        """The committed offsets of those partitions that have one. Raises Unavailable."""
        tps = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            async with asyncio.timeout(TIMEOUT):
                if self._consumer is None:
                    self._consumer = AIOKafkaConsumer(
                        **self._kafka.arguments(), group_id=self._group, enable_auto_commit=False
                    )
                    await rebootstrapping(self._consumer).start()
                found = await committed(self._consumer, tps)
        except (KafkaError, TimeoutError, OSError) as error:
            await self.close()
            raise Unavailable(repr(error)) from error
        return {tp.partition: offset for tp, offset in found.items()}

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await wait_at_most(CLOSE_TIMEOUT, consumer.stop())


async def declare(kafka: Connection, specs: list[TopicSpec], replication: int) -> set[str]:
    """Create the missing topics, and repeat that while Kafka is down. Returns the names of the new ones.

    Raises AccessDenied.
    """
    return await retry_until_available(kafka, lambda: create(kafka, specs, replication))
