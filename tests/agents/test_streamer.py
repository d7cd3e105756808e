"""Commands and the sweep during a rebalance, and when Kafka rejects a record."""

import inspect
from typing import Any

import msgspec
import pytest

from tweetream.agents import streamer
from tweetream.kafka import admin
from tweetream.kafka.producer import Abandoned, RecordRejected
from tweetream.models.command import Command
from tweetream.models.topic import Topic
from tweetream.topology import topics_table

sweep: Any = inspect.unwrap(streamer.sweep)  # without the timer


@pytest.mark.parametrize("error", [Abandoned("a rebalance"), RecordRejected("no permission")])
async def test_a_tombstone_that_cannot_be_forgotten_now_does_not_end_the_worker(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Topic("old", ("old",), 1, 1, "t-feed-old-1", 0, deleted_at=2)
    tried = []

    async def nothing(*args: Any) -> set[str]:
        return set()

    async def send(*args: Any, **kwargs: Any) -> None:
        tried.append(args)
        raise error

    monkeypatch.setattr(streamer, "owns_commands", lambda: True)
    monkeypatch.setattr("tweetream.agents.streamer.app.is_flowing", lambda: True)
    monkeypatch.setattr("tweetream.agents.streamer.app.rebalancing", False)
    monkeypatch.setattr("tweetream.agents.streamer.topics_table.entries", lambda: [old])
    monkeypatch.setattr(admin, "names", nothing)
    monkeypatch.setattr(admin, "delete", nothing)
    monkeypatch.setattr("tweetream.agents.streamer.services.producer.send", send)
    await sweep()
    assert tried


async def test_a_topic_whose_feed_was_created_during_a_rebalance_is_left_to_the_next_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = [True]

    async def create(*args: Any) -> set[str]:
        owner.clear()
        return set()

    monkeypatch.setattr(admin, "create", create)
    with pytest.raises(Abandoned):
        await streamer._do(Command("add", "late", ("late",)), 7, 1, lambda: bool(owner))
    assert topics_table.entry("late") is None and topics_table.applied < 7


def test_only_so_many_tombstones_stay_the_newest() -> None:
    """Stops adding and deleting in a loop from filling the table of every worker for a day."""
    alive = [Topic(f"t{number}", ("x",), 1, 1, f"t-feed-t{number}-1", 0) for number in range(5)]
    dead = [msgspec.structs.replace(topic, name=f"d{topic.name}", deleted_at=9 - at) for at, topic in enumerate(alive)]
    assert streamer.surplus([*alive, *dead], 3) == {"dt3", "dt4"}
    assert streamer.surplus([*alive, *dead], 5) == streamer.surplus(alive, 1) == set()
