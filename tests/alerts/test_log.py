"""The alerts topic: one worker writes at a time, and what a replaced one writes changes nothing."""

import pytest
from support.alerts_topic import AlertsTopic

from tweetream.alerts.log import Replaced
from tweetream.kafka.compacted import CompactedRecord
from tweetream.models import codec
from tweetream.models.alert import Alert, AlertState

NOW = 1_480_000_000_000
FEED = "t-feed-macet-1"
FIRST, SECOND = Alert("a:1", b"{}", NOW), Alert("a:2", b"{}", NOW)


@pytest.fixture
def topic() -> AlertsTopic:
    return AlertsTopic()


async def test_what_one_worker_wrote_the_next_one_knows(topic: AlertsTopic) -> None:
    first, second = topic.worker(), topic.worker()
    epoch = await first.begin(NOW)
    await first.put(FEED, AlertState(epoch, "r", 5, 0, FIRST))
    assert not second.is_done(FEED)
    assert await second.begin(NOW) == epoch + 1, "its clock is the same"
    assert second.states[FEED].alert == FIRST
    await second.finish(FEED, FIRST.id)
    assert topic.worker().is_done(FEED)


async def test_a_worker_that_was_replaced_learns_it_before_it_sends(topic: AlertsTopic) -> None:
    first, second = topic.worker(), topic.worker()
    old = await first.begin(NOW)
    topic.readers.remove(first)  # it is frozen
    new = await second.begin(NOW)
    await second.put(FEED, AlertState(new, "r", 5, 0, FIRST))
    topic.readers.append(first)
    first.take(topic.records[1:])
    with pytest.raises(Replaced):
        await first.put(FEED, AlertState(old, "r", 9, 0, SECOND))
    assert second.states[FEED].alert == FIRST
    await second.restore()
    assert topic.worker().states[FEED].alert == FIRST, "compaction keeps the last record alone"


async def test_what_a_replaced_worker_has_delivered_counts(topic: AlertsTopic) -> None:
    first, second = topic.worker(), topic.worker()
    await first.put(FEED, AlertState(await first.begin(NOW), "r", 5, 0, FIRST))
    await second.begin(NOW)
    await first.finish(FEED, FIRST.id)
    assert second.is_done(FEED)


async def test_a_feed_without_a_rule_leaves_nothing_behind(topic: AlertsTopic) -> None:
    log = topic.worker()
    await log.put(FEED, AlertState(await log.begin(NOW), "r", 5, 0, FIRST))
    await log.finish(FEED, FIRST.id)
    await log.forget(FEED)
    assert topic.worker().states == {} and topic.worker().is_done(FEED)


async def test_a_worker_that_was_replaced_deletes_no_state(topic: AlertsTopic) -> None:
    """Its topics table is as old as its sleep, and may lack the rule."""
    first, second = topic.worker(), topic.worker()
    await first.begin(NOW)
    await second.put(FEED, AlertState(await second.begin(NOW), "r", 5, 0, FIRST))
    with pytest.raises(Replaced):
        await first.forget(FEED)
    await second.restore()
    assert second.states[FEED].alert == topic.worker().states[FEED].alert == FIRST


async def test_a_write_that_does_not_come_back_is_no_write(topic: AlertsTopic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tweetream.alerts.log.ECHO_TIMEOUT", 0.02)
    log = topic.worker()
    topic.readers.clear()
    with pytest.raises(TimeoutError):
        await log.begin(NOW)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"epoch", codec.encode(NOW + 10 * 86_400_000)),
        (b"epoch", b"junk"),
        (b"epoch", None),
        (b"state/" + FEED.encode(), b"\x01junk"),
        (b"state/" + FEED.encode(), codec.encode(AlertState(NOW + 10 * 86_400_000))),
        (b"state/\xff", codec.encode(AlertState(1))),
        (b"done/" + FEED.encode(), b""),
        (b"other", b""),
    ],
)
async def test_a_forged_record_changes_nothing(topic: AlertsTopic, key: bytes, value: bytes | None) -> None:
    """Against a record that keeps every worker from writing, or ends one."""
    log = topic.worker()
    log.take([CompactedRecord(key, value, NOW)])
    assert log.states == {} and await log.begin(NOW) == NOW


async def test_the_newest_version_stops_the_worker(topic: AlertsTopic) -> None:
    with pytest.raises(codec.TooNew):
        topic.worker().take([CompactedRecord(b"epoch", b"\x02x", NOW)])
