"""Many topics at once: their Kafka topics are made together, and each works."""

import re
from pathlib import Path

from support.kafka.apache_kafka import KafkaAddress
from support.waiting import until
from support.workers import workers

NAMES = [f"topik{number}" for number in range(60)]


def test_the_topics_of_the_settings_are_made_in_a_few_calls_and_each_gets_its_posts(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    """One by one a thousand took a minute."""
    posts = tmp_path / "posts.txt"
    posts.write_text("".join(f"{name} macet\n" for name in NAMES))
    settings = {"TOPICS": ",".join(NAMES), "SOURCES": f"replay:{posts}?rate=0"}
    with workers(1, apache_kafka.url, namespace, tmp_path, **settings) as (worker,):
        until(lambda: sorted(worker.topics()) == sorted(NAMES), 60, "the topics")
        made = [int(number) for number in re.findall(r"(\d+) Kafka topics made in one call", worker.log.read_text())]
        assert len(made) + len(NAMES) - sum(made) < len(NAMES) / 2, made
        until(lambda: all(worker.count(name) == 1 for name in NAMES), 60, "a post in each feed")
