"""An asyncio loop whose clock jumps to the next timer when there is nothing else to do.

Hours pass in a second, and how much happens in them does not depend on the machine. Limits: everything that the loop
waits for must be on this machine and come at once, since the time of the loop does not pass while others work.
"""

import asyncio
import selectors
from collections.abc import Callable

BEGIN = 1_750_000_000.0
ARRIVING = 0.001  # real seconds that a byte may need from one socket of this process to another


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Its time begins at 0, since an event loop counts billionths of a second."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_JumpingSelector(self._jump))

    def time(self) -> float:
        return self._now

    def _jump(self, seconds: float) -> None:
        self._now += seconds


class _JumpingSelector(selectors.DefaultSelector):
    """Waits no longer than a byte needs; the rest of the wait is a jump."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        found = super().select(min(timeout, ARRIVING))
        if not found:
            self._jump(timeout)
        return found


def now() -> float:
    """The date of the running loop, in seconds since 1970."""
    return BEGIN + asyncio.get_running_loop().time()
