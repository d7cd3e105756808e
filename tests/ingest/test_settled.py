"""When posts has lost batches, the sources are read again from where all posts were tagged, and none is sent twice."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tweetream.ingest import settled as module
from tweetream.ingest.backpressure import Backpressure
from tweetream.ingest.settled import SettledPositions, known_ids, recall
from tweetream.ingest.takeover import TakeoverState
from tweetream.kafka.admin import TopicSpec
from tweetream.kafka.connection import Connection
from tweetream.kafka.required import RequiredTopics
from tweetream.models import codec
from tweetream.models.post import Post, TaggedBatch, TaggedPost
from tweetream.sources.status import MAX_POSITION, Settled
from tweetream.topology import POSTS, TAGGED, now_ms

KAFKA = Connection(["127.0.0.1:1"])
URL = "replay:a"
EARLIER = {URL: Settled(1, 9, "of the run before")}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.0)


def test_a_position_is_settled_when_the_group_has_committed_all_posts_before_it() -> None:
    backpressure = Backpressure()
    backpressure.begin({0: 11, 1: 11})
    positions = SettledPositions(backpressure, EARLIER)
    for sequence, partition in ((1, 0), (2, 1), (3, 0)):
        backpressure.sent(partition, 10 + sequence)
        positions.note((2, sequence), {URL: f"p{sequence}", "replay:b": "x" * (MAX_POSITION + 1)})
    assert positions.by_url() == EARLIER
    backpressure._committed = {0: 14}
    assert positions.by_url() == EARLIER, "partition 1 may lack posts of earlier runs"
    backpressure._committed = {0: 14, 1: 12}
    assert positions.by_url() == {URL: Settled(2, 1, "p1")}, "partition 1 lacks the second"
    backpressure._committed = {0: 14, 1: 13}
    assert positions.by_url() == {URL: Settled(2, 3, "p3")}


def test_positions_are_noted_seldom_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NOTED", 3)
    backpressure = Backpressure()
    positions = SettledPositions(backpressure, {})
    for sequence in range(1, 9):
        backpressure.sent(0, sequence)
        positions.note((2, sequence), {URL: f"p{sequence}"})
    backpressure._committed = {0: 9}
    assert positions.by_url() == {URL: Settled(2, 3, "p3")}
    monkeypatch.setattr(module, "EVERY", 3600.0)
    for sequence in (9, 10):
        positions.note((2, sequence), {URL: f"p{sequence}"})
    assert positions.by_url() == {URL: Settled(2, 9, "p9")}


@pytest.mark.parametrize(
    ("first", "last", "recalled"),
    [
        ((0, 0), (0, 0), True),
        ((0, 0), (1, 8), True),
        ((0, 0), (1, 9), False),
        ((0, 0), (2, 1), False),
        ((1, 0), (2, 1), False),
        ((1, 10), (1, 10), True),  # this batch was on its way when posts was deleted
        ((3, 0), (1, 10), True),
    ],
)
async def test_only_what_posts_has_lost_is_recalled(
    first: tuple[int, int], last: tuple[int, int], recalled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`first` is the first batch of the log; zeros where retention has taken it."""

    async def highest(kafka: Connection, topic: str, partition: int, start: int, end: int) -> tuple[int, int]:
        assert (topic, partition, start, end) == (POSTS, 0, 0, 1)
        return first

    async def ids(*_: object) -> dict[str, None]:
        return {"x:3": None}

    monkeypatch.setattr(module, "known_ids", ids)
    monkeypatch.setattr(module, "highest", highest)
    state = TakeoverState(5, {URL: "of posts", "replay:b": "1"}, {"x:1": None}, {0: 1}, last)
    await recall(KAFKA, state, EARLIER, 1)
    assert state.positions == {URL: "of the run before" if recalled else "of posts", "replay:b": "1"}
    assert list(state.ids) == (["x:1", "x:3"] if recalled else ["x:1"])


async def test_the_ids_of_all_partitions_of_tagged_come_in_the_order_of_their_batches_and_then_those_of_feeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = now_ms()

    def record(sequence: int) -> Any:
        post = TaggedPost(0, Post(f"x:{sequence}", "x", "macet", 1, 1), "macet", (0,))
        return SimpleNamespace(value=codec.encode(TaggedBatch(now, sequence, 1, ["f"], [post])), timestamp=now)

    tails = {0: [record(2), record(4)], 1: [record(1), SimpleNamespace(value=b"junk", timestamp=now), record(3)]}

    async def last_records(kafka: Connection, topic: str, number: int, partition: int) -> list[Any]:
        assert topic == TAGGED
        return tails[partition]

    async def in_feeds(kafka: Connection) -> list[str]:
        return ["x:0", "x:4"]

    monkeypatch.setattr(module, "last_records", last_records)
    monkeypatch.setattr(module, "_ids_in_feeds", in_feeds)
    assert list(await known_ids(KAFKA, 2)) == ["x:1", "x:2", "x:3", "x:4", "x:0"]
    monkeypatch.setattr(module, "MAX_IDS", 2)
    assert list(await known_ids(KAFKA, 2)) == ["x:3", "x:4", "x:0"]


async def test_when_tagged_was_deleted_too_the_feeds_tell_the_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    values: dict[str, list[bytes | None]] = {
        "f-macet-1": [b'{"id":"x:1","topic":"macet"}', b"junk", None],
        "f-banjir-1": [b'{"id":"x:2"}'],
    }

    async def last_records(kafka: Connection, topic: str, number: int, partition: int = 0) -> list[Any]:
        return [SimpleNamespace(value=value) for value in values.get(topic, [])]

    async def names(*_: object) -> set[str]:
        return set(values)

    monkeypatch.setattr(module, "last_records", last_records)
    monkeypatch.setattr("tweetream.ingest.settled.admin.names", names)
    feeds = [SimpleNamespace(kafka_topic=name) for name in (*values, "f-gone-1")]
    monkeypatch.setattr("tweetream.ingest.settled.topics_table.alive", lambda: feeds)
    assert list(await known_ids(KAFKA, 2)) == ["x:1", "x:2"]


async def test_the_ids_are_read_when_no_worker_tags_the_old_log_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tweetream.kafka.required.BRIEF", -1.0)
    watched = RequiredTopics()
    watched.declare([TopicSpec(POSTS, 2)], [POSTS])
    lacking, read = {POSTS}, asyncio.Event()
    producer: Any = SimpleNamespace(is_missing=lacking.__contains__, is_leaderless=lambda topic: False)

    async def known(kafka: Connection, partitions: int) -> dict[str, None]:
        read.set()
        return {"x:1": None}

    monkeypatch.setattr(module, "known_ids", known)
    monkeypatch.setattr(module, "required", lambda: watched)
    monkeypatch.setattr(module, "PAUSE", 0.01)
    watched.look(producer, 7, lambda topic: False)
    takeover = TakeoverState(2, {URL: "newer"}, {}, {}, (0, 0))
    recalled = asyncio.create_task(recall(KAFKA, takeover, {URL: Settled(1, 9, "settled")}, 2))
    lacking.clear()
    watched.look(producer, 7, lambda topic: False)  # it is there again, and the group has not rebalanced
    await asyncio.sleep(0.1)
    assert not read.is_set()
    watched.look(producer, 8, lambda topic: False)
    await asyncio.wait_for(recalled, 5)
    assert takeover.ids == {"x:1": None} and takeover.positions == {URL: "settled"}
