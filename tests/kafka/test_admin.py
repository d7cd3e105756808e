"""Kafka's topics: what is created is there, what is away is waited for, and no call hangs."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import NodeNotReadyError
from support.kafka.apache_kafka import KafkaAddress

from tweetream.kafka import admin
from tweetream.kafka.admin import TopicSpec
from tweetream.kafka.connection import Connection
from tweetream.kafka.embedded import EmbeddedBroker, free_ports
from tweetream.kafka.retry import Unavailable

Broker = EmbeddedBroker | KafkaAddress


async def test_a_topic_that_was_created_can_be_used_at_once(any_broker: Broker, namespace: str) -> None:
    kafka = Connection([any_broker.bootstrap])
    for i in range(5):
        name = f"{namespace}-{i}"
        await admin.create(kafka, [TopicSpec(name, 3)], 1)
        assert name in await admin.names(kafka)
        async with AIOKafkaProducer(**kafka.arguments(), request_timeout_ms=2000) as producer:
            assert (await producer.send_and_wait(name, b"x", partition=2)).offset == 0


async def test_several_topics_are_created_with_their_partitions(any_broker: Broker, namespace: str) -> None:
    kafka = Connection([any_broker.bootstrap])
    specs = [TopicSpec(f"{namespace}-{i}", i) for i in (1, 2, 8)]
    await admin.create(kafka, specs, 1)
    async with AIOKafkaConsumer(*(spec.name for spec in specs), **kafka.arguments()) as consumer:
        for spec in specs:
            assert len(consumer.partitions_for_topic(spec.name) or ()) == spec.partitions


async def test_the_settings_of_a_topic_are_kept(apache_kafka: KafkaAddress, namespace: str) -> None:
    kafka = Connection([apache_kafka.bootstrap])
    await admin.create(kafka, [TopicSpec(namespace, 1, {"message.timestamp.type": "LogAppendTime"})], 1)
    async with AIOKafkaProducer(**kafka.arguments()) as producer:
        await producer.send_and_wait(namespace, b"x", partition=0, timestamp_ms=5)
    async with AIOKafkaConsumer(namespace, **kafka.arguments(), auto_offset_reset="earliest") as consumer:
        assert (await consumer.getone()).timestamp > 1_000_000_000_000


async def test_creating_twice_is_fine_and_keeps_what_is_there(any_broker: Broker, namespace: str) -> None:
    kafka = Connection([any_broker.bootstrap])
    await admin.create(kafka, [TopicSpec(namespace, 1)], 1)
    async with AIOKafkaProducer(**kafka.arguments()) as producer:
        await producer.send_and_wait(namespace, b"x")
        await admin.create(kafka, [TopicSpec(namespace, 1), TopicSpec(f"{namespace}-2", 1)], 1)
        assert (await producer.send_and_wait(namespace, b"y")).offset == 1
    assert f"{namespace}-2" in await admin.names(kafka)


async def test_workers_that_create_the_same_at_once_are_all_served(any_broker: Broker, namespace: str) -> None:
    kafka = Connection([any_broker.bootstrap])
    specs = [TopicSpec(f"{namespace}-{i}", 2) for i in range(3)]
    await asyncio.gather(*(admin.create(kafka, specs, 1) for _ in range(4)))
    assert {spec.name for spec in specs} <= await admin.names(kafka)


async def test_deleting_twice_is_fine(any_broker: Broker, namespace: str) -> None:
    kafka = Connection([any_broker.bootstrap])
    await admin.create(kafka, [TopicSpec(f"{namespace}-{i}", 1) for i in range(2)], 1)
    await admin.delete(kafka, [f"{namespace}-0"])
    await admin.delete(kafka, [f"{namespace}-0", f"{namespace}-1", f"{namespace}-never"])
    async with asyncio.timeout(10):
        while any(name.startswith(namespace) for name in await admin.names(kafka)):
            await asyncio.sleep(0.05)


async def test_what_kafka_will_not_create_is_said(apache_kafka: KafkaAddress, namespace: str) -> None:
    with pytest.raises(Unavailable, match=rf"{namespace} cannot be created: InvalidReplicationFactor"):
        await admin.create(Connection([apache_kafka.bootstrap]), [TopicSpec(namespace, 1)], 3)


async def test_committed_offsets_are_those_of_the_group(any_broker: Broker, namespace: str) -> None:
    kafka = Connection([any_broker.bootstrap])
    await admin.create(kafka, [TopicSpec(namespace, 2)], 1)
    group = admin.Committed(kafka, f"{namespace}-group", namespace)
    assert await group.offsets([0, 1]) == {}
    tp = TopicPartition(namespace, 1)
    async with AIOKafkaProducer(**kafka.arguments()) as producer:
        for _ in range(3):
            await producer.send_and_wait(namespace, b"x", partition=1)
    async with AIOKafkaConsumer(
        **kafka.arguments(), group_id=f"{namespace}-group", enable_auto_commit=False
    ) as consumer:
        consumer.assign([tp])
        await consumer.commit({tp: 2})
    assert await group.offsets([0, 1]) == {1: 2}
    await group.close()


@pytest.mark.parametrize("silent", [False, True], ids=["nobody listens", "somebody listens and says nothing"])
async def test_a_broker_that_is_away_gives_unavailable_within_six_seconds(silent: bool) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if silent:
            listener.listen()
        kafka = Connection([f"127.0.0.1:{listener.getsockname()[1]}"])
        calls: list[Callable[[], Awaitable[object]]] = [lambda: admin.names(kafka)]
        if not silent:
            calls.append(lambda: admin.create(kafka, [TopicSpec("t", 1)], 1))
            calls.append(lambda: admin.delete(kafka, ["t"]))
            calls.append(lambda: admin.Committed(kafka, "g", "t").offsets([0]))
        for call in calls:
            began = loop.time()
            with pytest.raises(Unavailable):
                await call()
            assert loop.time() - began < 6.5


async def test_a_call_that_is_cancelled_ends_at_once(namespace: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        call = asyncio.create_task(admin.names(Connection([f"127.0.0.1:{listener.getsockname()[1]}"])))
        await asyncio.sleep(0.2)
        call.cancel()
        done, _ = await asyncio.wait({call}, timeout=2)
        assert done and call.cancelled()


@pytest.mark.process
async def test_declare_waits_for_a_broker_that_comes_later_and_says_so(
    namespace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_ports(1)[0]
    monkeypatch.setattr("tweetream.kafka.embedded.free_ports", lambda count: [port])
    kafka = Connection([f"127.0.0.1:{port}"])
    with caplog.at_level(logging.WARNING, logger="tweetream.kafka.retry"):
        declaring = asyncio.create_task(admin.declare(kafka, [TopicSpec(namespace, 2)], 1))
        await asyncio.sleep(1.3)
        assert not declaring.done()
        said = [record.getMessage() for record in caplog.records if record.name == "tweetream.kafka.retry"]
        assert len(said) == 1 and f"127.0.0.1:{port}" in said[0], "one line in five seconds, not one a try"
    with EmbeddedBroker(tmp_path):
        async with asyncio.timeout(15):
            await declaring
        assert namespace in await admin.names(kafka)


async def test_a_broker_that_names_an_address_which_cannot_be_reached_is_said_with_that_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a broker in a container does that names itself `localhost`, or by a name that only its network knows."""

    class Client:
        _client = SimpleNamespace(cluster=SimpleNamespace(brokers=lambda: [SimpleNamespace(host="kafka", port=29092)]))

        def __init__(self, **_: object) -> None: ...

        async def start(self) -> None:
            raise NodeNotReadyError

        async def close(self) -> None: ...

    monkeypatch.setattr(admin, "AIOKafkaAdminClient", Client)
    with pytest.raises(Unavailable, match=r"names its brokers as kafka:29092 \(advertised.listeners\)"):
        await admin.names(Connection(["127.0.0.1:9092"]))
