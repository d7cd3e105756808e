"""Counting: a record is acknowledged after its count is in Kafka, and counted once after any number of attempts."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from tweetream.agents import counting
from tweetream.kafka import retry
from tweetream.kafka.producer import RecordRejected
from tweetream.models import codec
from tweetream.models.counts import CountRecord
from tweetream.topology import counts_table, now_ms

FEED = "t-feed-counted-1"


class Event:
    def __init__(self, value: bytes) -> None:
        self.value = value
        self.message = SimpleNamespace(topic="t-counts", timestamp=0.0)
        self.acked = 0

    def ack(self) -> None:
        self.acked += 1


async def test_a_count_that_kafka_rejects_is_sent_again_and_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Exception | None] = [RecordRejected("no permission"), None]

    async def flush(*args: Any) -> None:
        if (error := answers.pop(0)) is not None:
            raise error

    monkeypatch.setattr(counting, "is_still_assigned", lambda event: True)
    monkeypatch.setattr(counts_table, "flush", flush)
    event = Event(codec.encode(CountRecord(0, 1, 1, 0, {FEED: {now_ms() // 60_000: {"traffic": 3}}})))
    pending = counting.PendingCounts()
    pending.append(event)  # type: ignore[arg-type]
    with pytest.raises(RecordRejected):
        await pending.write()
    assert event.acked == 0
    await pending.write()
    assert event.acked == 1 and counts_table.entry(FEED).labels == {"traffic": 3}


async def test_a_count_of_a_newer_version_stops_the_worker_and_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons: list[str] = []
    event = Event(bytes([codec.VERSION + 1]))

    async def events() -> AsyncIterator[Event]:
        yield event

    monkeypatch.setattr("tweetream.agents.counting.app.abort", reasons.append)
    agent: Any = counting.counting
    await agent.fun(SimpleNamespace(noack=lambda: SimpleNamespace(events=events)))
    assert len(reasons) == 1 and event.acked == 0


async def test_without_memory_a_count_is_taken_again_and_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking: list[BaseException] = [MemoryError(), OSError(24, "Too many open files")]
    record = CountRecord(0, now_ms(), 1, 0, {f"{FEED}-2": {now_ms() // 60_000: {"traffic": 3}}})
    dead: list[bytes] = []

    def decode(data: bytes, type_: type[CountRecord]) -> CountRecord:
        if lacking:
            raise lacking.pop()
        return decoded(data, type_)

    async def flush(*args: Any) -> None:
        return None

    decoded = codec.decode
    event = Event(codec.encode(record))
    event.message.timestamp = now_ms() / 1000

    async def events() -> AsyncIterator[Event]:
        yield event

    monkeypatch.setattr(retry, "PAUSE", 0)
    monkeypatch.setattr(counting, "is_still_assigned", lambda event: True)
    monkeypatch.setattr(counting, "dead_letter", dead.append)
    monkeypatch.setattr(counts_table, "flush", flush)
    agent: Any = counting.counting
    with monkeypatch.context() as patch:
        patch.setattr(codec, "decode", decode)
        await agent.fun(SimpleNamespace(noack=lambda: SimpleNamespace(events=events)))
    for name in ("add", "put"):
        with monkeypatch.context() as patch, pytest.raises(MemoryError):
            patch.setattr(counting, name, lambda *_: (_ for _ in ()).throw(MemoryError()))
            await counting.pending().write()
    with monkeypatch.context() as patch, pytest.raises(OSError):
        lacking.append(OSError(24, "Too many open files"))
        patch.setattr(codec, "decode", decode)
        await counting.pending().write()
    await counting.pending().write()
    assert (dead, event.acked, counts_table.entry(f"{FEED}-2").labels) == ([], 1, {"traffic": 3})


async def test_a_rebalance_while_counts_are_added_up_leaves_the_table_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table can be another worker's then, and the counts come again."""
    feed, given_up = f"{FEED}-3", list[Event]()
    pending, ours = counting.PendingCounts(), [True]
    for sequence in range(counting.SLICE + 1):
        record = CountRecord(0, 1, sequence, 0, {feed: {now_ms() // 60_000: {"traffic": 1}}})
        pending.append(Event(codec.encode(record)))  # type: ignore[arg-type]
    monkeypatch.setattr(counting, "is_still_assigned", lambda event: ours[0])
    monkeypatch.setattr(counting, "give_up", given_up.append)
    writing = asyncio.ensure_future(pending.write())
    await asyncio.sleep(0)
    ours[0] = False
    assert await writing == 0 and len(given_up) == counting.SLICE + 1 and not len(pending)
    assert counts_table.entry(feed).labels == {}


@pytest.mark.parametrize(
    ("feeds", "flowing", "pauses"),
    [(1, True, 1), (3 * counting.PER_SECOND, True, 3), (900, False, 1), (50_000, True, 10)],
)
async def test_many_changes_of_the_table_are_gathered_longer(
    feeds: int, flowing: bool, pauses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while a rebalance or the stop waits for them."""
    service, writes, slept = counting.Counting(), list[int](), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def flush(*args: Any) -> None:
        writes.append(len(slept))
        if len(writes) == 2:
            await service.stop()

    monkeypatch.setattr(counting, "is_still_assigned", lambda event: True)
    monkeypatch.setattr("tweetream.agents.counting.app.is_flowing", lambda: flowing)
    monkeypatch.setattr(counts_table, "flush", flush)
    monkeypatch.setattr(counts_table, "put", lambda feed, entry: None)
    monkeypatch.setattr(service, "sleep", sleep)
    of_feeds = {f"t-feed-{feeds}-{number}": {now_ms() // 60_000: {"traffic": 1}} for number in range(feeds)}
    counting.pending().append(Event(codec.encode(CountRecord(0, 1, 1, 0, of_feeds))))  # type: ignore[arg-type]
    await service._write(service)
    assert writes == [1, 1 + pauses] and set(slept) == {counting.GATHER}
