"""The sweep: a rebalance, or a Kafka that refuses, that comes while it works is no end of the worker."""

import inspect
from typing import Any

import pytest

from tweetream import cluster
from tweetream.agents import streamer
from tweetream.models.topic import Topic
from tweetream.outbox import GivenUp, Refused

sweep: Any = inspect.unwrap(streamer.sweep)  # without the timer


@pytest.mark.parametrize("error", [GivenUp("a rebalance"), Refused("no permission")])
async def test_a_tombstone_that_cannot_be_forgotten_now_ends_no_worker(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Topic("old", ["old"], 1, 1, "t-feed-old-1", 0, deleted_at=2)
    tried = []

    async def nothing(*args: Any) -> set[str]:
        return set()

    async def send(*args: Any, **kwargs: Any) -> None:
        tried.append(args)
        raise error

    monkeypatch.setattr(streamer, "owns_commands", lambda: True)
    monkeypatch.setattr(streamer, "flowing", lambda: True)
    monkeypatch.setattr(streamer.app, "rebalancing", False)
    monkeypatch.setattr(streamer.topics, "entries", lambda: [old])
    monkeypatch.setattr(cluster, "names", nothing)
    monkeypatch.setattr(cluster, "delete", nothing)
    monkeypatch.setattr(streamer.outbox, "send", send)
    await sweep()
    assert tried
