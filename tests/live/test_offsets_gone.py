"""The offsets of a group are gone, on Apache Kafka: its worker reads everything again, and writes nothing twice.

Also not to a feed whose log is gone as well.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from aiokafka import TopicPartition
from httpx_sse import connect_sse
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.group_offsets import commit, delete_offsets
from support.kafka.plain_clients import delete_topics
from support.waiting import until
from support.workers import Worker

POSTS = 3_000
PARTITIONS = 2


@pytest.fixture
def worker(apache_kafka: KafkaAddress, namespace: str, tmp_path: Path) -> Iterator[Worker]:
    """Has fed POSTS posts of a file, and has ended."""
    file = chaos.numbered_lines(tmp_path / "numbers.txt", POSTS)
    settings = {"SOURCES": f"replay:{file}?rate=5000", "TOPICS": chaos.TOPIC, "PARTITIONS": PARTITIONS}
    worker = Worker(apache_kafka.url, namespace, tmp_path, **settings).start()
    try:
        worker.wait_ready()
        until(lambda: worker.metric("tweetream_posts_fed_total") == POSTS, 60, "all posts are fed")
        worker.kill()  # it has committed little, and counted less
        yield worker
    finally:
        worker.end()


def in_feed(kafka: KafkaAddress, worker: Worker) -> list[int]:
    return in_kafka(kafka, until(worker.topics, 30, "topics")[chaos.TOPIC]["kafka_topic"])


def in_kafka(kafka: KafkaAddress, kafka_topic: str) -> list[int]:
    return [record.number for record in asyncio.run(chaos.read_feed(kafka.bootstrap, kafka_topic))]


def check(kafka: KafkaAddress, worker: Worker, resent: int, said: str) -> None:
    """After so many re-sent records, the feed, a stream and a page have each post once."""
    until(lambda: worker.metric("tweetream_duplicates_total") >= resent, 60, "what was re-sent is skipped", 0.2)
    until(lambda: worker.count(chaos.TOPIC) == POSTS, 30, "all are counted once")
    everything = list(range(1, POSTS + 1))
    assert sorted(in_feed(kafka, worker)) == everything
    with connect_sse(httpx.Client(), "GET", f"{worker.url}/feeds/{chaos.TOPIC}?last=1000", timeout=20) as source:
        events = (event for event in source.iter_sse() if event.event == "message")
        last = [chaos.number_of(next(events).data) for _ in range(1000)]
    assert len(set(last)) == 1000
    page = httpx.get(f"{worker.url}/topics/{chaos.TOPIC}/posts?last=1000", timeout=20).json()["posts"]
    assert [chaos.number_of(json.dumps(post)) for post in page] == last
    lines = [line for line in worker.log.read_text().splitlines() if said in line]
    assert len(lines) == 1, lines


def test_after_all_offsets_were_deleted_no_post_is_in_the_feed_twice(
    apache_kafka: KafkaAddress, namespace: str, worker: Worker
) -> None:
    asyncio.run(delete_offsets(apache_kafka.bootstrap, namespace))
    worker.log.write_text("")
    worker.start().wait_ready()
    # Preprocessing sends all of them again, and classification reads those and what it had read before.
    check(apache_kafka, worker, 2 * POSTS, "no offset is committed for")


def test_offsets_above_the_end_of_the_log_are_read_from_its_start(
    apache_kafka: KafkaAddress, namespace: str, worker: Worker
) -> None:
    tagged = TopicPartition(f"{namespace}-tagged", 0)
    asyncio.run(delete_offsets(apache_kafka.bootstrap, namespace))
    asyncio.run(commit(apache_kafka.bootstrap, namespace, {tagged: 100_000}))
    worker.log.write_text("")
    worker.start().wait_ready()
    check(apache_kafka, worker, 2 * POSTS, "tagged 0 was cut or made anew")


def test_a_feed_that_is_made_again_meanwhile_gets_nothing_that_its_clients_have_had(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    files = [tmp_path / "numbers.txt", tmp_path / "more.txt"]
    chaos.numbered_lines(files[0], POSTS)
    files[1].write_text("".join(f"nomor {number} di jalan\n" for number in range(POSTS + 1, 2 * POSTS + 1)))
    sources = [f"replay:{file}?rate=5000" for file in files]
    group = [
        Worker(apache_kafka.url, namespace, tmp_path, SOURCES=" ".join(some), TOPICS=chaos.TOPIC, PARTITIONS=PARTITIONS)
        for some in (sources[:1], sources)
    ]
    client = chaos.Client(group)
    try:
        group[0].start().wait_ready()
        client.start()
        until(lambda: len(client.seen) == POSTS, 60, "posts")
        feed = group[0].topics()[chaos.TOPIC]["kafka_topic"]
        group[0].stop()  # at once: it counts what it has written before it ends
        asyncio.run(delete_offsets(apache_kafka.bootstrap, namespace))
        asyncio.run(delete_topics(apache_kafka.bootstrap, feed))
        group[1].start().wait_ready()
        until(lambda: len(client.seen) >= 2 * POSTS, 60, "all posts", 0.2)  # the last may come before some others
        assert sorted(in_kafka(apache_kafka, feed)) == list(range(POSTS + 1, 2 * POSTS + 1))
        assert sorted(client.seen) == list(range(1, 2 * POSTS + 1))
        assert len(client.gaps) == 1 and not client.odd
        until(lambda: group[1].count(chaos.TOPIC) == 2 * POSTS, 30, "all are counted once")
    finally:
        client.end()
        for worker in group:
            worker.end()
