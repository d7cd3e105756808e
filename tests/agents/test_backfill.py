"""Backfills: live posts wait, none of them is a stored one again, and only the end of this very backfill counts."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from support.kafka.feed_writer import Writer
from support.topics import give_topics

from tweetream.agents import backfill as module
from tweetream.agents import catch_up, classification, stored, streamer
from tweetream.agents.backfill import NO_ARCHIVE, Filling
from tweetream.agents.model import Predicted
from tweetream.agents.waiting import WaitingFeeds
from tweetream.app import app, settings
from tweetream.archive.errors import ArchiveUnavailable, BadArchive
from tweetream.archive.rows import BITS
from tweetream.feeds.record import Stamps
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.readers import Readers
from tweetream.models import codec
from tweetream.models.backfill import ARCHIVED, Backfill, archived_stamp
from tweetream.models.command import Command
from tweetream.models.counts import CountRecord
from tweetream.models.feed import FeedName
from tweetream.models.post import Post, TaggedBatch, TaggedPost
from tweetream.models.topic import Topic
from tweetream.models.waiting import Waiting
from tweetream.topology import FEED_PREFIX, now_ms, services, topics_table

CREATED, UNTIL = 1_000_000, 1_002_000  # ms
FEED = f"{FEED_PREFIX}{FeedName('macet', CREATED)}"
RUNNING = Backfill(3600, 7, 0, UNTIL)
TOPIC = Topic("macet", ("macet",), CREATED, CREATED, FEED, 7, backfill=RUNNING)


def yes() -> bool:
    return True


def yes_to(feed: str) -> bool:
    return True


@pytest.fixture
async def readers(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Readers]:
    found = Readers(writer.kafka)
    monkeypatch.setattr(stored, "readers", lambda: found)
    yield found
    await found.stop()


async def write(writer: Writer, *received: int) -> None:
    """Stored posts that were received at these times, each with its time as its id."""
    for number, at in enumerate(received):
        origin = archived_stamp(at << BITS, number).pack()
        value = b'{"id":"x:%d","received_at":"-"}' % at
        await writer.raw(value, [("label", b"traffic"), ("score", b"0.5"), ("origin", origin)])


def batch(feed: str, *received: int) -> TaggedBatch:
    posts = [Post(f"x:{at}", "x", "macet", at, at) for at in received]
    return TaggedBatch(1, 1, 8, [feed], [TaggedPost(index, post, "macet", (0,)) for index, post in enumerate(posts)])


async def test_a_live_post_that_is_stored_too_is_left_out_and_no_other(
    writer: Writer, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(writer, *range(UNTIL - 3000, UNTIL - 1, 2))
    done = msgspec.structs.replace(RUNNING, state="done", posts=1500, end=1500)
    topic = msgspec.structs.replace(TOPIC, kafka_topic=writer.topic, backfill=done)
    ids = stored.StoredIds()
    monkeypatch.setattr(stored, "stored_ids", lambda: ids)
    monkeypatch.setattr(stored, "is_live", lambda feed: True)
    give_topics(monkeypatch, {"macet": topic})
    found = await stored.without_stored(batch(writer.topic, UNTIL - 11, UNTIL - 10, UNTIL, UNTIL + 1), yes)
    assert [bool(post.feeds) for post in found.posts] == [True, False, True, True]
    earlier = await stored.without_stored(batch(writer.topic, UNTIL - 2999, UNTIL - 3000), yes)
    assert [bool(post.feeds) for post in earlier.posts] == [True, False], "further back than was read before"
    later = batch(writer.topic, UNTIL, UNTIL + 5)
    assert await stored.without_stored(later, yes) is later, "nothing is read for these"


@pytest.mark.parametrize("order", [1, -1])
async def test_a_backfill_that_ends_meanwhile_is_looked_at_too(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    done = msgspec.structs.replace(TOPIC, backfill=msgspec.structs.replace(RUNNING, state="done", posts=9, end=9))
    other = f"{FEED_PREFIX}{FeedName('semua', CREATED)}"
    topics = {"macet": done, "semua": msgspec.structs.replace(TOPIC, name="semua", kafka_topic=other)}

    async def of(topic: Topic, *_: Any) -> set[str]:
        topics["semua"] = msgspec.structs.replace(topics["semua"], backfill=done.backfill)
        return {f"x:{UNTIL - 10}"}

    give_topics(monkeypatch, topics)
    monkeypatch.setattr(stored, "stored_ids", lambda: SimpleNamespace(of=of))
    monkeypatch.setattr(stored, "can_be_read", yes_to)
    given = batch(FEED, UNTIL - 10, UNTIL - 9)
    given.feeds = [FEED, other][::order]
    given.posts = [msgspec.structs.replace(post, feeds=(0, 1)) for post in given.posts]
    assert [post.feeds for post in (await stored.without_stored(given, yes)).posts] == [(), (0, 1)]


@pytest.mark.parametrize("leaderless", [False, True])
async def test_a_feed_that_was_deleted_or_cannot_be_read_holds_no_other(
    leaderless: bool, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = msgspec.structs.replace(RUNNING, state="done", posts=9, end=9)
    topic = msgspec.structs.replace(TOPIC, backfill=done, deleted_at=0 if leaderless else 1)
    give_topics(monkeypatch, {"macet": topic})
    monkeypatch.setattr(services.producer, "is_leaderless", lambda feed: leaderless)
    given = batch(FEED, UNTIL - 10)
    async with asyncio.timeout(3):
        assert await stored.without_stored(given, yes) is given
        assert await stored.StoredIds().of(topic, UNTIL - 10, yes) == set()


def test_a_deleted_topic_is_filled_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {"macet": TOPIC}
    monkeypatch.setattr(module, "owns_commands", yes)
    monkeypatch.setattr(app, "is_flowing", yes)
    give_topics(monkeypatch, entries)
    filling = Filling(TOPIC, RUNNING, SimpleNamespace())  # type: ignore[arg-type]
    assert filling.topic() is TOPIC
    entries["macet"] = msgspec.structs.replace(TOPIC, deleted_at=1)
    assert filling.topic() is None and not entries["macet"].is_filling


async def test_the_last_stamp_says_where_to_go_on(writer: Writer, readers: Readers) -> None:
    stamps, end = await stored.stamps_in(writer.topic)
    assert (stamps.highest(ARCHIVED), end) == (None, 0)
    await write(writer, 5, 6, 9)
    stamps, end = await stored.stamps_in(writer.topic)
    assert (stamps.highest(ARCHIVED), end) == (archived_stamp(9 << BITS, 2), 3)


class Noted(WaitingFeeds):
    """Backlogs; what Kafka was told of them."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Waiting] = []

    async def note(self, backlog: Any, still_assigned: Any) -> None:
        self.told.append(backlog.mark)


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch) -> Noted:
    found = Noted()
    for place in (classification, catch_up):
        monkeypatch.setattr(place, "waiting", lambda: found)
    return found


