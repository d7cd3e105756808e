"""The Kafka topics of many new feeds are made in one call, each of them once, and none that is not needed."""

from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest
from support.topics import give_topics

from tweetream.agents import feed_creation, streamer
from tweetream.agents.feed_creation import FeedCreation
from tweetream.app import settings
from tweetream.kafka import admin
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.retry import Unavailable
from tweetream.models import codec
from tweetream.models.command import Command
from tweetream.models.topic import Topic
from tweetream.topology import feed_topic, topics_table

NOW = 1_480_000_000_000


class Kafka:
    """Keeps what each call makes; `errors` come first."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.errors: list[Exception] = []

    async def create(self, kafka: Any, specs: Any, replication: int) -> set[str]:
        self.calls.append([spec.name for spec in specs])
        if self.errors:
            raise self.errors.pop(0)
        return set()


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    found = Kafka()
    monkeypatch.setattr(admin, "create", found.create)
    monkeypatch.setattr(feed_creation, "PAUSE", 0)
    return found


def there(monkeypatch: pytest.MonkeyPatch, *topics: Topic) -> None:
    """The table has these."""
    give_topics(monkeypatch, {topic.name: topic for topic in topics})
    monkeypatch.setattr(topics_table, "alive", lambda: [topic for topic in topics if topic.alive])


def topic(name: str, made_at: int = NOW, **more: Any) -> Topic:
    return Topic(name, (name,), made_at, made_at, feed_topic(name, made_at), 0, **more)


def waiting(*commands: Command | bytes) -> deque[Any]:
    """These commands, a millisecond each after NOW."""
    values = [command if isinstance(command, bytes) else codec.encode(command) for command in commands]
    messages = [SimpleNamespace(timestamp=(NOW + nth) / 1000) for nth in range(1, len(values) + 1)]
    return deque(SimpleNamespace(value=v, message=m) for v, m in zip(values, messages, strict=True))


def add(name: str) -> Command:
    return Command("add", name, (name,))


async def created(commands: deque[Any], *topics: Topic) -> FeedCreation:
    """These topics were created in turn, while the commands waited behind the first."""
    creation = FeedCreation(streamer._read)
    creation.follow(commands)
    for one in topics:
        await creation.create(one, lambda: True)
        if commands:
            commands.popleft()
    return creation


async def test_the_adds_that_wait_are_made_in_the_same_call(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch)
    topics = [topic(f"t{nth}", NOW + nth) for nth in range(100)]
    await created(waiting(*[add(one.name) for one in topics[1:]]), *topics)
    assert kafka.calls == [[one.kafka_topic for one in topics]]


@pytest.mark.parametrize(
    "between",
    [Command("delete", "b"), Command("edit", "b", ("x",)), b"no command", codec.encode(add("x"))[:-2], add("dead")],
)
async def test_what_comes_behind_another_command_is_made_in_its_turn(
    between: Command | bytes, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    there(monkeypatch, topic("dead", deleted_at=NOW))
    await created(waiting(add("b"), between, add("c")), topic("a"))
    assert kafka.calls == [[feed_topic("a", NOW), feed_topic("b", NOW + 1)]]


async def test_nothing_is_made_for_a_topic_that_is_there_or_twice(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    there(monkeypatch, topic("alive", 1))
    await created(waiting(add("alive"), add("a"), add("b"), add("b")), topic("a"))
    assert kafka.calls == [[feed_topic("a", NOW), feed_topic("b", NOW + 3)]]


async def test_nothing_is_made_ahead_without_room_for_all(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch, *[topic(f"t{nth}") for nth in range(settings.max_topics - 2)])
    await created(waiting(add("b"), add("c")), topic("a"))
    assert kafka.calls == [[feed_topic("a", NOW)]]
    there(monkeypatch)
    track = tuple(f"{nth:060d}" for nth in range(100))
    monkeypatch.setattr(feed_creation, "settings", SimpleNamespace(max_topics=20, replication=1))
    await created(waiting(*[Command("add", f"b{nth}", track) for nth in range(10)]), topic("a"))
    assert kafka.calls[1] == [feed_topic("a", NOW)], "they track too much together"


async def test_one_that_kafka_does_not_take_holds_no_other(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch)
    kafka.errors = [Unavailable("b cannot be created")]
    await created(waiting(add("b"), add("c")), topic("a"), topic("b", NOW + 1))
    a, b, c = feed_topic("a", NOW), feed_topic("b", NOW + 1), feed_topic("c", NOW + 2)
    assert kafka.calls == [[a, b, c], [a], [b]], "several at once are not tried again soon"


async def test_it_gives_up_when_a_rebalance_comes(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch)
    answers = [True, False]
    kafka.errors = [Unavailable("away")]
    with pytest.raises(Abandoned):
        await FeedCreation(streamer._read).create(topic("a"), lambda: answers.pop(0))
    with pytest.raises(Abandoned):
        await FeedCreation(streamer._read).create(topic("a"), lambda: False)
    assert len(kafka.calls) == 1
