"""Kafka's topics as a cluster keeps them: wait for a broker, create, delete, list. Knows no Faust.

Every call ends within a few seconds: a broker that is away must never hold up a stop.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from tweetream.kafka.connection import Connection
from tweetream.kafka.retry import Unavailable, retry_until_available, wait_at_most

TIMEOUT = 5.0
CLOSE_TIMEOUT = 1.0  # seconds that a client has to close; the broker may be away


@dataclass(frozen=True)
class TopicSpec:
    """A Kafka topic to declare."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


@asynccontextmanager
async def admin(kafka: Connection) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client for one call. Raises Unavailable for whatever Kafka did not do within TIMEOUT."""
    client = AIOKafkaAdminClient(**kafka.arguments(), request_timeout_ms=int(TIMEOUT * 1000))
    try:
        async with asyncio.timeout(TIMEOUT):
            await client.start()
            yield client
    except (KafkaError, TimeoutError, OSError) as error:
        raise Unavailable(repr(error)) from error
    finally:
        await wait_at_most(CLOSE_TIMEOUT, client.close())


async def create(kafka: Connection, specs: Iterable[TopicSpec], replication: int) -> set[str]:
    """Create the topics that are missing and wait until their metadata is there. Raises Unavailable.

    Returns the names of those that were created by this call.
    """
    wanted = {spec.name: spec for spec in specs}
    # What one broker alone has taken is lost with it; Kafka's default lets it take records alone.
    safe = {"min.insync.replicas": "2"} if replication > 2 else {}
    async with admin(kafka) as client:
        missing = set(wanted) - set(await client.list_topics())
        if missing:
            new = [
                NewTopic(name, wanted[name].partitions, replication, topic_configs=safe | dict(wanted[name].config))
                for name in sorted(missing)
            ]
            try:
                response = await client.create_topics(new)
            except TopicAlreadyExistsError:
                response = None
                missing.clear()  # by somebody else, as far as one knows
            for name, code, *detail in getattr(response, "topic_errors", ()):
                if code:
                    missing.discard(name)
                if code not in (0, TopicAlreadyExistsError.errno):
                    why = f"{for_code(code).__name__} {detail[0] if detail else ''}"
                    raise Unavailable(f"{name} cannot be created: {why}")
        while not set(wanted) <= set(await client.list_topics()):
            await asyncio.sleep(0.05)
    return missing


async def delete(kafka: Connection, names: Iterable[str]) -> None:
    """Delete these topics; one that is gone already is no fault. Raises Unavailable."""
    async with admin(kafka) as client:
        for name in names:
            try:
                await client.delete_topics([name])
            except UnknownTopicOrPartitionError:
                continue


async def names(kafka: Connection) -> set[str]:
    """The names of all topics. Raises Unavailable."""
    async with admin(kafka) as client:
        return set(await client.list_topics())


class Committed:
    """Asks what a group has committed of a topic, by a consumer that joins nothing.

    The embedded broker answers an admin client's question in a form of its own.
    """

    def __init__(self, kafka: Connection, group: str, topic: str) -> None:
        self._kafka, self._group, self._topic = kafka, group, topic
        self._consumer: AIOKafkaConsumer | None = None

    async def offsets(self, partitions: Iterable[int]) -> dict[int, int]:
        """The committed offset of each of the partitions that has one. Raises Unavailable."""
        tps = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            async with asyncio.timeout(TIMEOUT):
                if self._consumer is None:
                    self._consumer = AIOKafkaConsumer(
                        **self._kafka.arguments(), group_id=self._group, enable_auto_commit=False
                    )
                    await self._consumer.start()
                found = {tp.partition: await self._consumer.committed(tp) for tp in tps}
        except (KafkaError, TimeoutError, OSError) as error:
            await self.close()
            raise Unavailable(repr(error)) from error
        return {partition: offset for partition, offset in found.items() if offset is not None and offset >= 0}

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await wait_at_most(CLOSE_TIMEOUT, consumer.stop())


async def declare(kafka: Connection, specs: list[TopicSpec], replication: int) -> set[str]:
    """Declare the topics, however long a broker is away. Returns the names of those that are new.

    Raises Denied when Kafka does not let us in.
    """
    return await retry_until_available(kafka, lambda: create(kafka, specs, replication))
