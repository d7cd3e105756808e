"""All posts of a feed, once, oldest first, within a time and a budget."""

import asyncio

import pytest
from support.kafka.feed_writer import Writer, numbers

from tweetream.feeds import whole
from tweetream.feeds.budget import PacedScan, ReadBudget
from tweetream.feeds.hub import Hub
from tweetream.feeds.record import Filter
from tweetream.feeds.whole import WholeQuery
from tweetream.kafka.embedded import EmbeddedBroker


async def test_every_post_comes_once_and_a_spent_budget_slows_it_down(
    embedded_broker: EmbeddedBroker, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(embedded_broker, f"{namespace}-feed-x-1")
    await writer.begin()
    hub = Hub(writer.kafka)
    assert [part async for part in whole.whole(hub.past, writer.topic, WholeQuery())] == []
    await writer.write(*range(1500))
    await writer.write(*range(1400, 2600))
    clock, slept = [0.0], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    own, of_all = ReadBudget(100, 1000, lambda: clock[0]), ReadBudget(10**6, 10**6, lambda: clock[0])
    scan = PacedScan(own, of_all, filtered=False)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    found = [record async for part in whole.whole(hub.past, writer.topic, WholeQuery(scan=scan)) for record in part]
    monkeypatch.undo()
    assert numbers(found) == list(range(2600)) and sum(slept) > 10
    odd = WholeQuery(post_filter=Filter("non_traffic"))
    assert numbers([record async for part in whole.whole(hub.past, writer.topic, odd) for record in part]) == list(
        range(1, 2600, 2)
    )
    later = WholeQuery(until=found[0].timestamp)
    assert [part async for part in whole.whole(hub.past, writer.topic, later)] == []
    await writer.producer.stop()
    await hub.past.stop()
