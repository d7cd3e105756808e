"""The offset to go on from is gone: the consumer begins at the start of the log, and says so in one line."""

import logging

import pytest
from support.consumers import PARTITION, ConsumerHarness, Message
from support.records import counted


async def test_without_a_committed_offset_a_log_with_records_is_said_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    harness, before = ConsumerHarness(), counted("offset_resets")
    await harness.consumer.perform_seek()
    assert [record.levelno for record in caplog.records if "no offset is committed" in record.getMessage()] == [
        logging.WARNING
    ]
    assert counted("offset_resets") == before + 1


async def test_of_an_empty_log_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    harness = ConsumerHarness()
    harness.end = 0
    await harness.consumer.perform_seek()
    assert "committed" not in caplog.text


async def test_a_log_that_ends_before_the_next_offset_is_read_from_its_start(
    positioned: ConsumerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    """Its records were passed over in silence until their offsets had grown."""
    positioned.end, positioned.earliest = 3, {PARTITION: 1}
    assert await positioned.fetch(1, 2) == [False], "the rest of that fetch comes again"
    assert positioned.sought == [{PARTITION: 1}] and "was cut or made anew" in caplog.text
    await positioned.fetch(1, 2, 3)
    assert positioned.delivered == [1, 2, 3]


async def test_after_that_offsets_are_committed_from_the_start_on(positioned: ConsumerHarness) -> None:
    positioned.ack(5, 6)
    positioned.end = 3
    old = Message(5)
    positioned.consumer._unacked_messages.add(old)
    await positioned.fetch(0)
    assert not positioned.consumer.is_current(old), "it is of the old log"
    assert positioned.consumer._new_offset(PARTITION) is None
    positioned.ack(0)
    assert positioned.consumer._new_offset(PARTITION) == 1


async def test_a_record_fetched_twice_does_not_begin_the_log_again(positioned: ConsumerHarness) -> None:
    positioned.end = 5
    assert await positioned.fetch(3, 4) == [True, True]
    assert positioned.sought == [] and positioned.delivered == []
