"""The main job: posts of a file reach the feeds of their topics, all of them, once, on both brokers."""

import gzip
import json
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.feed_writer import Broker
from support.sse import events_of
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker

LINES = [
    "Jl Sudirman MACET total arah Semanggi",
    "macet, macet, dan macet lagi #macet",
    "kemacetan di mana-mana",  # another word
    "lalin lancar jaya",
    "@macet apa kabar https://example.org/macet",  # neither names nor addresses are text
    "ramai lancar, tidak macet",
    "",
    "makan siang dulu",
]
ROUNDS = 200


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "posts.txt"
    path.write_text("\n".join(LINES * ROUNDS) + "\n")
    return path


def sums(group: list[Worker]) -> tuple[float, float, float]:
    """What the group read, matched and dropped."""
    names = ("tweetream_posts_read_total", "tweetream_posts_matched_total", "tweetream_posts_dropped_total")
    read, matched, dropped = (sum(worker.metric(name) for worker in group) for name in names)
    return read, matched, dropped


def check_counts(group: list[Worker]) -> None:
    total = len(LINES) * ROUNDS
    until(lambda: sum(sums(group)[1:]) >= total, 60, "everything is matched or dropped")
    for worker in group:
        until(lambda worker=worker: worker.count("macet") == 3 * ROUNDS, 30, f"macet is {worker.count('macet')}")
        until(lambda worker=worker: worker.count("lancar") == 2 * ROUNDS, 30, f"lancar is {worker.count('lancar')}")
    assert sums(group) == (total, 4 * ROUNDS, 4 * ROUNDS)
    blank = sum(worker.metric("tweetream_posts_dropped_total", reason="blank") for worker in group)
    assert blank == ROUNDS


def test_every_post_is_counted_once_on_one_worker(
    any_broker: Broker, namespace: str, tmp_path: Path, file: Path
) -> None:
    settings = {"SOURCES": f"replay:{file}?rate=0", "TOPICS": "macet,lancar"}
    with workers(1, any_broker.url, namespace, tmp_path, **settings) as group:
        check_counts(group)
        # Faust has nothing to create: a broker that is just back would refuse it, and the worker would end.
        assert "Creating topic" not in group[0].log.read_text()


def test_every_post_is_counted_once_on_three_workers(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path, file: Path
) -> None:
    settings = {"SOURCES": f"replay:{file}?rate=0", "TOPICS": "macet,lancar"}
    with workers(3, apache_kafka.url, namespace, tmp_path, **settings) as group:
        check_counts(group)
        feeds = [read(worker, "macet", 3 * ROUNDS) for worker in group]
        assert feeds[0] == feeds[1] == feeds[2], "every worker serves the same feed"
        assert len(set(feeds[0])) == 3 * ROUNDS


def read(worker: Worker, name: str, count: int) -> list[str]:
    """The ids of the first `count` posts of a feed, over SSE."""
    ids: list[str] = []
    with (
        httpx.Client(timeout=20) as client,
        connect_sse(client, "GET", f"{worker.url}/feeds/{name}?since=0") as source,
    ):
        for event in events_of(source):
            ids.append(json.loads(event.data)["id"])
            if len(ids) == count:
                return ids
    return ids


def test_a_worker_goes_on_where_the_group_stopped(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path, file: Path
) -> None:
    settings = {"SOURCES": f"replay:{file}?rate=0", "TOPICS": "macet,lancar"}
    with workers(1, apache_kafka.url, namespace, tmp_path, **settings) as group:
        check_counts(group)
        before = group[0].topics()
        group[0].stop()
        group[0].start().wait_ready()
        assert group[0].topics() == before, "topics, tracks, times and counts are in Kafka"
        until(lambda: "streaming from 1 sources" in group[0].tail() or group[0].streams(), 30, "streams again")
        until(lambda: group[0].count("macet"), 10, "counts")
        assert len(set(read(group[0], "macet", 3 * ROUNDS))) == 3 * ROUNDS
        assert group[0].metric("tweetream_posts_read_total") == 0, "the file was read to its end before"
        assert group[0].count("macet") == 3 * ROUNDS


def test_a_packed_file_of_json_lines_keeps_its_own_ids_and_times(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    path = tmp_path / "posts.jsonl.gz"
    tweet = {
        "id_str": "1050118621198921728",
        "full_text": "macet di &amp; sekitar Blok M",
        "created_at": "Wed Oct 10 20:19:24 +0000 2018",
        "user": {"screen_name": "warga"},
        "lang": "in",
    }
    path.write_bytes(gzip.compress(json.dumps(tweet).encode() + b"\n"))
    settings = {"SOURCES": f"replay:{path}", "TOPICS": "macet"}
    with workers(1, embedded_broker.url, namespace, tmp_path, **settings) as group:
        until(lambda: group[0].count("macet") == 1, 30, "the post")
        (post,) = httpx.get(f"{group[0].url}/topics/macet/posts").json()["posts"]
    assert post["id"] == "x:1050118621198921728"
    assert post["url"] == "https://x.com/warga/status/1050118621198921728"
    assert post["text"] == "macet di & sekitar Blok M"
    assert post["created_at"] == "2018-10-10T20:19:24.000Z"
    assert post["author"] == "warga"
    assert post["label"] in ("traffic", "non_traffic")
    assert 0 <= post["score"] <= 1
