"""A send to a topic that Kafka cannot write ends. While Kafka does not answer, none ends, since nothing is known."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from tweetream.kafka import write_watch
from tweetream.kafka.write_watch import Unwritable, WriteWatch


class Client:
    """A Kafka client whose metadata the test sets: the leaders of each topic."""

    def __init__(self, **leaders: list[int]) -> None:
        self.listeners: list[Callable[[Any], None]] = []
        self.leaders = leaders
        self.cluster = self
        self.answers = True
        self._metadata_max_age_ms = 5_000

    @property
    def leaders(self) -> dict[str, list[int]]:
        return self._leaders

    @leaders.setter
    def leaders(self, leaders: dict[str, list[int]]) -> None:
        self._leaders = leaders
        for listener in self.listeners:
            listener(self)

    def add_listener(self, listener: Callable[[Any], None]) -> None:
        self.listeners.append(listener)

    def set_topics(self, topics: list[str]) -> None:
        pass

    async def force_metadata_update(self) -> bool:
        if self.answers:
            self.leaders = self.leaders
        return self.answers

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(len(self.leaders[topic]))) if topic in self.leaders else None

    def leader_for_partition(self, tp: TopicPartition) -> int:
        return self.leaders[tp.topic][tp.partition]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_watch, "TICK", 0.001)
    monkeypatch.setattr(write_watch, "PATIENCE", 0.01)
    monkeypatch.setattr(write_watch, "STUCK", 0.02)


def watching(client: Any, *topics: str) -> WriteWatch:
    watch = WriteWatch(client)
    watch.follow(topics)
    watch.start()
    return watch


async def send(watch: WriteWatch, topic: str, seconds: float = 5.0, *, probe: bool = False) -> None:
    with watch.limit(topic, probe=probe):
        await asyncio.sleep(seconds)


@pytest.mark.parametrize("leaders", [{}, {"a": [-1]}, {"a": [1, -1]}])
async def test_a_send_to_a_topic_that_is_gone_or_leaderless_ends(leaders: dict[str, list[int]]) -> None:
    client = Client(**leaders)
    watch = watching(client, "a")
    with pytest.raises(Unwritable):
        await send(watch, "a")
    assert watch.is_leaderless("a") and watch.unwritable() == ["a"] and watch.is_missing("a") == (not leaders)
    with pytest.raises(Unwritable):
        await send(watch, "a", 0)  # at once, while it is so
    client.leaders = {"a": [1]}
    while watch.is_unwritable("a"):
        await asyncio.sleep(0)
    await send(watch, "a", 0)
    watch.stop()


async def test_a_topic_is_missing_only_after_a_while_however_long_it_had_no_leader_before() -> None:
    client = Client(a=[-1])
    watch = watching(client, "a")
    while not watch.is_leaderless("a"):
        await asyncio.sleep(0)
    watch.stop()
    client.leaders = {}
    watch._note_leaders(True)
    assert watch.is_leaderless("a") and not watch.is_missing("a"), "a broker that has just come back may not know it"
    await asyncio.sleep(0.01)
    watch._note_leaders(True)
    assert watch.is_missing("a")


async def test_what_kafka_has_not_answered_about_is_not_missing_however_long_it_is_away() -> None:
    """Stops a worker that takes all its Kafka topics for deleted, since Kafka went away while it started."""
    client = Client()
    client.answers = False
    watch = watching(client, "a")
    await asyncio.sleep(0.05)
    client.leaders = {}  # a broker at another address tells where it is, and of no topic
    await asyncio.sleep(0.05)
    assert not watch.is_leaderless("a") and not watch.is_missing("a")
    client.answers = True
    while not watch._leaderless:
        await asyncio.sleep(0)
    assert not watch.is_missing("a"), "it may have begun just now"
    client.answers = False
    await asyncio.sleep(0.05)
    assert not watch.is_missing("a"), "nor is the time without an answer counted"
    client.answers = True
    while not watch.is_missing("a"):
        await asyncio.sleep(0)
    client.leaders = {"a": [1]}
    while watch.is_missing("a"):
        await asyncio.sleep(0)
    watch.stop()


async def test_metadata_of_thousands_of_topics_is_asked_for_less_often() -> None:
    client = Client()
    watch = WriteWatch(client)  # type: ignore[arg-type]
    for count, age in ((10, 5_000), (5_000, 15_000), (1_000, 5_000)):
        watch.follow([f"t{number}" for number in range(count)])
        assert client._metadata_max_age_ms == age


async def test_leaders_are_looked_for_in_new_metadata_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops an idle worker that looks at thousands of topics twice a second."""
    client, looks = Client(a=[1], b=[1]), list[str]()
    partitions = client.partitions_for_topic

    def noting(topic: str) -> set[int] | None:
        looks.append(topic)
        return partitions(topic)

    monkeypatch.setattr(client, "partitions_for_topic", noting)
    watch = watching(client, "a")
    for count in (1, 2, 3):
        await asyncio.sleep(0.02)
        assert looks == count * ["a"]
        client.leaders = {"a": [count], "b": [1]}
    watch.follow(["b"])
    await asyncio.sleep(0.02)
    assert looks[-1] == "b" and len(looks) < 6
    watch.stop()


async def test_a_send_that_kafka_does_not_take_ends_and_a_probe_finds_out_when_it_does_again() -> None:
    watch = watching(Client(a=[1], b=[1]), "a", "b")
    with pytest.raises(Unwritable):
        await send(watch, "a")
    assert watch.is_unwritable("a") and not watch.is_leaderless("a") and not watch.is_unwritable("b")
    await send(watch, "b", 0)
    with pytest.raises(Unwritable):
        await send(watch, "a", 0)
    with pytest.raises(Unwritable):
        await send(watch, "a", probe=True)
    await send(watch, "a", 0, probe=True)
    await send(watch, "a", 0)
    watch.stop()


async def test_while_kafka_does_not_answer_no_send_ends() -> None:
    client = Client(a=[1])
    client.answers = False
    watch = watching(client, "a")
    await send(watch, "a", 0.1)
    assert not watch.is_unwritable("a")
    watch.stop()


async def test_an_error_of_the_send_itself_comes_through() -> None:
    watch = watching(Client(a=[1]), "a")
    with pytest.raises(ValueError, match="other"), watch.limit("a"):
        raise ValueError("other")
    watch.stop()
