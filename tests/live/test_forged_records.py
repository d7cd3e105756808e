"""Attack: somebody else writes to every Kafka topic of a running worker. It counts the records and goes on."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.models import codec
from tweetream.models.command import Command
from tweetream.models.counts import CountRecord
from tweetream.models.feed import Stamp
from tweetream.models.post import Post, PostBatch, TaggedBatch, TaggedPost
from tweetream.sources.status import Status, StatusReport

pytestmark = pytest.mark.process
LAST = 2**64 - 1
DEEP = b'{"id":"forged","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
Records = list[tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]]  # topic, key, value, headers


def send(bootstrap: str, *records: tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]) -> None:
    async def write() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=2_000_000) as producer:
            for topic, key, value, headers in records:
                await producer.send_and_wait(topic, value, key=key, partition=0, headers=headers)

    asyncio.run(write())


def values(bootstrap: str, topic: str) -> list[bytes]:
    """The values in a topic of one partition."""

    async def read() -> list[bytes]:
        async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
            consumer.assign([TopicPartition(topic, 0)])
            await consumer.seek_to_beginning()
            found: list[bytes] = []
            while records := [record for of in (await consumer.getmany(timeout_ms=1000)).values() for record in of]:
                found += [record.value for record in records]
            return found

    return asyncio.run(read())


def forged(namespace: str, feed: str) -> Records:
    """Records that no worker writes, for each topic."""
    now = time.time_ns() // 1_000_000
    post = Post("forged", "x", "jujur", now, now)
    feeds = [f"{namespace}-commands", "__consumer_offsets", f"{namespace}-feed-other-1"]
    structs: list[tuple[str, object]] = [
        ("posts", PostBatch(LAST, 1, -1, {}, [post])),
        ("posts", PostBatch(now, 1, 2**62, {f"replay:{'x' * 300_000}": "1"}, [post])),
        ("tagged", TaggedBatch(LAST, 1, 0, [feed], [TaggedPost(0, post, "jujur", (0,))])),
        ("tagged", TaggedBatch(now, 1, 0, [feed], [TaggedPost(0, post, "jujur", (1,))])),
        *[("tagged", TaggedBatch(now, 1, 2**62, [one], [TaggedPost(0, post, "jujur", (0,))])) for one in feeds[:2]],
        ("counts", CountRecord(0, LAST, 1, 0, {feed: {now // 60_000: {"traffic": 9}}})),
        ("counts", CountRecord(0, now, 1, 0, {feed: {now // 60_000: {"traffic": LAST}}})),
        ("commands", Command("add", "../../<b>", ("jujur",))),
        ("commands", Command("add", "palsu", ("x" * 101,))),
    ]
    unlike = TaggedBatch(now, 1, 2**62, feeds[2:], [TaggedPost(0, post, "jujur", (0,))])  # a feed that does not exist
    reports = [Status("x:\x1b[2J"), Status("x:" + "y" * 900_000), Status("x:", reason="\x1b[2J")]
    headers = [("label", b"traffic"), ("score", b"0.5"), ("origin", Stamp(0, now, 2**40, 0).pack())]
    in_feed: Records = [(feed, None, DEEP, headers), (feed, None, b'{"id":"forged"}', headers[:2])]
    in_feed += [
        (feed, None, b'{"id":"forged"}', [("label", b"\xff"), *headers[1:]]),
        (feed, None, b'{"id":"forged"}', [*headers[:2], ("origin", Stamp(0, LAST, 0, 0).pack())]),
    ]
    return [
        *[(f"{namespace}-{topic}", None, codec.encode(value), []) for topic, value in structs],
        (f"{namespace}-tagged", None, codec.encode(unlike), []),
        *[(f"{namespace}-sources", b"forged", codec.encode(StatusReport(1, one)), []) for one in reports],
        (f"{namespace}-sources", b"forged", codec.encode(StatusReport(LAST, Status("x:"))), []),
        *in_feed,
    ]


def grows(worker: Worker, topic: str) -> None:
    before = worker.count(topic)
    until(lambda: worker.count(topic) > before + 20, 40, f"posts of {topic} go on")


def test_forged_records_are_counted_and_stop_nothing(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    path = tmp_path / "posts.txt"
    path.write_text("".join(f"jujur {number}\n" for number in range(50)))
    settings = {"SOURCES": f"replay:{path}?rate=20&loop=true", "TOPICS": "jujur", "PARTITIONS": "2"}
    with workers(1, embedded_broker.url, namespace, tmp_path, **settings) as (worker,):
        grows(worker, "jujur")
        feed = worker.topics()["jujur"]["kafka_topic"]
        send(embedded_broker.bootstrap, *forged(namespace, feed))
        for name, wanted in {"posts": 2, "tagged": 4, "counts": 2, "commands": 2, "sources": 3}.items():
            topic = f"{namespace}-{name}"
            until(
                lambda topic=topic, wanted=wanted: worker.metric("tweetream_dead_letters_total", topic=topic) == wanted,
                30,
                f"{wanted} dead letters of {topic}",
            )
        _check(worker)
        written = values(embedded_broker.bootstrap, f"{namespace}-commands")
        assert not any(value.startswith(b"{") for value in written), "no post went there"
        worker.stop()
        worker.start().wait_ready()  # another takeover, and tables read anew
        _check(worker)
        _check_garbage_in_state(worker, embedded_broker.bootstrap, f"{namespace}-topics-changelog")


def _check(worker: Worker) -> None:
    grows(worker, "jujur")
    assert set(worker.topics()) <= {"jujur", "lain"}
    added = httpx.post(f"{worker.url}/topics", json={"name": "lain", "track": ["jujur"]}, timeout=20)
    assert added.status_code in (200, 201), "commands go on"
    grows(worker, "lain")
    for path in ("posts?last=1000", "posts?since=0&last=1000", "stats"):
        answer = httpx.get(f"{worker.url}/topics/jujur/{path}", timeout=20)
        assert answer.status_code == 200 and b"forged" not in answer.content
    sources = httpx.get(f"{worker.url}/sources", timeout=20)
    assert sources.status_code == 200 and "\\u001b" not in sources.text
    assert sources.json()[0]["state"] == "streaming"
    with httpx.stream("GET", f"{worker.url}/feeds/jujur?since=0", timeout=20) as stream:
        seen = 0
        for line in stream.iter_lines():
            assert "forged" not in line
            seen += line.startswith("data: {")
            if seen > 40:
                break


def _check_garbage_in_state(worker: Worker, bootstrap: str, changelog: str) -> None:
    worker.stop()  # the owner of a table does not read what others write to it
    send(bootstrap, (changelog, b"lain", b"junk", []))
    for _ in range(2):
        process = worker.start().process
        assert process is not None and process.wait(30) == 2
        (line,) = [line for line in worker.tail().splitlines() if line.startswith("tweetream: ")]
        assert changelog in line and "start the workers again" in line
        worker.log.unlink()
    send(bootstrap, (changelog, b"lain", None, []))
    worker.start().wait_ready()
    assert set(worker.topics()) == {"jujur", "lain"}, "the last good record counts"
