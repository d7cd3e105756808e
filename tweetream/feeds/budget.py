"""What reading older records may cost: a budget that fills by the second, and the calls that spend it. Knows no web.

A unit is a record that is read from Kafka, or 1 KiB of it if it is larger. Records in a feed's ring are free for pages,
and cost a new stream a tenth, since it may begin with thousands of them. A call may overdraw a budget: it ends early
with what it has, and the next call has to wait. So no call is refused halfway.
"""

import time
from collections.abc import Callable, Sequence

from typing_extensions import override

RINGED = 10  # records of a ring that cost as much as one from Kafka
UNIT = 1024  # bytes of a record that cost as much as a small record


class ReadBudget:
    """Units that may be read: `rate` more in a second, and `most` at once."""

    def __init__(self, rate: float, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most, self._clock = rate, most, clock
        self._left, self._at = most, clock()

    def _now(self) -> float:
        now = self._clock()
        self._left = min(self._most, self._left + self._rate * (now - self._at))
        self._at = now
        return self._left

    def spend(self, units: int) -> None:
        self._left = self._now() - units

    @property
    def wait(self) -> float:
        """Seconds until something is left; 0 if it is now."""
        return max(0.0, (1 - self._now()) / self._rate)

    @property
    def full(self) -> bool:
        return self._now() >= self._most


class OverBudget(Exception):
    """A call may not begin. `wait` tells for how many seconds, `everywhere` whether that is so for every client."""

    def __init__(self, wait: float, everywhere: bool) -> None:
        super().__init__(f"over budget for {wait:.1f} s")
        self.wait, self.everywhere = wait, everywhere


class Scan:
    """One call that reads older records for a client. It spends the client's budget and the one of all clients.

    `filtered` calls read few posts for many records, so they get a share of the readers. `free` units cost nothing.
    """

    def __init__(self, own: ReadBudget, of_all: ReadBudget, *, filtered: bool, free: int = 0) -> None:
        self._own, self._of_all = own, of_all
        self._free = free
        self._spent = 0
        self.filtered = filtered

    def spend(self, sizes: Sequence[int]) -> None:
        """Records of these bytes were read."""
        self._spend(sum([1 + size // UNIT for size in sizes]))

    def spend_ringed(self, number: int) -> None:
        """So many records of a ring were given."""
        self._spend(number // RINGED)

    def _spend(self, units: int) -> None:
        charged = max(0, units - max(0, self._free - self._spent))
        self._spent += units
        self._own.spend(charged)
        self._of_all.spend(charged)

    def begin(self) -> None:
        """Raise OverBudget, unless something is left or the call has read something.

        A call with free units does not wait for the budget of all. It does wait for its client's own: else a client
        whose every call reads more than that is never refused.
        """
        wait = self._own.wait if self._free else self.wait
        if not self._spent and wait:
            raise OverBudget(wait, everywhere=not self._own.wait)

    @property
    def wait(self) -> float:
        """Seconds until the call may read on."""
        if self._spent < self._free:
            return 0.0
        return max(self._own.wait, self._of_all.wait)


class PacedScan(Scan):
    """The reading of a stream, which is never refused: the stream waits."""

    @override
    def begin(self) -> None:
        return None
