"""Chooses the partition of posts for each batch: each in turn while posts come fast, and the same while they are few.

Batches of one partition keep their order to the feeds. Batches of two partitions can swap places there, although
nothing fails. So the feeds keep the order of a source while all sources together give fewer than FAST posts a second.
"""

import time
from collections import deque
from collections.abc import Callable

FAST = 1_000  # posts/s: one worker handles many times that
WINDOW = 1.0  # seconds in which posts are counted


class Spread:
    """Of one run. It goes on in the partition `last`, where the batches of the run before may still be on their way."""

    def __init__(self, partitions: int, last: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._partitions, self._partition, self._clock = partitions, last, clock
        self._batches: deque[tuple[float, int]] = deque()  # of the window: time and posts
        self._posts = 0

    def next(self, posts: int) -> int:
        """The partition of a batch of so many posts, which is sent now."""
        now = self._clock()
        while self._batches and self._batches[0][0] <= now - WINDOW:
            self._posts -= self._batches.popleft()[1]
        self._batches.append((now, posts))
        self._posts += posts
        if self._posts >= FAST * WINDOW:
            self._partition = (self._partition + 1) % self._partitions
        return self._partition
