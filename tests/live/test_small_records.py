"""A broker that takes small records alone: posts travel in smaller batches, and only what cannot fit is put aside."""

from pathlib import Path

import pytest
from support.kafka.apache_kafka import ApacheKafka
from support.waiting import until
from support.workers import workers

POSTS = 2_000
DEAD = "tweetream_dead_letters_total"


@pytest.mark.kafka
def test_a_broker_with_a_low_limit_loses_no_post_but_the_one_that_cannot_fit(namespace: str, tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    # 60 KB of UTF-8 are under our own limit of a text, and 120 KB as a feed's JSON, which is ASCII.
    lines = [f"panjang {number} " + "macet " * 200 for number in range(POSTS)]
    lines.insert(POSTS // 2, "panjang " + "\u0e23" * 20_000)
    lines.append("panjang " + "\u0e23" * 10_000)  # half of that fits
    file.write_text("".join(f"{line}\n" for line in lines))
    settings = {"SOURCES": f"replay:{file}?rate=0", "TOPICS": "panjang"}
    with (
        ApacheKafka(settings={"message.max.bytes": 100_000}) as broker,
        workers(1, broker.url, namespace, tmp_path, **settings) as (worker,),
    ):
        until(lambda: worker.metric("tweetream_posts_fed_total", topic="panjang") == POSTS + 1, 60, "all others")
        feed = worker.topics()["panjang"]["kafka_topic"]
        assert worker.metric(DEAD, topic=feed) == worker.metric(DEAD) == 1, "the one that cannot fit"
        assert worker.metric("tweetream_posts_dropped_total", reason="refused") == 0
