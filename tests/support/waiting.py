"""Waits for a condition by testing it again and again, up to a time limit.

A condition takes no arguments, but it may bind a loop's variable by a default, as a lambda does.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[..., T | None], timeout: float, what: str, pause: float = 0.1) -> T:
    """The first true answer of `condition`; fails when there is none in time."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not in {timeout} s: {what}"
        time.sleep(pause)
    return answer


async def until_async(
    condition: Callable[..., T | None], timeout: float = 15.0, what: str = "", pause: float = 0.01
) -> T:
    """The same in a loop whose other tasks go on meanwhile."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not in {timeout} s: {what or 'the condition'}"
        await asyncio.sleep(pause)
    return answer
