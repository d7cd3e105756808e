"""Trying again: while Kafka does not answer, and while this machine lacks files, memory or disk. Knows no Faust.

The waits are logged every few seconds, not at each attempt.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tweetream.kafka.connection import Connection, probe
from tweetream.models.errors import is_machine_error

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
REMIND_EVERY = 5.0  # seconds between two log lines about the same failure
PAUSE = 0.5  # seconds between two attempts


class Unavailable(Exception):
    """Kafka did not answer in time or failed; the next attempt may succeed."""


class Reminder:
    """Repeats a warning every few seconds, not at each attempt."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._due = 0.0

    def warn(self, message: str, *arguments: object) -> bool:
        """Log the warning if it is due. Returns whether it was."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + REMIND_EVERY
        self._logger.warning(message, *arguments)
        return True

    @property
    def due(self) -> bool:
        """Whether the next warning is logged."""
        return time.monotonic() >= self._due


_machine = Reminder(log)


async def wait_at_most(seconds: float, work: Awaitable[Any], *, cancel: bool = False) -> None:
    """Await `work` for so many seconds. Then return, and cancel it or leave it to end in the background."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.wait({task}, timeout=seconds)
    if cancel:
        task.cancel()


async def retry_machine_errors(
    attempt: Callable[[], Awaitable[Answer]], check: Callable[[], None] = lambda: None
) -> Answer:
    """Repeat `attempt` while this machine lacks what it needs. `check` is called before each attempt and may raise."""
    while True:
        check()
        try:
            return await attempt()
        except Exception as error:  # any library may wrap an error of the machine; all other errors are raised
            if not is_machine_error(error):
                raise
            _machine.warn("this machine lacks files, memory or disk; trying again: %r", error)
        await asyncio.sleep(PAUSE)


async def retry_until_available(kafka: Connection, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
    """Repeat `attempt` while it raises Unavailable, and log the reason every few seconds. Raises AccessDenied."""
    reminder = Reminder(log)
    while True:
        try:
            return await attempt()
        except Unavailable as error:
            if reminder.due:
                reminder.warn("waiting for Kafka at %s: %s", kafka, await probe(kafka) or error)
            await asyncio.sleep(PAUSE)
