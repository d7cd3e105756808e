"""How long new records gather before they go to the clients: not at all while the CPU has room. Knows no Kafka.

A write to a client costs the same for one event as for several. So while few events come, or few clients are there,
each event is written at once; as the cost of that grows, events wait for others.
"""

import math

LONGEST = 0.1  # seconds
SHARE = 0.05  # of a core: what writing each event at once may cost, before events gather
MEMORY = 1.0  # seconds over which that cost is measured


class Pace:
    """Measures what it costs, or would cost, to write each record at once."""

    def __init__(self) -> None:
        self._cost = 0.0  # seconds of CPU within MEMORY
        self._at = 0.0

    def pause(self, records: int, cpu: float, now: float) -> float:
        """The pause after a flush of `records` that took `cpu`, in seconds; `now` is a monotonic clock's time."""
        self._cost = self._cost * math.exp((self._at - now) / MEMORY) + records * cpu
        self._at = now
        return min(LONGEST, LONGEST * max(0.0, self._cost / (MEMORY * SHARE) - 1))
