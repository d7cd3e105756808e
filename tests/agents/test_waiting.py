"""A feed that Kafka cannot write is passed over, gets the posts it lacks in their order, and only then new ones."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from support.records import post_record
from support.tables import FakeProducer

from tweetream.agents import catch_up, classification
from tweetream.agents import waiting as module
from tweetream.agents.model import Predicted
from tweetream.agents.waiting import Backlog, WaitingFeeds
from tweetream.kafka.producer import Abandoned, RecordRejected
from tweetream.kafka.write_watch import Unwritable
from tweetream.models import codec
from tweetream.models.counts import CountRecord
from tweetream.models.feed import Stamp
from tweetream.models.post import Post, TaggedBatch, TaggedPost
from tweetream.models.waiting import Waiting
from tweetream.topology import FEED_PREFIX, TAGGED, now_ms, services

FEED, OTHER = f"{FEED_PREFIX}macet-1", f"{FEED_PREFIX}banjir-1"


def yes() -> bool:
    return True


class Producer(FakeProducer):
    """Keeps what each feed gets; the feeds in `broken` cannot be written."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[str] = set()
        self.fed: list[tuple[str, bytes]] = []

    async def send_all(self, topic: str, partition: int, records: Any, **options: Any) -> list[int]:  # type: ignore[override]
        async with self.queue(topic, partition).turn():
            if not options["still_assigned"]():
                raise Abandoned
            if topic in self.broken:
                raise Unwritable(topic)
            self.fed += [(topic, value) for value, _ in records]
        return []


class Written:
    """Knows of no feed what it has."""

    async def unwritten(self, feed: str, records: Any, *_: object, **__: object) -> Any:
        return records

    def add(self, feed: str, records: Any) -> None:
        pass


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> Producer:
    found = Producer()
    monkeypatch.setattr(services, "producer", found)
    return found


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch) -> WaitingFeeds:
    found = WaitingFeeds()
    monkeypatch.setattr(classification, "waiting", lambda: found)
    monkeypatch.setattr(classification, "is_live", lambda feed: True)
    monkeypatch.setattr(classification, "written", Written)
    return found


async def feed(*offsets: int) -> None:
    """Deliver these records of tagged, each to both feeds, one begun after the other."""
    sends = [
        classification._feed(feed, [post_record(Stamp(0, 1, offset, 0), b"%d" % offset)], 0, offset, yes)
        for offset in offsets
        for feed in (FEED, OTHER)
    ]
    await asyncio.gather(*sends)


def fed(producer: Producer, feed: str) -> list[bytes]:
    return [value for name, value in producer.fed if name == feed]


async def test_a_feed_that_cannot_be_written_is_passed_over_and_the_other_gets_everything(
    producer: Producer, feeds: WaitingFeeds
) -> None:
    producer.broken = {FEED}
    await feed(7, 8, 9)
    assert fed(producer, OTHER) == [b"7", b"8", b"9"] and fed(producer, FEED) == []
    mark = Waiting(0, FEED, 7)
    assert producer.log == [(mark.key, codec.encode(mark))], "one record, however much waits"
    producer.broken.clear()
    await feed(10)
    assert fed(producer, FEED) == [], "not before what it lacks"
    assert feeds._backlogs[0, FEED] == Backlog(0, FEED, 7, 11)


async def test_new_records_wait_until_the_end_of_the_backlog_is_in_kafka(
    producer: Producer, feeds: WaitingFeeds
) -> None:
    producer.broken = {FEED}
    await feed(7)
    producer.broken.clear()
    backlog = feeds._backlogs[0, FEED]
    assert not await feeds.end(backlog, yes), "it still lacks a record"
    backlog.start = 8
    producer.free.clear()
    ending = asyncio.create_task(feeds.end(backlog, yes))
    await asyncio.sleep(0)
    new = asyncio.create_task(feed(8, 9))
    for _ in range(5):
        await asyncio.sleep(0)
    assert fed(producer, FEED) == [] and fed(producer, OTHER) == [b"7", b"8", b"9"]
    producer.free.set()
    assert await ending
    await new
    assert fed(producer, FEED) == [b"8", b"9"]
    assert producer.log[-1] == (Waiting(0, FEED, 7).key, None)


