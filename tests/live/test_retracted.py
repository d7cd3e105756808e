"""A post that is deleted on its network: no stream and no page has it any more, and who may have had it is told."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import httpx
from aiokafka import AIOKafkaProducer
from support.kafka.apache_kafka import KafkaAddress
from support.raw_streams import Event, Stream
from support.waiting import until
from support.workers import Worker, workers, write_lines

from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.kafka.readers import FETCH_RECORDS

POSTS = 5 * FETCH_RECORDS  # more than a worker reads ahead for a client that does not read


def retract(bootstrap: str, namespace: str, ids: Iterable[str]) -> None:
    """Say what the worker says that reads the sources."""

    async def write() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            for id in ids:
                await producer.send_and_wait(f"{namespace}-retracted", b"1", key=id.encode(), partition=0)

    asyncio.run(write())


def posts(events: list[Event]) -> list[str]:
    return [json.loads(event.data)["id"] for event in events if not event.name]


def told(events: list[Event]) -> list[str]:
    """Who was taken back, in a feed; such an event has no id."""
    found = [event for event in events if event.name]
    assert {(event.name, event.id) for event in found} <= {("retracted", "")}
    return [json.loads(event.data)["id"] for event in found]


def past(worker: Worker, name: str) -> list[str]:
    """The ids of all pages, oldest first."""
    found: list[str] = []
    query = {"last": "1000"}
    while True:
        page = httpx.get(f"{worker.url}/topics/{name}/posts", params=query, timeout=30).json()
        found = [post["id"] for post in page["posts"]] + found
        if page["before"] is None:
            return found
        query["before"] = page["before"]


def test_a_deleted_post_leaves_streams_and_pages_and_who_may_have_it_is_told(
    any_broker: EmbeddedBroker | KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "posts.txt", ["hapus lagi"] * POSTS)
    settings = {"SOURCES": f"replay:{file}?rate=0", "TOPICS": "hapus", "PARTITIONS": 1}
    name = [f"replay:posts.txt:{number}" for number in range(POSTS + 1)]  # the first line is 1
    behind, here, last = name[POSTS - FETCH_RECORDS - 200], name[POSTS - 500], name[POSTS - 1]
    with workers(1, any_broker.url, namespace, tmp_path, **settings) as (worker,):
        until(lambda: worker.count("hapus") == POSTS, 30, "all posts are in the feed")
        with (
            Stream(worker, "/feeds/hapus?since=0", buffer=4096) as slow,
            Stream(worker, "/feeds/hapus?last=3") as quick,
            Stream(worker, "/feeds/hapus?last=3&min_score=1") as filtered,
        ):
            slow.take(1)  # and reads no further: it is behind the ring
            places = quick.take(3)
            assert posts(places) == name[-3:]
            retract(any_broker.bootstrap, namespace, [behind, here, "nobody's", last])
            assert told(quick.take(5)[3:]) == [here, last]
            filtered.read(lambda: filtered.body.count(b"retracted") >= 2)
            assert [event.id for event in filtered.events if event.name == "retracted"] == ["", ""]
            left = [id for id in name[1:] if id not in (behind, here, last)]
            got = slow.take(len(left), 60)
            assert posts(got) == left and told(got) == [], "it had none of them"
        assert past(worker, "hapus") == left
        for place, wanted in zip(places, ([here], [here, last], [here, last]), strict=True):
            after = name[name.index(posts([place])[0]) + 1 :]
            with Stream(worker, "/feeds/hapus", Last_Event_ID=place.id) as again:
                rest = [id for id in after if id in left]
                events = again.take(len(wanted) + len(rest))
                assert (told(events), posts(events)) == (wanted, rest)
        with Stream(worker, "/feeds/hapus?last=5") as fresh:
            assert posts(fresh.take(5)) == left[-5:]
        assert worker.metric("tweetream_retracted_total") == 2, "those in the ring"


def own(number: int) -> str:
    """The id of a post of `capture`: a file's ids are its own."""
    return f'replay:posts.jsonl:#"{number}é'


def capture(path: Path, count: int) -> Path:
    """Posts, of which the hundredth is deleted right after it, and the last but one long before it comes."""
    lines: list[dict[str, str]] = [{"text": f"cabut {number}", "id": f'"{number}é'} for number in range(count)]
    lines.insert(101, {"retracted": '"100é'})
    lines.insert(50, {"retracted": f'"{count - 2}é'})
    return write_lines(path, [json.dumps(line) for line in lines])


def shown(events: list[Event]) -> set[str]:
    """What a client shows in the end."""
    found: set[str] = set()
    for event in events:
        id = json.loads(event.data)["id"]
        found = found - {id} if event.name == "retracted" else found | {id}
    return found


def test_every_worker_knows_what_was_deleted_also_one_that_is_started_later(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    count = 300
    file = capture(tmp_path / "posts.jsonl", count)
    settings = {"SOURCES": f"replay:{file}?rate=100", "TOPICS": "cabut", "PARTITIONS": 1}
    left = {own(number) for number in range(count)} - {own(5), own(100), own(count - 2)}
    end = f'cabut {count - 1}"'.encode()
    with workers(2, apache_kafka.url, namespace, tmp_path, **settings) as group:
        until(lambda: all("cabut" in worker.topics() for worker in group), 30, "the topic on both")
        with Stream(group[0], "/feeds/cabut?since=0") as one, Stream(group[1], "/feeds/cabut?since=0") as other:
            for stream in (one, other):
                stream.take(10, 30)
            retract(apache_kafka.bootstrap, namespace, [own(5)])
            for stream in (one, other):
                stream.read(lambda: end in stream.body and own(5) in told(stream.events), 40)  # noqa: B023 (called at once)
            for events in (one.events, other.events):
                assert shown(events) == left
                assert own(5) in posts(events) and told(events).count(own(5)) == 1, "shown, then taken back"
                assert own(count - 2) not in posts(events) + told(events), "it was known before the post came"
            places = {posts([event])[0]: event.id for event in one.events if not event.name}
        late = Worker(apache_kafka.url, namespace, tmp_path, **settings).start()
        try:
            late.wait_ready()
            for worker in (*group, late):
                assert set(past(worker, "cabut")) == left
            with Stream(late, "/feeds/cabut", Last_Event_ID=places[own(60)]) as again:
                again.read(lambda: end in again.body)
                later = {own(number) for number in range(61, count)}
                assert told(again.events) == [own(5)] and shown(again.events) == left & later
            with Stream(late, "/feeds/cabut", Last_Event_ID=places[own(4)]) as before:
                before.read(lambda: end in before.body)
                assert told(before.events) == [] and own(5) not in posts(before.events)
        finally:
            late.kill()
