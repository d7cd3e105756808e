"""This machine's clock and Kafka's: a difference is said, and makes the worker unready."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from tweetream.kafka.clock import KafkaClock

NOW = 1_700_000_000.0


async def clock_at(ahead: float, took: float = 0.0) -> KafkaClock:
    """A clock so far ahead of Kafka's, after a look that took so long; the record arrived in the middle of it."""
    times = iter((NOW + ahead, NOW + ahead + took))
    clock = KafkaClock(lambda: next(times))

    async def send(*_: Any, **__: Any) -> SimpleNamespace:
        return SimpleNamespace(timestamp=round((NOW + took / 2) * 1000))

    producer: Any = SimpleNamespace(send=send)
    await clock.look(producer, "t-clock", lambda: True)
    return clock


@pytest.mark.parametrize("took", [0.0, 7200.0], ids=["quick", "the broker was away"])
@pytest.mark.parametrize("ahead", [-50.0, 0.0, 50.0])
async def test_a_clock_that_is_about_right_is_no_reason(ahead: float, took: float) -> None:
    assert (await clock_at(ahead, took)).reason() == ""


@pytest.mark.parametrize(
    ("ahead", "said"),
    [(7200.0, "2:00:00 ahead of"), (-7200.0, "2:00:00 behind"), (3 * 86400.0, "3 days, 0:00:00 ahead of")],
)
async def test_a_clock_that_is_far_off_is_a_line_with_what_to_do(
    ahead: float, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        clock = await clock_at(ahead)
    assert clock.reason() == f"this machine's clock is {said} Kafka's: set it"
    assert [record.getMessage() for record in caplog.records] == [f"not ready: {clock.reason()}"]