async def test_an_event_that_a_rebalance_took_away_notes_nothing(producer: Producer, feeds: WaitingFeeds) -> None:
    with pytest.raises(Abandoned):
        await classification._feed(FEED, [post_record(Stamp(0, 1, 7, 0))], 0, 7, lambda: False)
    assert producer.log == [] and feeds._backlogs == {}


async def test_a_late_failure_of_the_last_assignment_lets_no_new_record_pass(
    producer: Producer, feeds: WaitingFeeds
) -> None:
    """A send that began before a rebalance fails after it: Kafka never gets its place, so nothing may rely on that."""
    feeds.begin(0, FEED, 7, lambda: False).close()  # type: ignore[attr-defined]
    assert not feeds.is_behind(0, FEED) and not feeds.pass_over(0, FEED, 8)
    await feeds.begin(0, FEED, 6, yes)
    feeds.begin(0, FEED, 9, lambda: False).close()  # type: ignore[attr-defined]
    assert [(backlog.start, backlog.until) for backlog in feeds._backlogs.values()] == [(6, 7)]


async def test_after_a_rebalance_the_backlogs_of_kafka_count(
    producer: Producer, feeds: WaitingFeeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, old = Waiting(1, FEED, 40), Waiting(0, OTHER, 3)
    records = [(b"0/junk", b"junk"), (good.key, codec.encode(good)), (old.key, codec.encode(old)), (old.key, None)]
    app = SimpleNamespace(
        consumer_generation_id=5,
        is_flowing=yes,
        consumer=SimpleNamespace(next_offset=lambda topic, partition: {(TAGGED, 1): 60}.get((topic, partition))),
    )
    reads = []

    async def last_records(*_: Any) -> list[Any]:
        reads.append(1)
        return [SimpleNamespace(key=key, value=value) for key, value in records]

    monkeypatch.setattr(module, "app", app)
    monkeypatch.setattr(module, "last_records", last_records)
    feeds._backlogs[2, FEED] = Backlog(2, FEED, 1, 2)
    await feeds.read(yes)
    await feeds.read(yes)
    assert len(reads) == 1 and feeds.is_current()
    assert feeds.mine() == [Backlog(1, FEED, 40, 60)], "what was passed over before is known to the next offset"
    app.consumer_generation_id = 6
    assert not feeds.is_current()
    with pytest.raises(Abandoned):
        await feeds.read(lambda: False)


def test_only_the_posts_of_the_feed_are_written_again() -> None:
    post = Post("x:1", "x", "macet", 1, 1)
    posts = [TaggedPost(4, post, "macet", (0, 1)), TaggedPost(5, post, "banjir", (0,)), TaggedPost(6, post, "m", (1,))]
    found = catch_up.of_feed(TaggedBatch(9, 3, 2, [OTHER, FEED], posts), FEED)
    assert (found.epoch, found.sequence, found.feeds) == (9, 3, [FEED])
    assert [(post.index, post.feeds) for post in found.posts] == [(4, (0,)), (6, (0,))], "each keeps its stamp"


async def test_what_waited_is_written_together_in_order_and_what_was_tagged_again_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = now_ms()

    def record(sequence: int, *indices: int, feed: str = FEED) -> Any:
        posts = [TaggedPost(index, Post(f"x:{index}", "x", "macet", 1, 1), "macet", (0,)) for index in indices]
        return SimpleNamespace(value=codec.encode(TaggedBatch(now, sequence, 2, [feed], posts)), timestamp=now)

    written: list[list[Stamp]] = []

    async def write(feed: str, records: Any, *_: object, lacking: bool) -> None:
        assert feed == FEED and lacking
        written.append([Stamp.unpack(record.origin) for record in records])

    async def predict(texts: list[str]) -> Predicted:
        return ["traffic"] * len(texts), [0.5] * len(texts)

    monkeypatch.setattr(catch_up, "write", write)
    monkeypatch.setattr(catch_up, "model", lambda: SimpleNamespace(predict=predict))
    monkeypatch.setattr(classification, "is_live", lambda feed: True)
    junk = SimpleNamespace(value=b"junk", timestamp=now)
    raws = [record(1, 0, 1), record(1, 2), junk, record(2, 0, feed=OTHER), record(1, 0, 1), record(3, 5)]
    await catch_up._records(raws, Backlog(0, FEED, 7, 20))
    assert written == [[Stamp(0, now, *rest) for rest in ((1, 0), (1, 1), (1, 2), (3, 5))]]


COUNTS_OF = codec.encode(CountRecord(0, 1, 1, 0, {FEED: {}}))


async def test_posts_are_counted_when_their_feed_has_them_or_is_known_to_lack_them(
    producer: Producer, feeds: WaitingFeeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was counted is not written again to a feed that was deleted."""
    order: list[str] = []

    async def count(*_: object) -> None:
        order.append("counted")

    async def feed(name: str, *_: object) -> bool:
        await asyncio.sleep(0)
        order.append(name)
        if error := failing.get(name):
            raise error
        return True

    failing: dict[str, Exception] = {}
    monkeypatch.setattr(classification, "count", count)
    monkeypatch.setattr(classification, "_feed", feed)
    records: Any = {FEED: [], OTHER: []}
    await classification._send(records, COUNTS_OF, 0, 7, yes)
    assert order == [FEED, OTHER, "counted"]
    failing[FEED] = RecordRejected()
    with pytest.raises(RecordRejected):
        await classification._send(records, COUNTS_OF, 0, 7, yes)
    assert order[-1] == "counted", "the others have it, and it does not come again"
    failing[OTHER] = Abandoned()
    with pytest.raises(Abandoned):
        await classification._send(records, COUNTS_OF, 0, 7, yes)
    assert order[-1] == OTHER, "it comes again"


async def test_posts_that_no_feed_has_yet_are_not_counted_and_those_of_the_others_are(
    producer: Producer, feeds: WaitingFeeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[CountRecord] = []
    waits = {FEED, OTHER}

    async def count(records: list[bytes], *_: object) -> None:
        counted.extend(codec.decode(record, CountRecord) for record in records)

    async def feed(name: str, *_: object) -> bool:
        return name not in waits

    monkeypatch.setattr(classification, "count", count)
    monkeypatch.setattr(classification, "_feed", feed)
    one = {1: {"k" * 200: 1}}  # as long as a label may be
    counts = CountRecord(0, 1, 1, 0, {FEED: one, OTHER: one}, {FEED: one, OTHER: one})
    both: Any = {FEED: [], OTHER: []}
    await classification._send(both, codec.encode(counts), 0, 7, yes)
    assert counted == []
    waits.remove(OTHER)
    await classification._send(both, codec.encode(counts), 0, 7, yes)
    assert [(record.counts, record.sources) for record in counted] == [({OTHER: one}, {OTHER: one})]


async def test_the_posts_of_a_partition_are_counted_in_order_whichever_feed_is_slow(
    producer: Producer, feeds: WaitingFeeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts skip a stamp that is not above the last one."""
    counted: list[int] = []
    slow = asyncio.Event()

    async def count(records: list[bytes], *_: object) -> None:
        counted.extend(codec.decode(record, CountRecord).sequence for record in records)

    def send(feeds: Any, partition: int, sequence: int, offset: int) -> Any:
        counts = codec.encode(CountRecord(partition, 1, sequence, 0, {}))
        return classification._send(feeds, counts, partition, offset, yes)

    async def feed(name: str, *_: object) -> bool:
        if name == FEED:
            await slow.wait()
        return True

    monkeypatch.setattr(classification, "count", count)
    monkeypatch.setattr(classification, "_feed", feed)
    both: Any = {FEED: [], OTHER: []}
    first = asyncio.create_task(send(both, 0, 1, 7))
    second = asyncio.create_task(send({OTHER: []}, 0, 2, 8))
    await send({OTHER: []}, 1, 3, 7)
    slow.set()
    await asyncio.gather(first, second)
    assert counted == [3, 1, 2]
