"""How the sources do is the same on every worker, and a source that fails never stops the others."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.feed_writer import Broker
from support.waiting import until
from support.workers import Worker, workers

TOPIC = "sumber"


def sources(worker: Worker) -> dict[str, dict[str, Any]]:
    """What a worker says of the sources, by their kind and file."""
    answer = httpx.get(f"{worker.url}/sources", timeout=5)
    assert answer.status_code == 200, answer.text
    return {source["url"]: source for source in answer.json()}


def settings(folder: Path) -> dict[str, str]:
    short, long = folder / "short.txt", folder / "long.txt"
    short.write_text(f"{TOPIC} satu\n{TOPIC} dua\n\n")
    long.write_text("".join(f"{TOPIC} {number}\n" for number in range(10_000)))
    return {"SOURCES": f"replay:{short} replay:{long}?rate=50", "TOPICS": TOPIC}


def test_each_source_is_shown_as_it_is(any_broker: Broker, namespace: str, tmp_path: Path) -> None:
    given = settings(tmp_path)
    short, long = given["SOURCES"].split()
    with workers(1, any_broker.url, namespace, tmp_path, **given) as (worker,):
        until(lambda: sources(worker)[long]["posts"] > 50, 30, "posts of both")
        found = sources(worker)
        assert list(found) == [short, long], "in the order of the settings"
        assert found[short] == found[short] | {"state": "ended", "reason": "", "posts": 2, "reconnects": 0}
        assert found[long] == found[long] | {"state": "streaming", "reason": "", "retry_at": None}
        assert found[long]["last_post_at"] > found[short]["last_post_at"]
        assert 0 < found[long]["posts_per_minute"] <= found[long]["posts"]
        assert worker.metric("tweetream_source_state", source=short, state="ended") == 1
        assert worker.metric("tweetream_source_state", source=short, state="streaming") == 0
        assert worker.metric("tweetream_source_last_post_timestamp_seconds", source=long) > 1.7e9


@pytest.mark.kafka
def test_every_worker_knows_and_another_goes_on_counting(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    given = settings(tmp_path)
    long = given["SOURCES"].split()[1]
    with workers(2, apache_kafka.url, namespace, tmp_path, **given) as group:
        until(lambda: all(sources(worker)[long]["posts"] > 50 for worker in group), 30, "both know")
        # The second worker's joining can move the sources: for a moment nobody has them.
        streaming, *_ = until(lambda: [one for one in group if one.metric("tweetream_source_state")], 30, "one streams")
        (other,) = [worker for worker in group if worker is not streaming]
        before = sources(other)[long]["posts"]
        streaming.stop()
        mine = {"source": long, "state": "streaming"}
        until(lambda: other.metric("tweetream_source_state", **mine) == 1, 30, "the other one takes over")
        until(lambda: sources(other)[long]["posts"] > before + 100, 30, "it reads on and counts on")
        assert sources(other)[long]["state"] == "streaming"
