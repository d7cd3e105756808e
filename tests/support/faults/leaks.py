"""Finds leaks: counts the resources of a process, and cancels a task at a chosen await."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any

import psutil


def held() -> tuple[int, int]:
    """The open files and sockets, and the tasks, of this process."""
    return psutil.Process().num_fds(), len(asyncio.all_tasks())


async def let_go(before: tuple[int, int]) -> None:
    """Wait a second at most until nothing is held that was not before."""
    deadline = time.monotonic() + 1
    while any(now > then for now, then in zip(held(), before, strict=True)):
        assert time.monotonic() < deadline, f"(files, tasks) {held()} are held a second later; before it were {before}"
        await asyncio.sleep(0.01)


class Until:
    """Awaits a coroutine, and cancels the task it is in while it waits for the nth time."""

    def __init__(self, nth: int, coroutine: Coroutine[Any, Any, None]) -> None:
        self._nth, self._coroutine, self.reached = nth, coroutine, False

    def __await__(self) -> Generator[Any, Any, None]:
        go_on: Callable[[], Any] = partial(self._coroutine.send, None)
        for count in itertools.count(1):
            try:
                waits_for = go_on()
            except StopIteration:
                return
            if count == self._nth:
                self.reached = True
                task = asyncio.current_task()
                assert task is not None
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                yield waits_for
                go_on = partial(self._coroutine.send, None)
            except asyncio.CancelledError as error:  # what the loop throws in is for what is awaited
                go_on = partial(self._coroutine.throw, error)
