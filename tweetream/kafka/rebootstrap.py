"""Clients that find a cluster again which has moved, and never make Kafka create a topic.

aiokafka asks the bootstrap servers once, at the start, and then knows only the brokers of its last metadata. When none
of these answers, it would try them for ever. Java's client does the same as ours since Kafka 4.0.

Brokers create by default a topic that a client asks for, with settings of their own. So a topic that somebody deletes
would be there again at once, as another one, and nobody would see that it was gone.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Collection
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import TopicPartition

from tweetream.kafka.connecting import connect_in_time
from tweetream.kafka.group_errors import heed_group_errors

log = logging.getLogger(__name__)
PAUSE = 0.5  # seconds between two attempts of a client that finds no broker
MISSING_PAUSE = 0.1  # seconds between two questions for a topic that cannot be used: aiokafka would make none
Client = TypeVar("Client", AIOKafkaConsumer, AIOKafkaProducer, AIOKafkaClient)


def rebootstrapping(client: Client) -> Client:
    """The client, made to ask the bootstrap servers again when all the brokers it knows are gone.

    It gives up connecting in time, does not make Kafka create the topics that it asks for, and heeds the errors of its
    group's coordinator.
    """
    connections: AIOKafkaClient = client
    if not isinstance(client, AIOKafkaClient):
        connections = client.client if isinstance(client, AIOKafkaProducer) else client._client

    async def ask(metadata: ClusterMetadata, topics: Collection[str] | None) -> bool:
        if await _ask_brokers(connections, metadata, topics):
            if not all(has_leaders(metadata, topic) for topic in topics or ()):
                await asyncio.sleep(MISSING_PAUSE)
            return True
        known = _addresses(connections)
        with contextlib.suppress(KafkaError):  # Kafka is down
            await connections.bootstrap()
            if known != _addresses(connections):
                log.warning("Kafka has moved from %s to %s", known, _addresses(connections))
            if await _ask_brokers(connections, metadata, topics):
                return True
        await asyncio.sleep(PAUSE)  # whoever waits for the metadata asks again at once
        return False

    connect_in_time()
    connections._metadata_update = ask
    _keep_topics(connections.cluster)
    heed_group_errors(connections)
    return client


def _keep_topics(cluster: ClusterMetadata) -> None:
    """An answer that tells of no topic leaves what is known of topics: `bootstrap` asks for none.

    Else all topics would seem deleted, and a group's leader would begin a rebalance, until the next answer comes.
    """
    update = cluster.update_metadata

    def keeping(answer: Any) -> None:
        if not answer.topics:
            answer.topics = [
                (0, topic, topic in cluster.internal_topics, [(p.error, *p[1:5]) for p in partitions.values()])
                for topic, partitions in cluster._partitions.items()
            ]
        update(answer)

    cluster.update_metadata = keeping  # type: ignore[method-assign]


async def usable(consumer: AIOKafkaConsumer, topics: Collection[str]) -> set[str]:
    """Those of the topics that Kafka has and can read now. Raises KafkaError."""
    metadata = await _metadata_of(consumer, topics)
    return {topic for topic in topics if has_leaders(metadata, topic)}


async def is_there(consumer: AIOKafkaConsumer, topic: str) -> bool:
    """Whether Kafka has the topic. Raises KafkaError."""
    return topic in (await _metadata_of(consumer, [topic])).topics()


async def _metadata_of(consumer: AIOKafkaConsumer, topics: Collection[str]) -> ClusterMetadata:
    """What Kafka says now of these topics alone, since it may have thousands."""
    metadata = ClusterMetadata()
    if not await consumer._client._metadata_update(metadata, topics):
        raise KafkaError("no broker tells its metadata")
    return metadata


def has_leaders(metadata: ClusterMetadata, topic: str) -> bool:
    """Whether a topic is there, and each of its partitions has a leader."""
    found = metadata.partitions_for_topic(topic)
    return bool(found) and all(
        metadata.leader_for_partition(TopicPartition(topic, partition)) not in (None, -1) for partition in found
    )


async def _ask_brokers(connections: AIOKafkaClient, metadata: ClusterMetadata, topics: Collection[str] | None) -> bool:
    """Ask the brokers that are known for the metadata of these topics; None: of all. Whether one answers.

    A client that has no topics, such as a reader between two feeds, gets none: aiokafka would ask for all of them.
    """
    request = MetadataRequest(None if topics is None else list(topics), allow_auto_topic_creation=False)
    nodes = [broker.nodeId for broker in connections.cluster.brokers()]
    for node in random.sample(nodes, len(nodes)):
        connection = await connections._get_conn(node)
        if connection is None:
            continue
        try:
            answer = await connection.send(request)
        except (KafkaError, TimeoutError) as error:
            log.debug("Kafka's broker %s does not tell its metadata: %r", node, error)
            continue
        if answer.brokers:
            metadata.update_metadata(answer)
            return True
    metadata.failed_update(None)
    return False


def _addresses(connections: AIOKafkaClient) -> str:
    return ",".join(sorted(f"{broker.host}:{broker.port}" for broker in connections.cluster.brokers()))
