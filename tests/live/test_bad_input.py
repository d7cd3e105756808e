"""Bad settings end with one line; bad records and lines are counted and put aside, and everything else goes on."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from support.kafka.feed_writer import Broker
from support.waiting import until
from support.workers import workers

from tweetream.kafka.embedded import EmbeddedBroker, free_ports


def run(*words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """A command that must end by itself, whatever else runs on this machine's port 6066."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}
    return subprocess.run(
        [sys.executable, "-m", "tweetream", *words],
        env=clean | {"TWEETREAM_WEB_PORT": str(free_ports(1)[0])} | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def check_one_line(ended: "subprocess.CompletedProcess[str]", *wanted: str) -> None:
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert ended.stderr.startswith("tweetream: ")
    for part in wanted:
        assert part in ended.stderr


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"TWEETREAM_SOURCES": "replay:/nowhere/posts.txt"}, ["/nowhere/posts.txt"]),
        ({"TWEETREAM_SOURCES": "replay:/"}, ["source"]),
        ({"TWEETREAM_SOURCES": "replay:/etc/hostname replay:/etc/hostname"}, ["/etc/hostname", "twice"]),
        ({"TWEETREAM_SOURCES": "telegram:channel"}, ["telegram", "replay"]),
        ({"TWEETREAM_SOURCES": "replay:/etc/hostname?speed=3"}, ["speed"]),
        ({"TWEETREAM_SOURCES": "replay:/etc/hostname?rate=fast"}, ["rate"]),
        ({"TWEETREAM_TOPICS": "Jakarta Raya"}, ["TWEETREAM_TOPICS"]),
        ({"TWEETREAM_BROKER": "localhost"}, ["TWEETREAM_BROKER"]),
        ({"TWEETREAM_PARTITIONS": "many"}, ["TWEETREAM_PARTITIONS"]),
        ({"TWEETREAM_FEED_RETENTION": "a week"}, ["TWEETREAM_FEED_RETENTION"]),
        ({"TWEETREAM_WEB_PROT": "80"}, ["TWEETREAM_WEB_PROT"]),
        ({"TWEETREAM_MODEL": "/nowhere/model.safetensors"}, ["TWEETREAM_MODEL", "/nowhere/model.safetensors"]),
        ({"TWEETREAM_ABBREVIATIONS": "/nowhere/short.tsv"}, ["TWEETREAM_ABBREVIATIONS", "/nowhere/short.tsv"]),
    ],
)
def test_a_setting_that_cannot_work_ends_with_one_line(settings: dict[str, str], wanted: list[str]) -> None:
    check_one_line(run("worker", **settings), *wanted)


