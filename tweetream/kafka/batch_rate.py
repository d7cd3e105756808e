"""Bounds how many batches a second are sent, so that records gather while more partitions have some than that.

A batch costs the same for one record as for ten. With few partitions, or few records, nothing waits. While this process
leaves most of a core idle, it sends faster, since a record that waits is late.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

RATE, BURST = 800, 300  # batches to feeds a second, and at once; each costs 100 µs of CPU or more
BUSY = 0.7  # of a core; below it the rate is FASTER times as high
FASTER = 4
TICK = 0.05  # seconds between two looks at what waits


class BatchRate:
    """So many batches a second, and so many at once after a pause."""

    def __init__(self, rate: float, burst: int, cpu: Callable[[], float] = time.process_time) -> None:
        self._rate, self._burst, self._cpu = rate, burst, cpu
        self._free, self._at, self._used = float(burst), 0.0, 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait until a batch may be sent; in the order of the calls."""
        loop = asyncio.get_running_loop()
        self._refill(loop.time())
        if self._free >= 1 and not self._waiting:
            self._free -= 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            loop.call_later(TICK, self._tick, loop)
        await turn

    def _refill(self, now: float) -> None:
        used, passed = self._cpu(), now - self._at
        rate = self._rate if used - self._used > BUSY * passed else FASTER * self._rate
        self._free = min(self._burst, self._free + passed * rate)
        self._at, self._used = now, used

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._refill(loop.time())
        while self._waiting and self._free >= 1:
            turn = self._waiting.popleft()
            if not turn.done():  # cancelled
                turn.set_result(None)
                self._free -= 1
        if self._waiting:
            loop.call_later(TICK, self._tick, loop)
