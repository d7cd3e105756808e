"""How often each client may make a call that costs CPU. Each worker counts for itself. Imports no Faust."""

import asyncio
import math
import time
from collections.abc import Callable

from tweetream.web.problems import Problem

_FEWEST = 1_000  # clients that are remembered before some are forgotten


class CallRate:
    """A token bucket for each client, kept as the time at which it is full again (GCRA)."""

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._tolerance = (burst - 1) * self._interval
        self._clock = clock
        self._full_at: dict[str, float] = {}
        self._forget_at = _FEWEST

    def take(self, client: str) -> None:
        """Count one call of the client. Raises Problem if that is too many."""
        if wait := self.wait(client):
            detail = f"at most {1 / self._interval:g} such calls a second are allowed after the first ones"
            raise Problem(429, detail, {"Retry-After": str(math.ceil(wait))})

    async def pace(self, client: str, most: float) -> None:
        """Count one call of the client, and wait until it is not too many. Raises Problem if that takes over `most` s.

        A program that waits for each answer is slowed down by that, and loses nothing.
        """
        if wait := self.wait(client, most):
            if wait > most:
                raise Problem(429, "this address sends too many requests", {"Retry-After": str(math.ceil(wait))})
            await asyncio.sleep(wait)

    def wait(self, client: str, most: float = 1e-9) -> float:
        """The seconds until a call of the client is not too many. It is counted unless that is over `most`."""
        now = self._clock()
        full_at = max(self._full_at.get(client, now), now)
        wait = max(0.0, full_at - now - self._tolerance)
        if wait > most:
            return wait
        self._full_at[client] = full_at + self._interval
        if len(self._full_at) > self._forget_at:
            self._full_at = {name: at for name, at in self._full_at.items() if at > now}
            self._forget_at = max(_FEWEST, 2 * len(self._full_at))
        return wait if wait > 1e-9 else 0.0
