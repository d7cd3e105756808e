"""The records of an event go to its feeds without a task for each, and what ends one of them concerns no other."""

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from support.records import post_record
from support.tables import FakeProducer
from typing_extensions import override

from tweetream import metrics
from tweetream.agents import feed_writes as module
from tweetream.agents.feed_writes import FeedWrites
from tweetream.agents.waiting import Backlog, WaitingFeeds
from tweetream.feeds.record import Stamps
from tweetream.feeds.written import FeedEnd, KnownOfFeeds, Records, WrittenStamps
from tweetream.kafka.connection import Connection
from tweetream.kafka.producer import Abandoned, RecordRejected
from tweetream.kafka.send_queue import Send
from tweetream.kafka.write_watch import Unwritable
from tweetream.models.feed import Stamp
from tweetream.topology import FEED_PREFIX, services, topics_table

FEED, OTHER = f"{FEED_PREFIX}macet-1", f"{FEED_PREFIX}banjir-1"


class Producer(FakeProducer):
    """Keeps the sends that were begun, until `end` ends them in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[tuple[str, Send]] = []

    @override
    def begin_send(self, topic: str, partition: int, send: Send) -> None:
        self.begun.append((topic, send))

    def end(self, **errors: Exception) -> list[str]:
        """End all. Returns the feeds whose records were sent."""
        sent = []
        for topic, send in self.begun:
            error = errors.get("feed" if topic == FEED else "other")
            if error is None and not send.still_assigned():
                error = Abandoned()
            if error is None:
                sent.append(topic)
            send.ended(error)
        self.begun.clear()
        return sent


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> Producer:
    found = Producer()
    monkeypatch.setattr(services, "producer", found)
    return found


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch) -> WaitingFeeds:
    found = WaitingFeeds()
    monkeypatch.setattr(module, "waiting", lambda: found)
    monkeypatch.setattr(topics_table, "live_feeds", lambda: frozenset([FEED, OTHER]))
    return found


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> WrittenStamps:
    async def nothing(feed: str) -> Stamps:
        return Stamps()

    known = KnownOfFeeds(nothing, lambda feed: 0, lambda feed: True)
    found = WrittenStamps(Connection(["127.0.0.1:1"]), 4, 3600, known)
    monkeypatch.setattr(module, "written", lambda: found)
    monkeypatch.setattr(module, "app", SimpleNamespace(rebalancing_count=3))
    for feed in (FEED, OTHER):
        found._ends[feed] = FeedEnd(3, Stamps(), 0)
    return found


def records(*sequences: int) -> Records:
    return [post_record(Stamp(0, 9, sequence, 0)) for sequence in sequences]


def event(offset: int, *, assigned: bool = True) -> FeedWrites:
    return FeedWrites(0, offset, lambda: assigned)


async def test_what_a_feed_does_not_have_is_sent_and_then_known(
    producer: Producer, feeds: WaitingFeeds, written: WrittenStamps
) -> None:
    first = event(7)
    assert first.begin({FEED: records(1, 2), OTHER: records(2)}) == []
    assert producer.end() == [FEED, OTHER] and await first.ended() == []
    again = event(7)
    assert again.begin({FEED: records(1, 2)}) == [] == producer.begun, "it has them"
    assert again.begin({FEED: records(2, 3)}) == [] and len(producer.begun[0][1].records) == 1
    producer.end()
    assert await again.ended() == []


async def test_a_feed_whose_end_must_be_read_is_written_step_by_step_and_later_events_too(
    producer: Producer, feeds: WaitingFeeds, written: WrittenStamps
) -> None:
    written._ends[FEED].rebalance = 2
    first, second, third, steps = event(7), event(8), event(9), list[int]()

    async def write(number: int) -> None:
        steps.append(number)

    assert first.begin({FEED: records(1), OTHER: records(1)}) == [FEED]
    one = first.step_by_step(FEED, write(1))
    written._ends[FEED].rebalance = 3
    assert second.begin({FEED: records(2)}) == [FEED], "the first has not begun"
    two = second.step_by_step(FEED, write(2))
    await one
    assert third.begin({FEED: records(3)}) == [FEED], "the second has not begun"
    await two
    await third.step_by_step(FEED, write(3))
    assert steps == [1, 2, 3] and event(10).begin({FEED: records(4)}) == []
    written._asked[OTHER] += 1
    assert (last := event(11)).begin({OTHER: records(5)}) == [OTHER], "another call may read its end"
    await last.step_by_step(OTHER, write(5))


async def test_a_feed_that_cannot_be_written_has_a_backlog_before_the_next_is_sent(
    producer: Producer, feeds: WaitingFeeds, written: WrittenStamps
) -> None:
    first, second = event(7), event(8)
    for one, sequence in ((first, 1), (second, 2)):
        assert one.begin({FEED: records(sequence), OTHER: records(sequence)}) == []
    queued, producer.begun = producer.begun, []
    for topic, send in queued:
        producer.begun = [(topic, send)]
        producer.end(**({"feed": Unwritable(FEED)} if send.records == records(1) else {}))
    assert feeds._backlogs == {(0, FEED): Backlog(0, FEED, 7, 9)}
    assert await first.ended() == await second.ended() == [] and len(producer.log) == 1
    assert written.known_unwritten(OTHER, records(2), 3) == []
    assert (later := event(9)).begin({FEED: records(3)}) == [FEED], "not before what it lacks"
    await later.step_by_step(FEED, _nothing())


async def _nothing() -> None:
    pass


@pytest.mark.parametrize("error", [RecordRejected("no"), OSError(24, "files"), Abandoned("stopped")])
async def test_an_error_comes_to_the_event_when_all_its_feeds_have_ended(
    producer: Producer, feeds: WaitingFeeds, written: WrittenStamps, error: Exception
) -> None:
    one = event(7)
    assert one.begin({FEED: records(1), OTHER: records(1)}) == []
    assert producer.end(feed=error) == [OTHER]
    assert await one.ended() == [error]


async def test_posts_that_wait_for_stored_ones_are_not_counted_now(
    producer: Producer, feeds: WaitingFeeds, written: WrittenStamps
) -> None:
    one = event(7)
    assert one.begin({FEED: records(1), OTHER: records(1)}) == []
    feeds._backlogs[0, FEED] = Backlog(0, FEED, 6, 7, counted=False)  # begun after the records were put into the queue
    assert producer.end() == [OTHER] and await one.ended() == []
    assert one.uncounted == [FEED] and feeds._backlogs[0, FEED].until == 8


async def test_an_event_that_a_rebalance_took_away_begins_nothing(
    producer: Producer, feeds: WaitingFeeds, written: WrittenStamps
) -> None:
    gone = event(7, assigned=False)
    assert gone.begin({FEED: records(1)}) == [FEED] and producer.begun == []
    await gone.step_by_step(FEED, _nothing())


async def test_the_posts_of_a_topic_that_is_deleted_meanwhile_are_dropped(
    producer: Producer, feeds: WaitingFeeds, written: WrittenStamps, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = event(7)
    assert one.begin({FEED: records(1)}) == []
    monkeypatch.setattr(topics_table, "live_feeds", frozenset)
    assert producer.end() == [] and await one.ended() == [] and FEED not in written._ends


async def test_records_that_are_too_large_become_dead_letters(
    producer: Producer, feeds: WaitingFeeds, written: WrittenStamps, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters: list[Any] = []

    async def dead_letter(*args: Any) -> None:
        letters.append(args)

    monkeypatch.setattr(module, "dead_letter", dead_letter)
    one = event(7)
    assert one.begin({FEED: records(1, 2)}) == []
    producer.begun[0][1].too_large = [1]
    producer.end()
    assert await one.ended() == [] and letters == [(FEED, b"{}", "2 bytes are too many for Kafka")]


async def test_a_bug_after_the_sending_comes_to_the_event_and_does_not_hold_it(
    producer: Producer, feeds: WaitingFeeds, written: WrittenStamps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(topic: str) -> Any:
        raise MemoryError

    one = event(7)
    assert one.begin({FEED: records(1), OTHER: records(1)}) == []
    monkeypatch.setattr(metrics, "fed", fail)
    producer.end()
    async with asyncio.timeout(5):
        assert [type(error) for error in await one.ended()] == [MemoryError, MemoryError]


async def test_a_send_is_limited_by_what_is_known_of_its_feed_when_it_begins(
    producer: Producer, feeds: WaitingFeeds, written: WrittenStamps, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: dict[str, Any] = {}
    monkeypatch.setattr(producer, "limit", limits.get)
    one = event(7)
    assert one.begin({FEED: records(1), OTHER: records(1)}) == []
    limits.update({FEED: nullcontext(), OTHER: nullcontext()})
    assert {topic: send.limit() for topic, send in producer.begun} == limits
