"""What follows Kafka all the time goes on when this machine lacks files or memory for a while. No Kafka here."""

import asyncio
from typing import Any

import pytest

from tweetream.feeds.hub import Hub
from tweetream.kafka import compacted
from tweetream.kafka.compacted import CompactedReader
from tweetream.kafka.connection import Connection

LACKING = [MemoryError, lambda: OSError(24, "Too many open files")]


class Consumer:
    """Starts at the third attempt; its stop fails too."""

    lacking: list[Any]
    started: asyncio.Event

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    async def start(self) -> None:
        if self.lacking:
            raise self.lacking.pop()()
        self.started.set()
        await asyncio.Event().wait()

    async def stop(self) -> None:
        raise OSError(24, "Too many open files")


@pytest.mark.parametrize("follower", ["hub", "compacted"])
async def test_a_follower_tries_again(follower: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Consumer, "lacking", list(LACKING), raising=False)
    monkeypatch.setattr(Consumer, "started", asyncio.Event(), raising=False)
    monkeypatch.setattr("tweetream.feeds.hub.TRY_AGAIN", 0)
    monkeypatch.setattr("tweetream.feeds.hub.SessionConsumer", Consumer)
    monkeypatch.setattr(compacted, "PAUSE", 0)
    monkeypatch.setattr(compacted, "AIOKafkaConsumer", Consumer)
    monkeypatch.setattr(compacted, "rebootstrapping", lambda consumer: consumer)
    service: Hub | CompactedReader = (Hub if follower == "hub" else CompactedReader)(Connection(["127.0.0.1:1"]))
    await service.start()
    async with asyncio.timeout(5):
        await Consumer.started.wait()
    await service.stop()
