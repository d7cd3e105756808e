"""Clients that find a cluster again which has moved: one whose brokers are all gone asks the bootstrap servers.

aiokafka asks them once, at the start, and then knows only the brokers of its last metadata. When none of these
answers, it would try them for ever. Java's client does the same as ours since Kafka 4.0.
"""

import asyncio
import contextlib
import logging
from collections.abc import Collection
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaError

log = logging.getLogger(__name__)
PAUSE = 0.5  # seconds between two attempts of a client that finds no broker
Client = TypeVar("Client", AIOKafkaConsumer, AIOKafkaProducer)


def rebootstrapping(client: Client) -> Client:
    """The consumer or producer, made to ask the bootstrap servers again when all the brokers it knows are gone."""
    connections: AIOKafkaClient = client.client if isinstance(client, AIOKafkaProducer) else client._client
    ask_brokers = connections._metadata_update

    async def ask(metadata: ClusterMetadata, topics: Collection[str] | None) -> bool:
        if await ask_brokers(metadata, topics):
            return True
        known = _addresses(connections)
        with contextlib.suppress(KafkaError):  # Kafka is down
            await connections.bootstrap()
            if known != _addresses(connections):
                log.warning("Kafka has moved from %s to %s", known, _addresses(connections))
            if await ask_brokers(metadata, topics):
                return True
        await asyncio.sleep(PAUSE)  # whoever waits for the metadata asks again at once
        return False

    connections._metadata_update = ask
    return client


def _addresses(connections: AIOKafkaClient) -> str:
    return ",".join(sorted(f"{broker.host}:{broker.port}" for broker in connections.cluster.brokers()))