def test_a_file_that_may_not_be_read_ends_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("x\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        path = Path("/proc/self/mem")  # root may read all files but such
    check_one_line(run("demo", "--no-browser", "--port", "0", "--source", f"replay:{path}"), "source")


def test_a_port_in_use_ends_with_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        check_one_line(run("demo", "--no-browser", "--port", port), port, "in use")
        check_one_line(run("worker", TWEETREAM_WEB_PORT=port), port, "in use")


def test_a_broken_model_ends_with_one_line(embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"this is no model")
    settings = {
        "TWEETREAM_MODEL": str(model),
        "TWEETREAM_BROKER": embedded_broker.url,
        "TWEETREAM_NAMESPACE": namespace,
        "TWEETREAM_DATA_DIR": str(tmp_path / "data"),
        "TWEETREAM_WEB_PORT": "17917",
    }
    ended = run("worker", "-l", "error", **settings)
    assert ended.returncode == 2
    lines = [line for line in ended.stderr.splitlines() if line.startswith("tweetream: ")]
    assert len(lines) == 1
    assert "TWEETREAM_MODEL" in lines[0]
    assert "Traceback" not in ended.stderr


def test_no_worker_at_the_address_is_one_line() -> None:
    check_one_line(run("topics", "list", "--url", "http://127.0.0.1:9"), "http://127.0.0.1:9")


def test_bad_lines_are_counted_and_the_others_go_on(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    path = tmp_path / "posts.jsonl"
    good = [json.dumps({"text": f"jujur {number}"}).encode() for number in range(3)]
    bad = [b"", b"{", b"\xff\xfe\x00", b'{"delete": {"status": {"id": 1}}}', b'{"text": 5}', b"x" * 5_000_000]
    long = json.dumps({"text": "jujur " + "y" * 70_000}).encode()
    path.write_bytes(b"\n".join([good[0], *bad[:3], good[1], *bad[3:], long, good[2]]) + b"\n")
    settings = {"SOURCES": f"replay:{path}?rate=0", "TOPICS": "jujur"}
    with workers(1, embedded_broker.url, namespace, tmp_path, **settings) as (worker,):
        until(lambda: worker.count("jujur") == 3, 30, "three good posts")

        def dropped(reason: str) -> float:
            return worker.metric("tweetream_posts_dropped_total", reason=reason)

        assert worker.metric("tweetream_posts_read_total") == 10
        assert dropped("blank") == 1
        assert dropped("not_a_post") == 1
        assert dropped("too_long") == 2
        assert dropped("malformed") == 3
        assert worker.metric("tweetream_posts_matched_total") == 3


async def send_junk(bootstrap: str, topics: dict[str, int]) -> int:
    """Junk into every partition of every topic; how many records that were."""
    sent = 0
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for topic, partitions in topics.items():
            for partition in range(partitions):
                for value in (b"", b"junk", b"\x01\x93junk", b"\x00" * 1000, b'{"id":"forged"}', b"{\n}"):
                    await producer.send_and_wait(topic, value, partition=partition)
                    sent += 1
    finally:
        await producer.stop()
    return sent


def test_records_that_do_not_decode_are_put_aside_in_every_topic(
    any_broker: Broker, namespace: str, tmp_path: Path
) -> None:
    path = tmp_path / "posts.txt"
    path.write_text("".join(f"jujur {number}\n" for number in range(50)))
    settings = {"SOURCES": f"replay:{path}?rate=20&loop=true", "TOPICS": "jujur", "PARTITIONS": "2"}
    with workers(1, any_broker.url, namespace, tmp_path, **settings) as (worker,):
        until(lambda: worker.count("jujur") > 5, 30, "posts")
        feed = worker.topics()["jujur"]["kafka_topic"]
        places = {
            f"{namespace}-{name}": count
            for name, count in {"posts": 2, "tagged": 2, "commands": 1, "counts": 1}.items()
        }
        asyncio.run(send_junk(any_broker.bootstrap, places))
        for topic, partitions in places.items():
            wanted = 6 * partitions
            until(
                lambda topic=topic, wanted=wanted: worker.metric("tweetream_dead_letters_total", topic=topic) == wanted,
                30,
                f"{wanted} dead letters of {topic}",
            )
        asyncio.run(send_junk(any_broker.bootstrap, {feed: 1}))
        before = worker.count("jujur")
        until(lambda: worker.count("jujur") > before + 20, 30, "posts go on")
        added = httpx.post(f"{worker.url}/topics", json={"name": "lain", "track": ["jujur"]}, timeout=20)
        assert added.status_code == 201, "commands go on"
        until(lambda: worker.count("lain") > 5, 30, "posts of a topic added behind the junk")
        found = httpx.get(f"{worker.url}/topics/jujur/posts?last=1000", timeout=20).json()["posts"]
        assert len(found) > 20
        assert all(post["text"].startswith("jujur") for post in found), "nothing forged reaches a client"


def test_a_record_of_a_newer_version_stops_the_worker_with_one_line(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=embedded_broker.bootstrap)
        await producer.start()
        await producer.send_and_wait(f"{namespace}-tagged", b"\x02\x90", partition=0)
        await producer.stop()

    with workers(1, embedded_broker.url, namespace, tmp_path) as (worker,):
        asyncio.run(send())
        assert worker.process is not None
        assert worker.process.wait(30) == 2
        assert "tweetream: a record has version 2, this worker reads up to 1: upgrade it first" in worker.tail()
