"""Watches the event loop: how late it runs, and where it is held when it does not run at all."""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable

from tweetream import metrics

log = logging.getLogger(__name__)
EVERY = 0.25  # seconds between two measurements
LATE = 2.0  # seconds of delay that are a fault
RECENT = 3.0  # seconds for which a delay stays one
HELD = 10.0  # seconds after which the log says where the loop is held
LOOK = 1.0  # seconds between two looks from the thread


class LoopWatch:
    """Measures from `start` to `stop`, in the loop and from a thread beside it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._beat = now()
        self._late, self._late_at = 0.0, -RECENT
        self._task: asyncio.Task[None] | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        self._task = asyncio.create_task(self._measure())
        threading.Thread(target=self._look, args=(threading.get_ident(),), name="loop-watch", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()
        if self._task is not None:
            self._task.cancel()

    async def _measure(self) -> None:
        while True:
            began = self._now()
            await asyncio.sleep(EVERY)
            self.take(self._now() - began - EVERY)

    def take(self, late: float) -> None:
        """Take in a delay, in seconds."""
        metrics.event_loop_delay.observe(max(0.0, late))
        self._beat = self._now()
        if late >= LATE:
            self._late, self._late_at = late, self._beat

    def fault(self) -> tuple[str, float]:
        """That the loop was held a moment ago, and for how many seconds."""
        if self._now() - self._late_at >= RECENT:
            return "", 0.0
        return f"the event loop was held for {self._late:.0f} s", self._late

    def _look(self, thread: int) -> None:
        """Say once where the loop is held. A wait that is late itself means that the whole process stood still."""
        said = False
        while not self._ended.is_set():
            began = self._now()
            self._ended.wait(LOOK)
            held = self._now() - self._beat
            if held < HELD:
                said = False
            elif not said and self._now() - began < 2 * LOOK:
                said = True
                log.error("the event loop has been held for %.0f s, in %s", held, _place(thread))


def _place(thread: int) -> str:
    """Where a thread is now: the innermost functions, without their source."""
    frame = sys._current_frames().get(thread)
    places: list[str] = []
    while frame is not None and len(places) < 5:
        places.append(f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})")
        frame = frame.f_back
    return " < ".join(places)
