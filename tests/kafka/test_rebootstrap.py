"""A client whose brokers are all gone asks the bootstrap servers again, and creates no topic.

Kafka is a stub, but in the test with `any_broker`.
"""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest, MetadataRequest_v5, MetadataResponse_v1, MetadataResponse_v5
from aiokafka.structs import TopicPartition

from tweetream.kafka import admin, readers, rebootstrap
from tweetream.kafka.admin import TopicSpec
from tweetream.kafka.connection import Connection

OLD, NEW = (SimpleNamespace(nodeId=port, host="kafka", port=port) for port in (1, 2))


class Cluster:
    """Answers at `at`, and tells it at the bootstrap server if `bootstrap` is on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rebootstrap, "PAUSE", 0)
        self.at, self.told, self.bootstrap_answers, self.bootstrapped = OLD, OLD, True, 0
        self.client = AIOKafkaClient()
        consumer = SimpleNamespace(_client=self.client)
        self.asked: list[MetadataRequest] = []
        monkeypatch.setattr(self.client.cluster, "brokers", lambda: [self.told])
        self.topics, self.leader = {"t-posts"}, 1
        monkeypatch.setattr(self.client.cluster, "update_metadata", lambda answer: None)
        monkeypatch.setattr(self.client.cluster, "partitions_for_topic", self._partitions)
        monkeypatch.setattr(self.client.cluster, "leader_for_partition", lambda tp: self.leader)
        monkeypatch.setattr(self.client, "_get_conn", self._connection)
        monkeypatch.setattr(self.client, "bootstrap", self._bootstrap)
        rebootstrap.rebootstrapping(consumer)  # type: ignore[type-var]

    def _partitions(self, topic: str) -> set[int] | None:
        return {0} if topic in self.topics else None

    async def _connection(self, node: int) -> SimpleNamespace | None:
        return SimpleNamespace(send=self._answer) if node == self.at.nodeId else None

    async def _answer(self, request: MetadataRequest) -> SimpleNamespace:
        self.asked.append(request)
        return SimpleNamespace(brokers=[self.at], topics=[()])

    async def _bootstrap(self) -> None:
        self.bootstrapped += 1
        if not self.bootstrap_answers:
            raise KafkaConnectionError
        self.told = self.at

    async def update(self, *topics: str) -> bool:
        return bool(await self.client._metadata_update(self.client.cluster, topics))


async def test_while_a_broker_answers_the_bootstrap_servers_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch)
    assert await cluster.update() and cluster.bootstrapped == 0


async def test_a_cluster_that_moved_is_found_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = Cluster(monkeypatch)
    cluster.at = NEW
    with caplog.at_level(logging.WARNING):
        assert await cluster.update() and await cluster.update()
    assert [record.getMessage() for record in caplog.records] == ["Kafka has moved from kafka:1 to kafka:2"]


async def test_a_cluster_that_is_down_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch)
    cluster.at, cluster.bootstrap_answers = NEW, False
    assert not await cluster.update() and not await cluster.update()
    cluster.bootstrap_answers = True
    assert await cluster.update() and cluster.bootstrapped == 3


@pytest.mark.parametrize("topics", [("t-posts",), ()])
async def test_asking_for_a_topic_creates_none(topics: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch)
    assert await cluster.update(*topics)
    (request,) = cluster.asked
    assert request.build(MetadataRequest_v5).to_object() == {
        "topics": list(topics),
        "allow_auto_topic_creation": False,
    }


async def test_a_client_without_topics_hears_of_none(any_broker: Any, namespace: str) -> None:
    """aiokafka asks for all of them each time that a reader goes to another feed."""
    kafka = Connection([any_broker.bootstrap])
    await admin.create(kafka, [TopicSpec(namespace, 1)], 1)
    reader = readers.consumer(kafka)
    try:
        await reader.start()
        assert await rebootstrap.is_there(reader, namespace)
        assert not await rebootstrap.is_there(reader, f"{namespace}-never")
        assert await rebootstrap.usable(reader, [namespace, f"{namespace}-never"]) == {namespace}
        reader.assign([TopicPartition(namespace, 0)])
        reader.assign([])
        await reader._client.force_metadata_update()
        assert reader._client.cluster.topics() <= {namespace}, "others are on this broker too"
    finally:
        await reader.stop()
    assert f"{namespace}-never" not in await admin.names(kafka)


@pytest.mark.parametrize(("topic", "leader"), [("t-gone", 1), ("t-posts", -1)])
async def test_a_topic_that_cannot_be_used_is_asked_for_with_pauses_and_costs_no_core(
    topic: str, leader: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(monkeypatch)
    monkeypatch.setattr(rebootstrap, "MISSING_PAUSE", 3600.0)
    assert await cluster.update("t-posts")
    cluster.leader = leader
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await cluster.update(topic)


async def test_an_answer_of_the_bootstrap_servers_makes_no_topic_seem_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    client = AIOKafkaClient()
    rebootstrap.rebootstrapping(SimpleNamespace(_client=client))  # type: ignore[type-var]
    cluster, posts, seen = client.cluster, TopicPartition("t-posts", 0), list[set[int] | None]()
    partitions: list[Any] = [(0, 0, 1, [1], [1], [])]
    cluster.update_metadata(
        MetadataResponse_v5(0, [(1, "kafka", 1, None)], "c", 1, [(0, "t-posts", False, partitions)])
    )
    cluster.add_listener(lambda there: seen.append(there.partitions_for_topic("t-posts")))
    cluster.update_metadata(MetadataResponse_v1([(1, "kafka", 2, None)], 1, []))
    assert [broker.port for broker in cluster.brokers()] == [2] and seen == [{0}]
    assert cluster.leader_for_partition(posts) == 1 and cluster.partitions_for_broker(1) == {posts}
    cluster.update_metadata(MetadataResponse_v1([(1, "kafka", 2, None)], 1, [(3, "t-posts", False, [])]))
    assert cluster.partitions_for_topic("t-posts") is None, "it was asked for, and is gone"