async def test_while_a_feed_fills_its_live_posts_wait_in_tagged(feeds: Noted, monkeypatch: pytest.MonkeyPatch) -> None:
    give_topics(monkeypatch, {"macet": TOPIC})
    for offset in (4, 5, 6):
        assert not await classification._feed(FEED, [], 0, offset, yes), "none is counted yet"
    assert feeds.told == [Waiting(0, FEED, 4, counted=False)] and feeds.is_behind(0, FEED)


async def test_what_waited_for_stored_posts_is_counted_once_and_only_if_it_is_no_stored_one(
    feeds: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A post that is stored and comes live too is in the feed once, and the backfill has counted it."""
    other, now = f"{FEED_PREFIX}{FeedName('semua', CREATED)}", now_ms()
    posts = [Post(f"x:{n}", "x", "macet", n, n) for n in range(3)]
    tagged = TaggedBatch(
        now, 1, 8, [FEED, other], [TaggedPost(n, posts[n], "macet", (0, 1) if n < 2 else (1,)) for n in range(3)]
    )
    sent: list[CountRecord] = []

    async def count(records: list[bytes], still_assigned: Any) -> None:
        sent.extend(codec.decode(record, CountRecord) for record in records)

    async def without_stored(given: TaggedBatch, *_: Any) -> TaggedBatch:
        left = [msgspec.structs.replace(post, feeds=()) if post.post.id == "x:0" else post for post in given.posts]
        return msgspec.structs.replace(given, posts=left)

    async def write(*_: Any, **__: Any) -> None:
        pass

    async def predict(texts: list[str]) -> Predicted:
        return ["traffic"] * len(texts), [0.5] * len(texts)

    for place in (classification, catch_up):
        monkeypatch.setattr(place, "count", count)
        monkeypatch.setattr(place, "write", write)
    monkeypatch.setattr(catch_up, "without_stored", without_stored)
    monkeypatch.setattr(catch_up, "model", lambda: SimpleNamespace(predict=predict))
    monkeypatch.setattr(classification, "is_live", yes_to)
    monkeypatch.setattr(classification, "is_filling", FEED.__eq__)
    records, counts = classification.classify(await predict([""] * 3), 0, tagged)
    await classification._send(records, codec.encode(counts), 0, 7, yes)
    assert [(record.index, list(record.counts)) for record in sent] == [(2, [other])]
    raw = SimpleNamespace(value=codec.encode(tagged), timestamp=now)
    await catch_up._records([raw], feeds._backlogs[0, FEED])
    assert len(sent) == 2 and sent[1].counts == {FEED: {0: {"traffic": 1}}}
    assert sent[1].sources == {FEED: {0: {"x": 1}}}
    assert sent[1].index == 2, "the stamp of the whole record, as where it comes again"


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (msgspec.structs.replace(RUNNING, state="done", posts=3), True),
        (msgspec.structs.replace(RUNNING, state="failed", reason="why"), True),
        (msgspec.structs.replace(RUNNING, state="done", command=6), False),  # of another backfill
        (msgspec.structs.replace(RUNNING, state="done", until=UNTIL + 1), False),
        (None, False),
    ],
)
def test_only_the_end_of_this_backfill_lets_live_posts_come(outcome: Backfill | None, counts: bool) -> None:
    told = Command("filled", "macet", generation=CREATED, outcome=outcome)
    assert streamer._is_filled(TOPIC, told) is counts
    assert not streamer._is_filled(TOPIC, msgspec.structs.replace(told, generation=CREATED + 1))
    assert not streamer._is_filled(msgspec.structs.replace(TOPIC, backfill=None), told)
    assert not streamer._is_filled(msgspec.structs.replace(TOPIC, deleted_at=1), told)


class Fails(Filling):
    """A backfill whose archive is as it is told."""

    error: Exception = BadArchive("")

    async def _fill(self) -> str:
        raise self.error


@pytest.mark.parametrize(
    "error", [BadArchive(NO_ARCHIVE), ArchiveUnavailable("sqlite:///posts.db: database is locked"), None]
)
async def test_an_archive_that_cannot_be_read_ends_the_backfill_with_a_line(
    error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Command] = []

    async def send(topic: str, partition: int, value: bytes, **_: Any) -> Any:
        sent.append(codec.decode(value, Command))
        return SimpleNamespace(offset=9)

    async def nothing(*_: Any) -> Any:
        return Stamps(), 0

    monkeypatch.setattr(services.producer, "send", send)
    monkeypatch.setattr(module, "stamps_in", nothing)
    monkeypatch.setattr(topics_table, "applied_within", nothing)
    monkeypatch.setattr(app, "rebalancing_count", 1)
    filling = (Fails if error else Filling)(TOPIC, RUNNING, SimpleNamespace())  # type: ignore[arg-type]
    if error:
        Fails.error = error
    await filling.run()  # without an error: this worker has no archive
    (told,) = sent
    assert told.outcome is not None and (told.action, told.outcome.state) == ("filled", "failed")
    assert told.outcome.reason == str(error or NO_ARCHIVE)


async def test_a_worker_that_lost_the_commands_writes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.archive, "get_secret_value", lambda: "sqlite:///x.db")
    monkeypatch.setattr(module, "owns_commands", lambda: False)
    give_topics(monkeypatch, {"macet": TOPIC})
    filling = Filling(TOPIC, RUNNING, SimpleNamespace())  # type: ignore[arg-type]
    with pytest.raises(Abandoned):
        await filling._look(UNTIL)


@pytest.mark.parametrize(
    ("lag", "seen_before", "told"),
    [(0, 0, ""), (7, 0, "the archiver is 7 records behind"), (0, 60_000, "the archiver is away")],
)
async def test_what_the_archive_lacks_is_told(
    lag: int, seen_before: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filling = Filling(TOPIC, RUNNING, SimpleNamespace())  # type: ignore[arg-type]

    async def read(work: Any) -> tuple[int, int]:
        return lag, now_ms() - seen_before

    monkeypatch.setattr(filling, "_read", read)
    monkeypatch.setattr(module, "ARCHIVER_TIMEOUT", 1.0)
    line = await filling._await_archiver(now_ms() - 30_000)
    assert line.startswith(told) and bool(line) == bool(told)


async def test_an_archive_that_does_not_answer_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(module, "archive_reader", lambda: SimpleNamespace(lag=ended.wait))
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    monkeypatch.setattr(Filling, "topic", lambda self: TOPIC)
    with ThreadPoolExecutor(1) as threads:
        try:
            with pytest.raises(ArchiveUnavailable, match="does not answer"):
                await Filling(TOPIC, RUNNING, threads)._read(module.archive_reader().lag)
        finally:
            ended.set()
