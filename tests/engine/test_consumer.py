"""The consumer that delivers only what is contiguous, without a broker: positions, jumps, commits, and its limits."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError, KafkaConnectionError
from faust.types import TP
from mode.utils.queues import FlowControlQueue

from tweetream.engine import consumer
from tweetream.engine.application import App, FlowControl
from tweetream.engine.consumer import Consumer, ConsumerThread

P = TP("t", 0)


class Message:
    """What the consumer keeps track of, weakly."""

    def __init__(self, offset: int = 5) -> None:
        self.tp, self.topic, self.offset, self.acked = P, "t", offset, False


class Fixture:
    """A consumer whose broker is a few numbers."""

    def __init__(self) -> None:
        app = App("t", broker="kafka://127.0.0.1:1", store="memory://")
        self.delivered: list[int] = []
        self.sought: list[dict[TP, int]] = []
        self.earliest = {P: 0}
        self.committed: dict[TP, int | None] = {}
        self.consumer = Consumer(app.transport, self.callback, _nothing, _nothing)
        self.consumer.earliest_offsets = self._earliest  # type: ignore[method-assign, assignment]
        self.consumer.seek_wait = self._seek  # type: ignore[method-assign, assignment]
        self.consumer.seek_to_committed = self._committed  # type: ignore[method-assign]
        self.consumer.assignment = lambda: {P}  # type: ignore[method-assign]
        app.topics.acks_enabled_for = lambda topic: True  # type: ignore[method-assign]
        self.app = app

    async def callback(self, message: Any) -> None:
        self.delivered.append(message.offset)

    async def _earliest(self, *tps: TP) -> dict[TP, int]:
        return {tp: self.earliest[tp] for tp in tps}

    async def _seek(self, offsets: dict[TP, int]) -> None:
        self.sought.append(dict(offsets))

    async def _committed(self) -> dict[TP, int | None]:
        return dict(self.committed)

    async def fetched(self, *offsets: int) -> list[bool]:
        """A fetch with these offsets, as the drain loop treats it: the rest is left out after a False."""
        answers = []
        for offset in offsets:
            answers.append(await self.consumer._deliver_next(P, SimpleNamespace(offset=offset, tp=P)))
            if not answers[-1]:
                break
        return answers

    def ack(self, *offsets: int) -> None:
        for offset in offsets:
            self.consumer.ack(Message(offset))  # type: ignore[arg-type]


async def _nothing(*_: Any) -> None:
    pass


@pytest.fixture
async def at() -> Fixture:
    """Positioned at offset 5."""
    fixture = Fixture()
    fixture.committed = {P: 5}
    await fixture.consumer.perform_seek()
    fixture.sought.clear()
    return fixture


async def test_nothing_is_delivered_before_the_partition_is_positioned() -> None:
    fixture = Fixture()
    assert await fixture.fetched(0, 1) == [False] and fixture.delivered == []


async def test_delivery_begins_at_the_committed_offset(at: Fixture) -> None:
    await at.fetched(5, 6, 7)
    assert at.delivered == [5, 6, 7] and at.sought == []


@pytest.mark.parametrize("committed", [{}, {P: None}, {P: -1}], ids=["missing", "none", "minus one"])
async def test_without_a_committed_offset_it_begins_at_the_earliest_which_is_sought(committed: Any) -> None:
    fixture = Fixture()
    fixture.committed, fixture.earliest = committed, {P: 3}
    await fixture.consumer.perform_seek()
    assert fixture.sought == [{P: 3}]
    await fixture.fetched(3)
    assert fixture.delivered == [3] and fixture.consumer._committed_offset[P] == 3


async def test_a_committed_offset_of_zero_is_one(at: Fixture) -> None:
    at.committed = {P: 0}
    await at.consumer.perform_seek()
    await at.fetched(0)
    assert at.delivered == [0]


async def test_what_is_fetched_while_we_seek_is_delivered(at: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thrown away, it was missed until another record came behind it: a topic of the settings never began."""

    async def seek(offsets: dict[TP, int]) -> None:
        await at.fetched(5)

    monkeypatch.setattr(at.consumer, "seek_wait", seek)
    await at.consumer.perform_seek()
    assert at.delivered == [5]


