"""A feed whose only broker is away holds no other feed, also after a restart, and gets what it lacks later."""

import asyncio
import contextlib
from pathlib import Path

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from support.faults import chaos
from support.kafka.apache_kafka import ApacheKafka
from support.waiting import until
from support.workers import Worker, workers

pytestmark = pytest.mark.kafka
LINES = 20_000
RATE = 200


async def move(bootstrap: str, topic: str, broker: int) -> None:
    """Make the topic anew on one broker alone; again if the worker was faster and has made it on all."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        new = NewTopic(topic, -1, -1, {0: [broker]}, {"min.insync.replicas": "1"})
        while (there := await brokers_of(client, topic)) != [broker]:
            with contextlib.suppress(KafkaError):
                if there:
                    await client.delete_topics([topic])
                await client.create_topics([new])
            await asyncio.sleep(0.1)
    finally:
        await client.close()


async def brokers_of(client: AIOKafkaAdminClient, topic: str) -> list[int]:
    """Those that have the topic."""
    (found,) = await client.describe_topics([topic])
    return [broker for partition in found["partitions"] for broker in partition["replicas"]]


def goes_on(worker: Worker, topic: str, posts: int = 3 * RATE) -> None:
    before = worker.metric("tweetream_posts_fed_total", topic=topic)
    until(
        lambda: worker.metric("tweetream_posts_fed_total", topic=topic) > before + posts,
        30,
        f"{topic} goes on; {worker.tail()}",
    )


def test_a_feed_without_a_leader_waits_beside_the_others(tmp_path: Path) -> None:
    file = chaos.numbered_lines(tmp_path / "numbers.txt", LINES)
    settings = {"SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": "nomor,jalan", "REPLICATION": 3, "PARTITIONS": 2}
    with ApacheKafka(3) as kafka, workers(1, kafka.url, "t", tmp_path, **settings) as (worker,):
        goes_on(worker, "nomor")
        feed = worker.topics()["nomor"]["kafka_topic"]
        asyncio.run(move(kafka.bootstrap, feed, 2))
        goes_on(worker, "nomor")
        kafka.kill(2)
        until(lambda: worker.metric("tweetream_feeds_waiting") == 1, 40, f"the feed waits; {worker.tail()}")
        goes_on(worker, "jalan", 10 * RATE)
        assert "problem" not in worker.topics()["jalan"]
        until(lambda: "brokers" in worker.topics()["nomor"].get("problem", ""), 10, f"it is said; {worker.tail()}")
        ready = httpx.get(f"{worker.url}/readyz", timeout=5)
        assert ready.status_code == 200 and "nomor: Kafka cannot write its feed" in ready.text
        assert httpx.get(f"{worker.url}/topics/nomor/posts", timeout=5).status_code == 503, "at once"
        worker.stop()
        worker.start().wait_ready()
        goes_on(worker, "jalan", 5 * RATE)
        assert worker.metric("tweetream_feeds_waiting") == 1
        kafka.restart(2)
        until(lambda: worker.metric("tweetream_feeds_waiting") == 0, 40, f"the feed has all; {worker.tail()}")
        goes_on(worker, "nomor")
        found = asyncio.run(chaos.read_feed(kafka.bootstrap, feed))
        numbers = {record.number for record in found}
        first = [record.number for record in found[:1_000]]
        print(len(found), len(numbers), min(numbers), max(numbers))
        assert numbers >= set(range(max(first[:20]) + 1, max(numbers) - 2 * RATE)), "none is missing"
        lines = worker.log.read_text(errors="replace").splitlines()
        assert len(lines) < 500 and any("Kafka cannot write" in line for line in lines)
