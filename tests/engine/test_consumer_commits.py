"""What the consumer commits, and how long a rebalance waits for unacknowledged messages."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError, KafkaConnectionError
from faust.types import TP
from support.consumers import PARTITION, ConsumerHarness, Message, do_nothing

from tweetream.engine import consumer, consumer_thread
from tweetream.engine.consumer_thread import ConsumerThread


async def test_only_contiguous_offsets_are_committed(positioned: ConsumerHarness) -> None:
    positioned.ack(7, 6)
    assert positioned.consumer._new_offset(PARTITION) is None, "5 is missing"
    positioned.ack(5)
    assert positioned.consumer._new_offset(PARTITION) == 8


async def test_a_missing_acknowledgement_holds_the_commit(positioned: ConsumerHarness) -> None:
    positioned.ack(5, 6, 8, 9)
    assert positioned.consumer._new_offset(PARTITION) == 7
    positioned.consumer._committed_offset[PARTITION] = 7
    assert positioned.consumer._new_offset(PARTITION) is None
    positioned.ack(7)
    assert positioned.consumer._new_offset(PARTITION) == 10
    assert not positioned.consumer._acked[PARTITION] and not positioned.consumer._acked_index[PARTITION], (
        "no offset is kept after its commit"
    )


async def test_a_hole_in_the_log_does_not_hold_the_commit(positioned: ConsumerHarness) -> None:
    positioned.earliest = {PARTITION: 9}
    await positioned.fetch(9, 10)
    positioned.ack(9, 10)
    assert positioned.consumer._new_offset(PARTITION) == 11


async def test_a_hole_in_the_middle_is_committed_only_after_all_before_it_is_acknowledged(
    positioned: ConsumerHarness,
) -> None:
    await positioned.fetch(5, 9)
    await positioned.fetch(9)
    positioned.ack(9)
    assert positioned.consumer._new_offset(PARTITION) is None
    positioned.ack(5)
    assert positioned.consumer._new_offset(PARTITION) == 10


async def test_a_commit_is_noted_so_that_faust_does_not_call_the_partition_stuck() -> None:
    async def commit(offsets: dict[TP, int]) -> None:
        committed.update(offsets)

    committed: dict[TP, int] = {}
    thread = object.__new__(ConsumerThread)
    gone = TP("gone", 0)
    thread._consumer = SimpleNamespace(
        assignment=lambda: {PARTITION, gone},
        partitions_for_topic=lambda topic: {0} if topic == PARTITION.topic else None,
        commit=commit,
    )
    thread.tp_last_committed_at = {}
    assert await thread._commit({PARTITION: 5, TP("t", 9): 1, gone: 7})
    assert committed == {PARTITION: 5} and list(thread.tp_last_committed_at) == [PARTITION]
    assert not await thread._commit({gone: 8}), "a topic that is gone holds no commit of the others"


async def test_an_unpositioned_partition_commitsdo_nothing() -> None:
    harness = ConsumerHarness()
    harness.ack(0, 1)
    assert harness.consumer._new_offset(PARTITION) is None


async def test_the_wait_for_unacknowledged_events_ends_and_forgets_them(
    positioned: ConsumerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = []

    async def commit() -> None:
        commits.append(1)

    monkeypatch.setattr(positioned.consumer, "commit_and_end_transactions", commit)
    message = Message()
    positioned.consumer._unacked_messages.add(message)
    began = time.monotonic()
    await positioned.consumer.wait_empty()
    assert consumer_thread.GIVE_UP - 0.1 < time.monotonic() - began < consumer_thread.GIVE_UP + 1.5
    assert not positioned.consumer._unacked_messages and commits == [1]


async def test_the_wait_ends_as_soon_as_all_is_acknowledged(
    positioned: ConsumerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positioned.consumer, "commit_and_end_transactions", do_nothing)
    message = Message()
    positioned.consumer._unacked_messages.add(message)
    asyncio.get_running_loop().call_later(0.05, positioned.consumer.ack, message)
    began = time.monotonic()
    await positioned.consumer.wait_empty()
    assert time.monotonic() - began < 1


async def test_an_unacknowledged_message_is_current_until_a_rebalance_has_waited_for_it(
    positioned: ConsumerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_thread, "GIVE_UP", 0.05)
    message = Message()
    positioned.consumer._unacked_messages.add(message)
    assert positioned.consumer.is_current(message)
    await positioned.consumer.wait_empty()
    assert not positioned.consumer.is_current(message)


async def test_an_unanswered_call_is_repeated_and_one_for_a_lost_partition_is_not(
    positioned: ConsumerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "ASK_AGAIN", 0.0)
    answers = iter([KafkaConnectionError(), TimeoutError(), {PARTITION: 7}, IllegalStateError()])

    async def call(*_: Any) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await positioned.consumer._insist(call, PARTITION) == {PARTITION: 7}
    with pytest.raises(IllegalStateError):
        await positioned.consumer._insist(call, PARTITION)


async def test_a_commit_that_hangs_does_not_hold_the_wait(
    positioned: ConsumerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(consumer_thread, "GIVE_UP", 0.1)
    monkeypatch.setattr(positioned.consumer, "commit_and_end_transactions", hang)
    async with asyncio.timeout(3):
        await positioned.consumer.wait_empty()
