"""Who streams is told by epochs: what a replaced worker sends is dropped, and who was overtaken begins again."""

import asyncio
import time
from pathlib import Path

import pytest
from support.faults import chaos
from support.kafka.apache_kafka import KafkaAddress
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.connection import Connection
from tweetream.kafka.producer import OrderedProducer
from tweetream.models import codec
from tweetream.models.post import Post, PostBatch

pytestmark = pytest.mark.kafka
PARTITIONS = 4  # as tests give every worker
RATE = 500


def send(kafka: KafkaAddress, namespace: str, batch: PostBatch) -> None:
    """Write it into every partition of posts, as another worker would."""

    async def write() -> None:
        producer = OrderedProducer(Connection([kafka.bootstrap]))
        await producer.start()
        for partition in range(PARTITIONS):
            await producer.send(f"{namespace}-posts", partition, codec.encode(batch))
        await producer.stop()

    asyncio.run(write())


def fenced(worker: Worker) -> float:
    return worker.metric("tweetream_posts_dropped_total", reason="fenced")


def test_what_a_replaced_worker_sent_is_dropped_by_one_that_never_saw_the_marker_before_it(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    file = chaos.numbered_lines(tmp_path / "numbers.txt", 10)
    settings = {"SOURCES": f"replay:{file}", "TOPICS": chaos.TOPIC}
    with workers(1, apache_kafka.url, namespace, tmp_path, **settings) as (worker,):
        until(lambda: worker.count(chaos.TOPIC) == 10, 30, "the lines")
        worker.stop()  # what it read is committed
        late = Post("late", "t", "nomor 11 di jalan", 0, 0)
        send(apache_kafka, namespace, PostBatch(epoch=5, sequence=1, command=-1, positions={}, posts=[late]))
        worker.start().wait_ready()
        until(lambda: fenced(worker) == PARTITIONS, 30, "all of it fenced")
        assert worker.count(chaos.TOPIC) == 10


def test_a_worker_that_was_overtaken_notices_and_begins_again(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    lines = 15 * RATE
    file = chaos.numbered_lines(tmp_path / "numbers.txt", lines)
    settings = {"SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": chaos.TOPIC}
    with workers(1, apache_kafka.url, namespace, tmp_path, **settings) as group:
        client = chaos.Client(group)
        client.start()
        until(lambda: len(client.seen) > RATE, 30, "posts")
        time.sleep(2)  # let it settle down
        epoch = time.time_ns() // 1_000_000 + 60_000
        send(apache_kafka, namespace, PostBatch(epoch, 0, -1, {}, []))
        report = chaos.finish(apache_kafka.bootstrap, group, client, lines, [])
        assert fenced(group[0]) > 0
    report.check()
