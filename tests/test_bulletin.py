"""Every worker takes all notices of a compacted topic, from the first on, once and in order."""

import asyncio

import pytest

from tweetream import cluster
from tweetream.bulletin import Bulletin, Notice
from tweetream.connection import Connection
from tweetream.outbox import Outbox


class Taken:
    """What a bulletin gave."""

    def __init__(self, kafka: Connection, topic: str) -> None:
        self.notices: list[Notice] = []
        self.bulletin = Bulletin(kafka)
        self.bulletin.follow(topic, self.notices.extend)

    async def __aenter__(self) -> "Taken":
        await self.bulletin.start()
        await asyncio.wait_for(self.bulletin.ready.wait(), 20)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.bulletin.stop()

    async def upto(self, count: int) -> list[bytes]:
        async with asyncio.timeout(20):
            while len(self.notices) < count:
                await asyncio.sleep(0.02)
        return [notice.key for notice in self.notices]


@pytest.fixture
async def kafka(any_broker, namespace: str):
    connection = Connection((any_broker.url.removeprefix("kafka://"),))
    await cluster.create(connection, [cluster.TopicSpec(namespace, 1, {"cleanup.policy": "compact,delete"})], 1)
    return connection


async def test_it_reads_from_the_beginning_and_goes_on(kafka, namespace: str) -> None:
    outbox = Outbox(kafka)
    await outbox.start()
    try:
        keys = [b"%d" % number for number in range(500)]
        await outbox.send_all(namespace, 0, [(b"1", [])] * 500, keys=keys)
        async with Taken(kafka, namespace) as first:
            assert await first.upto(1) and [notice.key for notice in first.notices] == keys, "ready: all are taken"
            assert {notice.value for notice in first.notices} == {b"1"} and first.notices[0].timestamp > 1.7e12
            await outbox.send(namespace, 0, None, key=b"7")
            await outbox.send(namespace, 0, b"2", key=b"8")
            assert (await first.upto(502))[500:] == [b"7", b"8"] and first.notices[500].value is None
            async with Taken(kafka, namespace) as second:
                await second.upto(502)
                assert second.notices == first.notices
    finally:
        await outbox.stop()


async def test_an_empty_topic_is_ready_at_once(kafka, namespace: str) -> None:
    async with Taken(kafka, namespace) as taken:
        assert taken.notices == []


@pytest.mark.kafka
async def test_it_goes_on_by_itself_when_kafka_comes_back(tmp_path, namespace: str) -> None:
    from apache_kafka import ApacheKafka

    with ApacheKafka() as cluster_:
        kafka = Connection((cluster_.bootstrap,))
        await cluster.create(kafka, [cluster.TopicSpec(namespace, 1, {"cleanup.policy": "compact"})], 1)
        outbox = Outbox(kafka)
        await outbox.start()
        async with Taken(kafka, namespace) as taken:
            await outbox.send(namespace, 0, b"1", key=b"a")
            await taken.upto(1)
            cluster_.kill()
            await asyncio.sleep(2)
            cluster_.restart()
            await outbox.send(namespace, 0, b"1", key=b"b")
            assert await taken.upto(2) == [b"a", b"b"]
        await outbox.stop()