async def test_changelogs_are_not_positioned(at: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at.consumer, "_is_changelog_tp", lambda tp: True)
    await at.consumer.perform_seek()
    assert at.consumer._next == {}


async def test_a_position_of_a_rebalance_that_is_over_is_not_used(at: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    async def rebalanced() -> dict[TP, int | None]:
        at.app.consumer_generation_id += 1
        return {P: 5}

    monkeypatch.setattr(at.consumer, "seek_to_committed", rebalanced)
    await at.consumer.perform_seek()
    assert await at.fetched(5) == [False] and at.delivered == [] and at.sought == []


@pytest.mark.parametrize("what", ["revoked", "assigned"])
async def test_after_a_rebalance_began_nothing_is_delivered(
    at: Fixture, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at.app, "on_rebalance_return", lambda: None)
    at.ack(5)
    if what == "revoked":
        await at.consumer.on_partitions_revoked({P})
    else:
        await at.consumer.on_partitions_assigned({P})
    assert await at.fetched(5) == [False] and at.delivered == []
    assert at.consumer._new_offset(P) is None


async def test_lower_offsets_are_dropped_and_the_rest_of_the_fetch_is_used(at: Fixture) -> None:
    assert await at.fetched(3, 4, 5, 4, 6) == [True] * 5
    assert at.delivered == [5, 6] and at.sought == []


async def test_a_jump_is_fetched_again_from_where_it_should_have_gone_on(at: Fixture) -> None:
    await at.fetched(5)
    assert await at.fetched(9, 10) == [False], "the rest of that fetch is of no use"
    assert at.delivered == [5] and at.sought == [{P: 6}]
    await at.fetched(6, 7, 8, 9)
    assert at.delivered == [5, 6, 7, 8, 9]


async def test_the_same_jump_right_after_our_own_seek_is_the_truth_of_the_log(at: Fixture) -> None:
    await at.fetched(9)
    await at.fetched(9, 10)
    assert at.delivered == [9, 10] and at.sought == [{P: 5}]


async def test_where_the_log_starts_later_retention_has_been_and_it_goes_on_from_there(at: Fixture) -> None:
    at.earliest = {P: 9}
    await at.fetched(9, 10)
    assert at.delivered == [9, 10] and at.sought == []


async def test_a_jump_behind_the_start_of_the_log_is_fetched_again_from_that_start(at: Fixture) -> None:
    at.earliest = {P: 8}
    await at.fetched(12)
    assert at.delivered == [] and at.sought == [{P: 8}]
    await at.fetched(8)
    assert at.delivered == [8]


async def test_jumps_are_counted(at: Fixture) -> None:
    from tweetream.metrics import registry

    before = registry.get_sample_value("tweetream_offset_gaps_total") or 0
    await at.fetched(9)
    assert registry.get_sample_value("tweetream_offset_gaps_total") == before + 1


async def test_a_delivery_that_suspended_flow_cut_off_is_not_passed(
    at: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(message: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(at.consumer, "callback", full)
    delivering = asyncio.create_task(at.fetched(5))
    await asyncio.sleep(0.02)
    assert not delivering.done()
    at.consumer.suspend_flow.set()
    async with asyncio.timeout(5):
        assert await delivering == [False]
    at.consumer.suspend_flow.clear()
    monkeypatch.undo()
    await at.fetched(5, 6)
    assert at.delivered == [5, 6]


async def test_a_delivery_during_which_the_partition_was_positioned_anew_does_not_move_it(
    at: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def moved(message: Any) -> None:
        at.consumer._next[P] = 2

    monkeypatch.setattr(at.consumer, "callback", moved)
    assert await at.fetched(5) == [False]
    assert at.consumer._next[P] == 2


async def test_only_what_is_contiguous_is_committed(at: Fixture) -> None:
    at.ack(7, 6)
    assert at.consumer._new_offset(P) is None, "5 is missing"
    at.ack(5)
    assert at.consumer._new_offset(P) == 8


async def test_what_is_missing_in_the_middle_holds_the_commit(at: Fixture) -> None:
    at.ack(5, 6, 8, 9)
    assert at.consumer._new_offset(P) == 7
    at.consumer._committed_offset[P] = 7
    assert at.consumer._new_offset(P) is None
    at.ack(7)
    assert at.consumer._new_offset(P) == 10
    assert not at.consumer._acked[P] and not at.consumer._acked_index[P], "nothing is left behind"


async def test_a_gap_of_the_log_does_not_hold_the_commit(at: Fixture) -> None:
    at.earliest = {P: 9}
    await at.fetched(9, 10)
    at.ack(9, 10)
    assert at.consumer._new_offset(P) == 11


async def test_a_gap_in_the_middle_is_passed_only_when_what_is_before_it_was_acknowledged(at: Fixture) -> None:
    await at.fetched(5, 9)
    await at.fetched(9)
    at.ack(9)
    assert at.consumer._new_offset(P) is None
    at.ack(5)
    assert at.consumer._new_offset(P) == 10


async def test_a_commit_is_noted_lest_faust_calls_the_partition_stuck() -> None:
    async def commit(offsets: dict[TP, int]) -> None:
        committed.update(offsets)

    committed: dict[TP, int] = {}
    thread = object.__new__(ConsumerThread)
    thread._consumer = SimpleNamespace(assignment=lambda: {P}, commit=commit)
    thread.tp_last_committed_at = {}
    assert await thread._commit({P: 5, TP("t", 9): 1})
    assert committed == {P: 5} and list(thread.tp_last_committed_at) == [P]


async def test_an_unpositioned_partition_commits_nothing() -> None:
    fixture = Fixture()
    fixture.ack(0, 1)
    assert fixture.consumer._new_offset(P) is None


async def test_the_wait_for_unacknowledged_events_ends_and_forgets_them(
    at: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = []

    async def commit() -> None:
        commits.append(1)

    monkeypatch.setattr(at.consumer, "commit_and_end_transactions", commit)
    message = Message()
    at.consumer._unacked_messages.add(message)  # type: ignore[arg-type]
    began = time.monotonic()
    await at.consumer.wait_empty()
    assert consumer.GIVE_UP - 0.1 < time.monotonic() - began < consumer.GIVE_UP + 1.5
    assert not at.consumer._unacked_messages and commits == [1]


async def test_the_wait_ends_as_soon_as_all_is_acknowledged(at: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at.consumer, "commit_and_end_transactions", _nothing)
    message = Message()
    at.consumer._unacked_messages.add(message)  # type: ignore[arg-type]
    asyncio.get_running_loop().call_later(0.05, at.consumer.ack, message)
    began = time.monotonic()
    await at.consumer.wait_empty()
    assert time.monotonic() - began < 1


async def test_what_is_being_worked_on_is_current_until_a_rebalance_has_waited_for_it(
    at: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "GIVE_UP", 0.05)
    message = Message()
    at.consumer._unacked_messages.add(message)  # type: ignore[arg-type]
    assert at.consumer.is_current(message)
    await at.consumer.wait_empty()
    assert not at.consumer.is_current(message)


async def test_what_kafka_does_not_answer_is_asked_again_and_what_is_not_ours_is_not(
    at: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "ASK_AGAIN", 0.0)
    answers = iter([KafkaConnectionError(), TimeoutError(), {P: 7}, IllegalStateError()])

    async def call(*_: Any) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await at.consumer._insist(call, P) == {P: 7}
    with pytest.raises(IllegalStateError):
        await at.consumer._insist(call, P)


async def test_a_commit_that_hangs_does_not_hold_the_wait(at: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(consumer, "GIVE_UP", 0.1)
    monkeypatch.setattr(at.consumer, "commit_and_end_transactions", hang)
    async with asyncio.timeout(3):
        await at.consumer.wait_empty()


async def test_flow_that_is_resumed_twice_keeps_what_was_delivered_in_between() -> None:
    flow = FlowControl()
    queue: FlowControlQueue[int] = FlowControlQueue(flow_control=flow, clear_on_resume=True)
    flow.suspend()
    queue.put_nowait(1)
    flow.resume()
    assert queue.qsize() == 0, "what came before flow was suspended comes again"
    queue.put_nowait(2)
    flow.resume()
    assert queue.qsize() == 1


async def test_the_app_uses_this_consumer_and_this_flow_control() -> None:
    app = App("t", broker="kafka://127.0.0.1:1", store="memory://")
    assert isinstance(app.flow_control, FlowControl)
    assert app.transport.Consumer is Consumer
