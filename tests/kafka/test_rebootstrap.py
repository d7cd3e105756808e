"""A client whose brokers are all gone asks the bootstrap servers again. Without Kafka: both are stubs."""

import logging
from collections.abc import Collection
from types import SimpleNamespace

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaConnectionError

from tweetream.kafka import rebootstrap

OLD, NEW = (SimpleNamespace(host="kafka", port=port) for port in (1, 2))


class Cluster:
    """Answers at `at`, and tells it at the bootstrap server if `bootstrap` is on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rebootstrap, "PAUSE", 0)
        self.at, self.told, self.bootstrap_answers, self.bootstrapped = OLD, OLD, True, 0
        self.client = AIOKafkaClient()
        consumer = SimpleNamespace(_client=self.client)
        monkeypatch.setattr(self.client.cluster, "brokers", lambda: [self.told])
        monkeypatch.setattr(self.client, "_metadata_update", self._ask)
        monkeypatch.setattr(self.client, "bootstrap", self._bootstrap)
        rebootstrap.rebootstrapping(consumer)  # type: ignore[type-var]

    async def _ask(self, metadata: ClusterMetadata, topics: Collection[str] | None) -> bool:
        return self.told is self.at

    async def _bootstrap(self) -> None:
        self.bootstrapped += 1
        if not self.bootstrap_answers:
            raise KafkaConnectionError
        self.told = self.at

    async def update(self) -> bool:
        return bool(await self.client._metadata_update(self.client.cluster, None))


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
