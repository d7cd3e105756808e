"""A change is recorded before it shows, with who made it, and the worker that applies commands keeps the bounds too."""

import logging
from typing import Any

import msgspec
import pytest

from tweetream.agents import streamer
from tweetream.kafka import admin
from tweetream.kafka.producer import Abandoned, RecordRejected
from tweetream.models import codec
from tweetream.models.alert import AlertRule, check_alert
from tweetream.models.change import Change
from tweetream.models.command import MAX_CALLER, Command
from tweetream.models.topic import Topic
from tweetream.settings import Settings
from tweetream.topology import CHANGES

ADD = Command("add", "macet", ("macet",), by="ayu", address="10.0.0.7")


class Desk:
    """The table and the producer, which write down what happens, in order."""

    def __init__(self) -> None:
        self.happened: list[Any] = []
        self.written: list[Topic] = []
        self.topics: dict[str, Topic] = {}
        self.error: Exception | None = None

    async def send(self, topic: str, partition: int, value: bytes, **_: Any) -> None:
        if self.error is not None:
            raise self.error
        assert topic == CHANGES
        self.happened.append(codec.decode(value, Change))

    def apply(self, offset: int, *changed: Topic, forgotten: str = "") -> None:
        self.happened.append([topic.name for topic in changed])
        self.written += changed

    def entry(self, name: str) -> Topic | None:
        return self.topics.get(name)

    def alive(self) -> list[Topic]:
        return list(self.topics.values())

    async def create(self, *_: Any) -> set[str]:
        return set()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk()
    monkeypatch.setattr(streamer, "topics_table", desk)
    monkeypatch.setattr("tweetream.agents.streamer.services.producer.send", desk.send)
    monkeypatch.setattr(admin, "create", desk.create)
    return desk


async def do(command: Command) -> None:
    await streamer._do(command, 7, 1_480_000_000_000, lambda: True)


async def test_who_changed_what_is_recorded_before_the_change_shows(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """So no change is without its record, whenever a worker dies."""
    with caplog.at_level(logging.INFO):
        await do(ADD)
    assert desk.happened == [Change(1_480_000_000_000, "ayu", "10.0.0.7", "add", "macet", 7), ["macet"]]
    assert caplog.messages == ["topic macet: add by ayu from 10.0.0.7"]
    desk.happened.clear()
    desk.topics["macet"] = Topic("macet", ("macet",), 1, 1, "t-feed-macet-1", 0)
    await do(Command("delete", "macet"))
    assert desk.happened == [Change(1_480_000_000_000, "unknown", "unknown", "delete", "macet", 7), ["macet"]]


async def test_a_command_that_changes_nothing_is_no_change(desk: Desk) -> None:
    desk.topics["macet"] = Topic("macet", ("macet",), 1, 1, "t-feed-macet-1", 0)
    desk.topics["mati"] = Topic("mati", ("mati",), 1, 1, "t-feed-mati-1", 0, deleted_at=1)
    edits = (Command("edit", name, ("macet",)) for name in ("macet", "mati", "lain"))
    for command in (ADD, Command("delete", "lain"), Command("forget", "lain"), *edits):
        await do(command)
    assert desk.happened == [[]] * 6


async def test_an_edit_changes_the_words_and_keeps_the_feed(desk: Desk) -> None:
    before = desk.topics["macet"] = Topic("macet", ("macet",), 1, 1, "t-feed-macet-1", 0, former=("t-feed-macet-0",))
    await do(Command("edit", "macet", ("banjir", "macet"), by="ayu", address="10.0.0.7"))
    assert desk.happened == [Change(1_480_000_000_000, "ayu", "10.0.0.7", "edit", "macet", 7), ["macet"]]
    assert desk.written == [msgspec.structs.replace(before, track=("banjir", "macet"), command=7)]


async def test_an_edit_sets_and_takes_away_the_rule_for_alerts_and_keeps_the_words(desk: Desk) -> None:
    topic = desk.topics["macet"] = Topic("macet", ("macet",), 1, 1, "t-feed-macet-1", 0)
    rule = check_alert(AlertRule("surge", "traffic"))
    await do(Command("edit", "macet", alert=rule))
    set_at = msgspec.structs.replace(topic, command=7, alert=rule, alert_since=1_480_000_000_000)
    assert desk.written == [set_at]
    desk.topics["macet"] = set_at
    await do(Command("edit", "macet", alert=rule))
    await do(Command("edit", "macet", ("macet", "tol")))
    await do(Command("edit", "macet", alert=None))
    later = [(topic.track, topic.alert) for topic in desk.written[1:]]
    assert later == [(("macet", "tol"), rule), (("macet",), None)], "the same rule again is no change"


def test_a_command_keeps_its_rule_and_a_forged_one_is_no_command() -> None:
    for rule in (None, check_alert(AlertRule("every")), check_alert(AlertRule("surge", zone="Not/Here"))):
        assert streamer._read(codec.encode(Command("edit", "macet", alert=rule)), 1).alert == rule
    for track, bad in (((), AlertRule("every", factor=2.0)), (("?!",), None)):
        with pytest.raises(codec.Undecodable):
            streamer._read(codec.encode(Command("edit", "macet", track, alert=bad)), 1)


async def test_an_edit_for_which_there_is_no_room_changes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(streamer, "settings", Settings(max_topics=1))
    desk.topics["macet"] = Topic("macet", ("macet",), 1, 1, "t-feed-macet-1", 0)
    await do(Command("edit", "macet", tuple(f"{number:0100}" for number in range(101))))
    assert desk.happened == [[]] and "may track 10000 characters" in caplog.text


def test_a_forged_edit_without_words_is_no_command() -> None:
    for track in ((), ("",), ("?!",)):
        with pytest.raises(codec.Undecodable):
            streamer._read(codec.encode(Command("edit", "macet", track)), 1)


async def test_a_change_that_cannot_be_recorded_yet_is_not_made_yet(desk: Desk) -> None:
    desk.error = Abandoned("a rebalance")
    with pytest.raises(Abandoned):
        await do(ADD)
    assert desk.happened == []


async def test_a_change_that_kafka_never_records_has_its_line(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.error = RecordRejected("no permission")
    with caplog.at_level(logging.INFO):
        await do(ADD)
    assert desk.happened == [["macet"]]
    assert [line.partition(":")[0] for line in caplog.messages] == [
        "the next change has no record but its line",
        "topic macet",
    ]


async def test_of_several_workers_that_let_a_topic_in_at_once_only_the_first_has_room(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(streamer, "settings", Settings(max_topics=1))
    desk.topics["satu"] = Topic("satu", ("satu",), 1, 1, "t-feed-satu-1", 0)
    await do(ADD)
    assert desk.happened == [[]], "the command is applied, and changes nothing"
    assert "topic macet is not changed: there are 1 topics" in caplog.text


def test_a_forged_command_cannot_fill_the_log() -> None:
    with pytest.raises(codec.Undecodable):
        codec.decode(codec.encode(Command("delete", "macet", by="x" * (MAX_CALLER + 1))), Command)
