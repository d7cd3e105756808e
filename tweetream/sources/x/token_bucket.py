"""Keeps the number of requests within X's rate limits."""

from collections.abc import Callable

WINDOW = 900.0  # seconds in which X counts; it allows 100 writes of rules, 450 reads and 50 connections


class TokenBucket:
    """Allows `burst` requests at once, and then `refill` requests per WINDOW, evenly spread.

    Together these are below X's limit in any window.
    """

    def __init__(self, burst: int, refill: int, clock: Callable[[], float]) -> None:
        self.burst, self._rate, self._clock = burst, refill / WINDOW, clock
        self._left, self._at = float(burst), clock()

    @property
    def left(self) -> float:
        """Requests that are allowed now."""
        now = self._clock()
        self._left, self._at = min(self.burst, self._left + (now - self._at) * self._rate), now
        return self._left

    def take(self) -> bool:
        """Use one request; false if none is allowed now."""
        if self.left < 1:
            return False
        self._left -= 1
        return True

    @property
    def wait(self) -> float:
        """Seconds until the next request is allowed."""
        return max(0.0, (1 - self.left) / self._rate)
