"""More partitions, as docs/operations.md tells to have them: nothing is lost, nothing shown twice."""

import asyncio
import itertools
from pathlib import Path

import httpx
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from httpx_sse import connect_sse
from support.faults import chaos
from support.kafka import apache_kafka as kafka
from support.sse import events_of
from support.waiting import until
from support.workers import Worker, workers

LINES = 3_000


async def alter(bootstrap: str, names: list[str], partitions: int) -> None:
    """What `kafka-topics.sh --alter --partitions` does."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        await client.create_partitions({name: NewPartitions(total_count=partitions) for name in names})
    finally:
        await client.close()


def test_partitions_are_raised_while_all_workers_are_stopped(
    apache_kafka: kafka.KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    file = chaos.numbered_lines(tmp_path / "posts.txt", LINES)
    settings = {"SOURCES": f"replay:{file}?rate=200", "TOPICS": chaos.TOPIC}
    with workers(1, apache_kafka.url, namespace, tmp_path, PARTITIONS=2, **settings) as (worker,):
        until(lambda: worker.count(chaos.TOPIC) > 200, 60, "posts")
        worker.stop()
    wrong = Worker(apache_kafka.url, namespace, tmp_path, PARTITIONS=4, **settings)
    try:
        process = wrong.start().process
        assert process is not None and process.wait(30) == 2
        (line,) = [line for line in wrong.log.read_text().splitlines() if line.startswith("tweetream: ")]
        assert "has 2 partitions, and TWEETREAM_PARTITIONS is 4: set it to 2, or stop all workers" in line
    finally:
        wrong.end()
    asyncio.run(alter(apache_kafka.bootstrap, [f"{namespace}-posts", f"{namespace}-tagged"], 4))
    with workers(1, apache_kafka.url, namespace, tmp_path, PARTITIONS=4, **settings) as (worker,):
        until(lambda: worker.count(chaos.TOPIC) >= LINES, 90, f"all posts; it has {worker.count(chaos.TOPIC)}")
        assert worker.count(chaos.TOPIC) == LINES, "each was counted once"
        with httpx.Client(timeout=20) as client:
            feed = f"{worker.url}/feeds/{chaos.TOPIC}"
            with connect_sse(client, "GET", feed, params={"since": 0}) as source:
                seen = [chaos.number_of(event.data) for event in itertools.islice(events_of(source), LINES)]
        assert sorted(seen) == list(range(1, LINES + 1))
