"""How agents read: in order; a record delivered before a rebalance is not processed after it."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from tweetream.agents import at_least_once
from tweetream.kafka import retry
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.send_queue import StillAssigned
from tweetream.topology import services


class Event:
    def __init__(self, offset: int) -> None:
        self.value = b""
        self.message = SimpleNamespace(offset=offset, partition=0, topic="t", tp=("t", 0), value=b"")
        self.acked = False

    def ack(self) -> None:
        self.acked = True


class Harness:
    """A stream of events, and a consumer that knows which of them are current."""

    def __init__(self, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events = [Event(offset) for offset in range(count)]
        self.current = [event.message for event in self.events]
        self.released: list[int] = []
        monkeypatch.setattr(at_least_once, "app", SimpleNamespace(consumer=self, is_flowing=lambda: True))

    def is_current(self, message: SimpleNamespace) -> bool:
        return message in self.current

    def give_up(self, message: Any) -> None:
        self.released.append(message.offset)

    def noack(self) -> "Harness":
        return self

    async def _events(self) -> AsyncIterator[Event]:
        for event in self.events:
            yield event

    def rebalance(self) -> None:
        self.current.clear()

    async def run(self, work: Any) -> None:
        reader = at_least_once.AtLeastOnce(work)
        await reader.run(SimpleNamespace(noack=lambda: SimpleNamespace(events=self._events)))  # type: ignore[arg-type]
        while services.deliveries:
            await asyncio.sleep(0)


async def test_an_event_delivered_before_a_rebalance_is_not_begun_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(4, monkeypatch)
    begun = []

    async def work(event: Event, still_assigned: StillAssigned) -> None:
        begun.append(event.message.offset)
        if event.message.offset == 1:
            harness.rebalance()
            raise Abandoned

    await harness.run(work)
    assert begun == [0, 1]
    assert [event.acked for event in harness.events] == [True, False, False, False]
    assert harness.released == [1, 2, 3], "a rebalance need not wait for them"


async def test_a_record_in_delivery_at_a_rebalance_is_never_still_assigned_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harness = Harness(2, monkeypatch)
    sent = []

    async def work(event: Event, still_assigned: StillAssigned) -> at_least_once.Delivery:
        async def deliver() -> None:
            if event.message.offset == 0:
                harness.rebalance()  # flow is resumed at once
            if not still_assigned():
                raise Abandoned
            sent.append(event.message.offset)

        return deliver

    await harness.run(work)
    assert sent == [] and harness.released == [0, 1]


async def test_an_error_of_this_machine_is_tried_again_and_nothing_becomes_a_dead_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the limit of open files batches became dead letters with OSError(24): lost."""
    harness = Harness(3, monkeypatch)
    dead: list[str] = []
    lacking: list[BaseException] = [OSError(24, "Too many open files"), MemoryError()]
    delivered = []

    async def dead_letter(topic: str, value: bytes, reason: str) -> None:
        dead.append(reason)

    async def work(event: Event, still_assigned: StillAssigned) -> at_least_once.Delivery:
        if event.message.offset == 1 and lacking:
            raise lacking.pop()
        tries = [OSError(28, "No space left on device")]

        async def deliver() -> None:
            if tries:
                raise KafkaError from tries.pop()
            delivered.append(event.message.offset)

        return deliver

    monkeypatch.setattr(at_least_once, "dead_letter", dead_letter)
    monkeypatch.setattr(retry, "PAUSE", 0)
    await harness.run(work)
    assert (dead, sorted(delivered), [event.acked for event in harness.events]) == ([], [0, 1, 2], [True] * 3)


async def test_a_bug_in_one_record_is_a_dead_letter_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(2, monkeypatch)
    dead: list[str] = []

    async def dead_letter(topic: str, value: bytes, reason: str) -> None:
        dead.append(reason)

    async def work(event: Event, still_assigned: StillAssigned) -> None:
        if event.message.offset == 0:
            raise FileNotFoundError(2, "gone")

    monkeypatch.setattr(at_least_once, "dead_letter", dead_letter)
    await harness.run(work)
    assert len(dead) == 1 and [event.acked for event in harness.events] == [True, True]


async def test_a_rebalance_ends_the_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = Harness(1, monkeypatch)

    async def work(event: Event, still_assigned: StillAssigned) -> None:
        harness.rebalance()
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(retry, "PAUSE", 0)
    await harness.run(work)
    assert harness.released == [0] and not harness.events[0].acked
