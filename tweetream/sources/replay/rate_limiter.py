"""Keeps a replay at its rate."""

import asyncio
from collections.abc import Awaitable, Callable

from tweetream.models.post import MAX_POSTS

TICK = 0.02  # seconds; the posts due within one tick are given together
MAX_DELAY = 1.0  # seconds; a replay that is later than this skips the rest of the delay


class RateLimiter:
    """Tells how many posts are due, and waits for them in ticks.

    Each post has its own time on a steady clock, whenever the posts before it were given; so the rate does not drift.
    """

    def __init__(self, rate: float, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]):
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._next = clock()  # the time of the next post
        self._per_tick = max(1, min(MAX_POSTS, round(rate * TICK)))

    async def due(self) -> int:
        """Wait until the posts of a tick are due, and return the number of posts due, at most MAX_POSTS."""
        if not self._rate:
            await asyncio.sleep(0)
            return MAX_POSTS
        target = self._next + (self._per_tick - 1) / self._rate
        now = self._clock()
        if now >= target:
            await asyncio.sleep(0)  # late, but other tasks must run
        while now < target:
            await self._sleep(target - now)
            now = self._clock()
        self._next = max(self._next, now - MAX_DELAY)
        return max(self._per_tick, min(MAX_POSTS, int((now - self._next) * self._rate + 1e-6) + 1))

    def given(self, posts: int) -> None:
        """Note that this number of posts was given."""
        if self._rate:
            self._next += posts / self._rate
