"""What was counted of a feed is known also while the counts agent is behind."""

from types import SimpleNamespace
from typing import Any

import pytest

from tweetream.agents import counted as module
from tweetream.agents.counted import counted
from tweetream.models import codec
from tweetream.models.counts import CountRecord, Counts
from tweetream.models.feed import Stamp
from tweetream.topology import COUNTS, FEED_PREFIX, counts_table, now_ms, services

FEED, OTHER = f"{FEED_PREFIX}macet-1", f"{FEED_PREFIX}banjir-1"
NOW = now_ms()


async def test_the_last_records_of_counts_are_above_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        CountRecord(0, NOW, 1, 9, {FEED: {}}),
        CountRecord(1, NOW, 2, 9, {FEED: {}, OTHER: {}}),
        CountRecord(1, NOW, 3, 9, {OTHER: {}}),
        CountRecord(0, 2**60, 1, 9, {FEED: {}}),  # forged: it would hide all later posts
    ]
    values = [*map(codec.encode, records), b"junk"]

    async def last_records(kafka: object, topic: str, number: int) -> list[Any]:
        assert topic == COUNTS
        return [SimpleNamespace(value=value, timestamp=NOW) for value in values]

    missing: set[str] = set()
    monkeypatch.setattr(module, "last_records", last_records)
    monkeypatch.setattr(services.producer, "is_missing", missing.__contains__)
    monkeypatch.setattr(counts_table, "entry", lambda feed: Counts(stamps={0: (NOW, 1, 5), 2: (NOW, 7, 7)}))
    found = {stamp.partition: stamp for stamp in (await counted(FEED)).each()}
    assert found == {0: Stamp(0, NOW, 1, 9), 1: Stamp(1, NOW, 2, 9), 2: Stamp(2, NOW, 7, 7)}
    missing.add(COUNTS)
    assert (await counted(FEED)).highest(0) == Stamp(0, NOW, 1, 5)
