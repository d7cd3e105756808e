"""The consumer delivers only contiguous offsets: where it starts, and what it does at a jump."""

import asyncio
from typing import Any

import pytest
from faust.types import TP
from mode.utils.queues import FlowControlQueue
from support.consumers import PARTITION, ConsumerHarness
from support.records import counted

from tweetream.engine.application import App, FlowControl
from tweetream.engine.consumer import Consumer


async def test_nothing_is_delivered_before_the_partition_is_positioned() -> None:
    harness = ConsumerHarness()
    assert await harness.fetch(0, 1) == [False] and harness.delivered == []


async def test_delivery_begins_at_the_committed_offset(positioned: ConsumerHarness) -> None:
    await positioned.fetch(5, 6, 7)
    assert positioned.delivered == [5, 6, 7] and positioned.sought == []


@pytest.mark.parametrize("committed", [{}, {PARTITION: None}, {PARTITION: -1}], ids=["missing", "none", "minus one"])
async def test_without_a_committed_offset_delivery_begins_at_the_earliest_which_is_sought(committed: Any) -> None:
    harness = ConsumerHarness()
    harness.committed, harness.earliest = committed, {PARTITION: 3}
    await harness.consumer.perform_seek()
    assert harness.sought == [{PARTITION: 3}]
    await harness.fetch(3)
    assert harness.delivered == [3] and harness.consumer._committed_offset[PARTITION] == 3


async def test_a_committed_offset_of_zero_is_used(positioned: ConsumerHarness) -> None:
    positioned.committed = {PARTITION: 0}
    await positioned.consumer.perform_seek()
    await positioned.fetch(0)
    assert positioned.delivered == [0]


async def test_a_record_fetched_during_our_seek_is_delivered(
    positioned: ConsumerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record dropped here was missed until the next one came, so that a topic of the settings never started."""

    async def seek(offsets: dict[TP, int]) -> None:
        await positioned.fetch(5)

    monkeypatch.setattr(positioned.consumer, "seek_wait", seek)
    await positioned.consumer.perform_seek()
    assert positioned.delivered == [5]


async def test_changelogs_are_not_positioned(positioned: ConsumerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positioned.consumer, "_is_changelog_tp", lambda tp: True)
    await positioned.consumer.perform_seek()
    assert positioned.consumer._next == {}


async def test_a_position_asked_for_before_a_rebalance_is_not_used(
    positioned: ConsumerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rebalanced() -> dict[TP, int | None]:
        positioned.app.consumer_generation_id += 1
        return {PARTITION: 5}

    monkeypatch.setattr(positioned.consumer, "seek_to_committed", rebalanced)
    await positioned.consumer.perform_seek()
    assert await positioned.fetch(5) == [False] and positioned.delivered == [] and positioned.sought == []


@pytest.mark.parametrize("what", ["revoked", "assigned"])
async def test_after_a_rebalance_begando_nothing_is_delivered(
    positioned: ConsumerHarness, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positioned.app, "on_rebalance_return", lambda: None)
    positioned.ack(5)
    if what == "revoked":
        await positioned.consumer.on_partitions_revoked({PARTITION})
    else:
        await positioned.consumer.on_partitions_assigned({PARTITION})
    assert await positioned.fetch(5) == [False] and positioned.delivered == []
    assert positioned.consumer._new_offset(PARTITION) is None


async def test_lower_offsets_are_dropped_and_the_rest_of_the_fetch_is_used(positioned: ConsumerHarness) -> None:
    assert await positioned.fetch(3, 4, 5, 4, 6) == [True] * 5
    assert positioned.delivered == [5, 6] and positioned.sought == []


async def test_a_jump_is_fetched_again_from_the_offset_that_should_have_come(positioned: ConsumerHarness) -> None:
    await positioned.fetch(5)
    assert await positioned.fetch(9, 10) == [False], "the rest of that fetch is not used"
    assert positioned.delivered == [5] and positioned.sought == [{PARTITION: 6}]
    await positioned.fetch(6, 7, 8, 9)
    assert positioned.delivered == [5, 6, 7, 8, 9]


async def test_the_same_jump_right_after_our_seek_is_a_hole_in_the_log(positioned: ConsumerHarness) -> None:
    await positioned.fetch(9)
    await positioned.fetch(9, 10)
    assert positioned.delivered == [9, 10] and positioned.sought == [{PARTITION: 5}]


async def test_delivery_goes_on_at_the_start_of_a_log_that_retention_cut(positioned: ConsumerHarness) -> None:
    positioned.earliest = {PARTITION: 9}
    await positioned.fetch(9, 10)
    assert positioned.delivered == [9, 10] and positioned.sought == []


async def test_a_jump_past_the_start_of_the_log_is_fetched_again_from_that_start(positioned: ConsumerHarness) -> None:
    positioned.earliest = {PARTITION: 8}
    await positioned.fetch(12)
    assert positioned.delivered == [] and positioned.sought == [{PARTITION: 8}]
    await positioned.fetch(8)
    assert positioned.delivered == [8]


async def test_jumps_are_counted(positioned: ConsumerHarness) -> None:
    before = counted("offset_gaps")
    await positioned.fetch(9)
    assert counted("offset_gaps") == before + 1


async def test_a_delivery_that_suspended_flow_interrupts_comes_again(
    positioned: ConsumerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(message: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(positioned.consumer, "callback", full)
    delivering = asyncio.create_task(positioned.fetch(5))
    await asyncio.sleep(0.02)
    assert not delivering.done()
    positioned.consumer.suspend_flow.set()
    async with asyncio.timeout(5):
        assert await delivering == [False]
    positioned.consumer.suspend_flow.clear()
    monkeypatch.undo()
    await positioned.fetch(5, 6)
    assert positioned.delivered == [5, 6]


async def test_a_delivery_during_a_new_positioning_does_not_move_the_position(
    positioned: ConsumerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def moved(message: Any) -> None:
        positioned.consumer._next[PARTITION] = 2

    monkeypatch.setattr(positioned.consumer, "callback", moved)
    assert await positioned.fetch(5) == [False]
    assert positioned.consumer._next[PARTITION] == 2


async def test_flow_that_is_resumed_twice_keeps_what_was_delivered_in_between() -> None:
    flow = FlowControl()
    queue: FlowControlQueue[int] = FlowControlQueue(flow_control=flow, clear_on_resume=True)
    flow.suspend()
    queue.put_nowait(1)
    flow.resume()
    assert queue.qsize() == 0, "what was queued before the suspension comes again"
    queue.put_nowait(2)
    flow.resume()
    assert queue.qsize() == 1


async def test_the_app_uses_this_consumer_and_this_flow_control() -> None:
    app = App("t", broker="kafka://127.0.0.1:1", store="memory://")
    assert isinstance(app.flow_control, FlowControl)
    assert app.transport.Consumer is Consumer
