"""A run of the alerts: what it sends, in which order, and what it leaves for the next one. Without Kafka and HTTP."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError
from support.alerts_topic import NOW, AlertsTopic
from support.waiting import until_async

from tweetream.alerts import service
from tweetream.alerts.log import AlertLog, Replaced
from tweetream.alerts.watch import LATE, rule_of
from tweetream.alerts.webhook import Outcome
from tweetream.models.alert import Alert, AlertRule, AlertState
from tweetream.models.topic import Topic


def topic(name: str, rule: AlertRule | None) -> Topic:
    return Topic(name, (name,), 1, 1, f"t-feed-{name}-1", 0, alert=rule, alert_since=5)


class Receiver:
    """Takes alerts, unless `outcome` says otherwise."""

    ready = True

    def __init__(self) -> None:
        self.got: list[str] = []
        self.outcome: Callable[[str], Outcome | None] = lambda id: Outcome.DELIVERED

    async def send(self, alert: Alert) -> Outcome | None:
        self.got.append(alert.id)
        return self.outcome(alert.id)

    async def stop(self) -> None: ...


class Watch:
    """Finds what is in `found` for its feed, one after the other."""

    found: dict[str, list[Alert | Exception]] = {}

    def __init__(self, past: object, epoch: int, topic: Topic, state: AlertState | None) -> None:
        self.rule, self._epoch = rule_of(topic), epoch

    async def look(self, topic: Topic, counts: object, now: int) -> AlertState | None:
        waiting = self.found.get(topic.name)
        if not waiting:
            return None
        alert = waiting.pop(0)
        if isinstance(alert, Exception):
            raise alert
        return AlertState(self._epoch, self.rule, alert=alert)


@pytest.fixture
def kafka() -> AlertsTopic:
    return AlertsTopic()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    receiver = Receiver()
    monkeypatch.setattr(service, "Webhook", lambda *_: receiver)
    return receiver


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch, kafka: AlertsTopic) -> list[Topic]:
    topics: list[Topic] = []
    Watch.found = {}
    monkeypatch.setattr("tweetream.alerts.service.topics_table.alive", lambda: topics)
    monkeypatch.setattr(service, "Watch", Watch)
    monkeypatch.setattr(service, "TICK", 0.01)
    monkeypatch.setattr(service, "now_ms", lambda: NOW)
    return topics


def begin(log: AlertLog, monkeypatch: pytest.MonkeyPatch) -> asyncio.Task[None]:
    monkeypatch.setattr(service, "alert_log", lambda: log)
    return asyncio.create_task(service.Run().main())


async def end(run: asyncio.Task[None]) -> None:
    run.cancel()
    await asyncio.wait({run})


def alert(id: str, at: int = NOW) -> Alert:
    return Alert(id, b"{}", at)


async def test_alerts_are_written_sent_and_done_and_only_those_of_topics_with_a_rule(
    kafka: AlertsTopic, receiver: Receiver, topics: list[Topic], monkeypatch: pytest.MonkeyPatch
) -> None:
    every = AlertRule("every")
    topics += [topic("a", every), topic("b", every), topic("c", None)]
    Watch.found = {
        "a": [KafkaTimeoutError("gone"), *(alert(f"a:{number}") for number in range(50))],
        "b": [alert("b:1")],
        "c": [alert("c:1")],
    }
    receiver.outcome = lambda id: Outcome.REFUSED if id == "a:7" else Outcome.DELIVERED
    log = kafka.worker()
    run = begin(log, monkeypatch)
    await until_async(lambda: len(receiver.got) == 51)
    assert [id for id in receiver.got if id != "b:1"] == [f"a:{number}" for number in range(50)]
    await until_async(lambda: log.is_done("t-feed-a-1"))
    topics[:] = [topic("a", None), topics[1]]
    await until_async(lambda: set(kafka.worker().states) == {"t-feed-b-1"})
    await end(run)


async def test_an_alert_that_may_have_arrived_waits_for_the_worker_that_sent_it(
    kafka: AlertsTopic, receiver: Receiver, topics: list[Topic], monkeypatch: pytest.MonkeyPatch
) -> None:
    topics += [topic(name, AlertRule("every")) for name in "abc"]
    before = kafka.worker()
    epoch = await before.begin(NOW)
    for name in "ab":
        await before.put(f"t-feed-{name}-1", AlertState(epoch, "r", alert=alert(f"{name}:1")))
    await before.put("t-feed-c-1", AlertState(epoch, "r", alert=alert("c:1", NOW - LATE - 1)))
    Watch.found = {"a": [alert("a:2")], "b": [], "c": []}
    monkeypatch.setattr(service, "TIMEOUT", -0.7)
    run = begin(kafka.worker(), monkeypatch)
    await asyncio.sleep(0.1)
    assert receiver.got == []
    await before.finish("t-feed-a-1", "a:1")  # its answer came after all
    await until_async(lambda: "a:2" in receiver.got)
    assert "b:1" not in receiver.got
    await until_async(lambda: "b:1" in receiver.got)
    await until_async(lambda: kafka.worker().is_done("t-feed-c-1"))
    assert sorted(receiver.got) == ["a:2", "b:1"], "what is an hour old is given up"
    await end(run)


async def test_a_run_that_ends_leaves_its_request_a_moment_and_ends_where_another_begins(
    kafka: AlertsTopic, receiver: Receiver, topics: list[Topic], monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, arrived = asyncio.Event(), asyncio.Event()

    async def slow(alert: Alert) -> Outcome:
        arrived.set()
        await answered.wait()
        return Outcome.DELIVERED

    monkeypatch.setattr(receiver, "send", slow)
    topics.append(topic("a", AlertRule("every")))
    Watch.found = {"a": [alert("a:1")]}
    run = begin(kafka.worker(), monkeypatch)
    await arrived.wait()
    run.cancel()
    asyncio.get_running_loop().call_later(0.05, answered.set)
    await asyncio.wait({run})
    assert kafka.worker().is_done("t-feed-a-1")
    first = begin(kafka.worker(), monkeypatch)
    await asyncio.sleep(0.05)
    await kafka.worker().begin(NOW + 9)
    Watch.found = {"a": [alert("a:2")]}
    (ended,) = await asyncio.gather(first, return_exceptions=True)
    inner: Any = ended
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    assert isinstance(inner, Replaced)
