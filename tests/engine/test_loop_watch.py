"""The event loop's delay is measured, and the log says where it is held."""

import logging
import time

import pytest
from support.waiting import until_async

from tweetream.engine import loop_watch
from tweetream.engine.loop_watch import LATE, RECENT, LoopWatch


def test_a_long_delay_is_a_fault_for_a_moment() -> None:
    now = [100.0]
    watch = LoopWatch(lambda: now[0])
    watch.take(LATE / 2)
    assert watch.fault() == ("", 0.0)
    watch.take(12.0)
    assert watch.fault() == ("the event loop was held for 12 s", 12.0)
    now[0] += RECENT
    assert watch.fault() == ("", 0.0)


async def test_while_the_loop_is_held_the_log_says_once_where(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loop_watch, "HELD", 0.05)
    monkeypatch.setattr(loop_watch, "LOOK", 0.02)
    monkeypatch.setattr(loop_watch, "EVERY", 0.01)
    watch = LoopWatch()
    watch.start()
    try:
        with caplog.at_level(logging.ERROR):
            hold_the_loop(0.4)
        (said,) = [record.getMessage() for record in caplog.records]
        assert "hold_the_loop" in said and "\n" not in said
        await until_async(lambda: watch._beat > time.monotonic() - 0.04, 5, "the loop runs again")
    finally:
        watch.stop()


def hold_the_loop(seconds: float) -> None:
    time.sleep(seconds)
