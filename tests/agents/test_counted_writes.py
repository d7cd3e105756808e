"""What a feed has is counted also when a rebalance comes meanwhile, and nothing is counted above what was not."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from tweetream.agents import classification
from tweetream.agents.order import InOrder
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.send_queue import Record, StillAssigned
from tweetream.models import codec
from tweetream.models.counts import CountRecord
from tweetream.topology import COUNTS, FEED_PREFIX, services

FEED, OTHER = f"{FEED_PREFIX}macet-1", f"{FEED_PREFIX}banjir-1"


class Worker:
    """Its feeds take records when they are `free`. `counted` has the offsets whose counts Kafka has."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.assigned = True
        self.free = {FEED: asyncio.Event(), OTHER: asyncio.Event()}
        self.counted: list[int] = []
        self.begun = 0  # writes to feeds
        order = InOrder()
        monkeypatch.setattr(classification, "counting_order", lambda: order)
        monkeypatch.setattr(classification, "FeedWrites", lambda *_: self)
        monkeypatch.setattr(classification, "_feed", self._feed)
        monkeypatch.setattr(services, "producer", SimpleNamespace(send_all=self._send_all))
        self.uncounted: list[str] = []

    def begin(self, records: Any) -> list[str]:
        return list(records)

    async def step_by_step(self, feed: str, write: Any) -> Any:
        return await write

    async def ended(self) -> list[BaseException]:
        return []

    async def _feed(self, feed: str, records: Any, partition: int, offset: int, still_assigned: StillAssigned) -> bool:
        """As the producer: what was on its way when the rebalance began is written; the rest is not."""
        if not still_assigned():
            raise Abandoned
        self.begun += 1
        await self.free[feed].wait()
        if feed == OTHER and not still_assigned():
            raise Abandoned
        return True

    async def _send_all(
        self, topic: str, partition: int, records: list[Record], *, still_assigned: StillAssigned
    ) -> list[int]:
        assert topic == COUNTS
        if not still_assigned():
            raise Abandoned
        self.counted += [codec.decode(value, CountRecord).sequence for value, _ in records]
        return []

    def deliver(self, offset: int, *feeds: str) -> asyncio.Task[None]:
        counts = CountRecord(0, 9, offset, 0, {feed: {1: {"traffic": 1}} for feed in feeds})
        return asyncio.create_task(
            classification._send({feed: [] for feed in feeds}, codec.encode(counts), 0, offset, lambda: self.assigned)
        )

    async def rebalance(self, begun: int) -> None:
        """A rebalance begins when so many writes have begun. Then those end."""
        while self.begun < begun:
            await asyncio.sleep(0)
        self.assigned = False
        for free in self.free.values():
            free.set()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    return Worker(monkeypatch)


async def outcomes(tasks: list[asyncio.Task[None]]) -> list[type | None]:
    found = await asyncio.gather(*tasks, return_exceptions=True)
    return [None if outcome is None else type(outcome) for outcome in found]


async def test_what_was_written_when_a_rebalance_began_is_counted(worker: Worker) -> None:
    """Else, if the log is lost before another worker has read it, all of that is shown a second time."""
    tasks = [worker.deliver(offset, FEED) for offset in (1, 2, 3)]
    await worker.rebalance(3)
    assert await outcomes(tasks) == [None, None, None]
    assert worker.counted == [1, 2, 3]


async def test_what_comes_after_posts_that_were_not_written_is_not_counted(worker: Worker) -> None:
    """Those posts come again after the rebalance. They would be taken for counted."""
    tasks = [worker.deliver(1, FEED), worker.deliver(2, FEED, OTHER), worker.deliver(3, FEED), worker.deliver(4, FEED)]
    await worker.rebalance(5)
    assert await outcomes(tasks) == [None, Abandoned, Abandoned, Abandoned]
    assert worker.counted == [1]
    worker.assigned = True
    assert await outcomes([worker.deliver(offset, FEED, OTHER) for offset in (2, 3, 4)]) == [None, None, None]
    assert worker.counted == [1, 2, 3, 4], "they come again"


async def test_what_begins_after_the_rebalance_is_not_counted_though_it_has_nothing_to_write(worker: Worker) -> None:
    """An event before it may have been given up before its delivery began."""
    await worker.rebalance(0)
    assert await outcomes([worker.deliver(2)]) == [Abandoned]
    assert worker.counted == []
