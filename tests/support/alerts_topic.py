"""What alerts are made of without Kafka: the alerts topic with the workers that read it, and a feed."""

import asyncio
import json
from typing import Any

from tweetream.alerts.log import AlertLog
from tweetream.feeds.record import FeedRecord, Filter, Stamps
from tweetream.kafka.compacted import CompactedRecord
from tweetream.models.counts import Counts

NOW = 1_480_000_000_000


class AlertsTopic:
    """The alerts topic: every worker that is awake reads each record at once; `compacted` is what Kafka keeps."""

    def __init__(self) -> None:
        self.records: list[CompactedRecord] = []
        self.readers: list[AlertLog] = []
        self._killed: list[AlertLog] = []

    def worker(self) -> AlertLog:
        async def send(key: bytes, value: bytes | None) -> None:
            if log in self._killed:
                await asyncio.Event().wait()
            await self.send(key, value)

        log = AlertLog("t-alerts", send)
        log.take(self.compacted())
        self.readers.append(log)
        return log

    def kill(self, log: AlertLog) -> None:
        """From now on the worker of this log reads nothing, and nothing that it sends arrives."""
        self.readers.remove(log)
        self._killed.append(log)

    async def send(self, key: bytes, value: bytes | None) -> None:
        record = CompactedRecord(key, value, NOW)
        self.records.append(record)
        for reader in self.readers:
            reader.take([record])

    def compacted(self) -> list[CompactedRecord]:
        last = {record.key: number for number, record in enumerate(self.records)}
        return [record for number, record in enumerate(self.records) if last[record.key] == number]


class FakeFeed:
    """A feed, read as PastReader reads it; `looks` counts how often."""

    def __init__(self) -> None:
        self.records: list[FeedRecord] = []
        self.first, self.looks = 0, 0

    def add(self, label: str = "traffic", at: int = NOW, **fields: Any) -> None:
        post = {
            "id": f"x:{len(self.records)}",
            "author": "ayu",
            "text": "macet",
            "url": "https://a.example/1",
            **fields,
        }
        self.records.append(FeedRecord(len(self.records), json.dumps(post).encode(), label, 0.9, at))

    async def bounds(self, feed: str) -> tuple[int, int]:
        self.looks += 1
        return self.first, len(self.records)

    async def offset_of_time(self, feed: str, at: int) -> int | None:
        return next((record.offset for record in self.records if record.timestamp >= at), None)

    async def stamps_before(self, feed: str, offset: int) -> Stamps:
        return Stamps()

    async def fetch(self, feed: str, offset: int, stamps: Stamps, until: int) -> tuple[list[FeedRecord], int]:
        assert offset >= self.first
        return self.records[offset : min(until, offset + 1000)], min(until, offset + 1000)

    async def last(self, feed: str, number: int, post_filter: Filter) -> list[FeedRecord]:
        return [record for record in self.records if post_filter.passes(record)][-number:]

    def labels(self, feed: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for record in self.records:
            found[record.label] = found.get(record.label, 0) + 1
        return found

    def entry(self, feed: str) -> Counts:
        raise AssertionError("all counts are read only to find a surge")

    async def stop(self) -> None: ...
