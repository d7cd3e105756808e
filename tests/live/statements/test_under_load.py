"""What clients get of a feed that grows by 2,000 posts a second while they come, go and come again."""

import asyncio
import time
from pathlib import Path

import pytest
from support.faults import chaos
from support.faults.cutting_clients import cut_and_resume
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.plain_clients import feed_records
from support.waiting import until
from support.workers import workers

from tweetream.feeds.ring import RING

RATE = 2_000
AGO = RING + 2_000  # posts that are there before: more than a worker has in memory
AT_MOST = 900  # seconds; on two cores the clients that begin at the start need minutes


def cut_under_load(kafka: KafkaAddress, namespace: str, folder: Path, clients: int, cuts: int, mean: int) -> float:
    """Clients that cut and resume; each one's posts are those of the feed. Returns the rate at which posts came."""
    file = chaos.numbered_lines(folder / "numbers.txt", AT_MOST * RATE)
    settings = {"SOURCES": f"replay:{file}?rate={RATE}", "TOPICS": chaos.TOPIC, "MAX_STREAMS_PER_ADDRESS": 10_000}
    with workers(1, kafka.url, namespace, folder, **settings) as (worker,):
        until(lambda: worker.count(chaos.TOPIC) > AGO, 60, "posts behind the ring")
        began, before = time.monotonic(), worker.metric("tweetream_posts_fed_total")
        everyone = cut_and_resume(worker, f"/feeds/{chaos.TOPIC}", clients, cuts, mean, AT_MOST - 60)
        seconds, fed = time.monotonic() - began, worker.metric("tweetream_posts_fed_total") - before
        records = asyncio.run(feed_records(kafka.bootstrap, worker.topics()[chaos.TOPIC]["kafka_topic"]))
        until(lambda: worker.metric("tweetream_sse_clients") == 0, 5, "nobody is left")
    once = list(dict.fromkeys(chaos.number_of(record.value.decode()) for record in records))  # less the redelivered
    place = {number: nth for nth, number in enumerate(once)}
    for client in everyone:
        assert client.opened >= cuts + 1 and len(client.seen) > cuts
        first = place[client.seen[0]]
        assert first == 0 or not client.from_start
        assert client.seen.tolist() == once[first : first + len(client.seen)], "no gap, no duplicate, order kept"
    opened, got = sum(client.opened for client in everyone), sum(len(client.seen) for client in everyone)
    print(f"{clients} clients, {opened:,} streams, {got:,} posts in {seconds:.0f} s; {fed / seconds:,.0f} posts/s came")
    return fed / seconds


def test_replay_meets_live_under_load_with_no_gap_no_reordering_and_no_duplicate(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    """Statement 4. Replay meets live under load with no gap, no reordering, no duplicate."""
    assert cut_under_load(apache_kafka, namespace, tmp_path, clients=30, cuts=6, mean=800) > RATE / 3


@pytest.mark.soak
@pytest.mark.kafka
def test_200_clients_that_cut_20_times_under_2000_posts_a_second_get_what_is_in_the_feed(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    assert cut_under_load(apache_kafka, namespace, tmp_path, clients=200, cuts=20, mean=1_000) > 0.8 * RATE
