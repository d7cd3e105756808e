"""A feed that somebody deleted in Kafka is made again when all workers know it, and that is told for each loss."""

import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from tweetream.agents import required, streamer
from tweetream.feeds.record import GAP_HEADER
from tweetream.kafka import admin
from tweetream.kafka.write_watch import Unwritable
from tweetream.models import codec
from tweetream.models.command import Command
from tweetream.models.topic import Topic
from tweetream.topology import services, topics_table

TOPIC = Topic("macet", ("macet",), 7, 7, "t-feed-macet-7", 0)
remake: Any = inspect.unwrap(streamer.remake)  # without the timer


class Deployment:
    """Its feed may be missing in Kafka. Keeps the commands that are sent, and the Kafka topics that are created."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.missing, self.owner, self.now = True, True, 100.0
        self.table = SimpleNamespace(alive=lambda: [TOPIC], applied=0, applied_within=self._applied)
        self.told: list[Command] = []
        self.created: list[str] = []
        monkeypatch.setattr(streamer, "_told_gone", {})
        for name, value in {
            "owns_commands": lambda: self.owner,
            "recovered": lambda: True,
            "is_live": lambda feed: True,
            "time": SimpleNamespace(monotonic=lambda: self.now),
            "app.is_flowing": lambda: True,
            "app.rebalancing": False,
            "topics_table": self.table,
            "services.producer.is_missing": lambda topic: self.missing,
            "services.producer.send": self._send,
        }.items():
            monkeypatch.setattr(f"tweetream.agents.streamer.{name}", value)
        monkeypatch.setattr(admin, "names", self._names)
        monkeypatch.setattr(admin, "create", self._create)

    async def _names(self, *_: object) -> set[str]:
        return set() if self.missing else {TOPIC.kafka_topic}

    async def _send(self, topic: str, partition: int, value: bytes, **_: object) -> SimpleNamespace:
        self.told.append(codec.decode(value, Command))
        return SimpleNamespace(offset=len(self.told))

    async def _applied(self, *_: object) -> bool:
        return True

    async def _create(self, kafka: object, specs: Any, replication: int) -> None:
        self.created += [spec.name for spec in specs]

    async def seconds_later(self, seconds: float) -> None:
        self.now += seconds
        await remake()


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return Deployment(monkeypatch)


async def test_it_is_made_again_once_all_workers_have_had_time_to_know(deployment: Deployment) -> None:
    await deployment.seconds_later(0)
    await deployment.seconds_later(1)
    assert deployment.told == [Command("remake", "macet", generation=7)] and deployment.created == []
    await deployment.seconds_later(streamer.LET_GO)
    assert len(deployment.told) == 1 and deployment.created == [TOPIC.kafka_topic]


async def test_where_the_topic_of_commands_is_gone_too_it_is_told_when_offsets_go_on(deployment: Deployment) -> None:
    """The command would be passed over as applied, and positions in the old log would be taken for new ones."""
    deployment.table.applied = 2
    for _ in range(2):
        await deployment.seconds_later(streamer.LET_GO + 1)
    assert deployment.created == []
    for _ in range(2):
        await deployment.seconds_later(streamer.LET_GO + 1)
    assert len(deployment.told) == 3 and deployment.created == [TOPIC.kafka_topic]


async def test_each_loss_is_told_anew(deployment: Deployment) -> None:
    await deployment.seconds_later(0)
    deployment.missing = False
    await deployment.seconds_later(3600)
    deployment.missing = True
    await deployment.seconds_later(3600)
    assert len(deployment.told) == 2 and deployment.created == [], "positions in the log before are of the past too"


async def test_another_owner_of_the_commands_tells_it_itself(deployment: Deployment) -> None:
    await deployment.seconds_later(0)
    deployment.owner = False
    await deployment.seconds_later(streamer.LET_GO + 1)
    deployment.owner = True
    await deployment.seconds_later(1)
    assert len(deployment.told) == 2 and deployment.created == []


async def test_each_feed_gets_a_gap_and_one_that_cannot_be_written_holds_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []

    async def send_all(topic: str, partition: int, records: Any, **_: object) -> list[int]:
        if topic == "broken":
            raise Unwritable(topic)
        told.append((topic, partition, records))
        return []

    feeds = [SimpleNamespace(kafka_topic=name) for name in ("broken", "t-feed-macet-7")]
    monkeypatch.setattr(topics_table, "alive", lambda: feeds)
    monkeypatch.setattr(services.producer, "send_all", send_all)
    await required._tell_gaps()
    assert told == [("t-feed-macet-7", 0, [(b"{}", [(GAP_HEADER, b"")])])]
    assert "clients of broken are not told that posts may be missing" in caplog.text
