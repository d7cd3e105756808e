"""What is wrong with this worker, and for how long: `/readyz` and `/livez` answer by it. Knows no Faust.

A fault counts when it has lasted, so that no probe flaps in a rebalance, an election or a short stall. Before a worker
has been ready once, any fault counts.
"""

import time
from collections.abc import Callable

PATIENCE = 10.0  # seconds after which a fault makes the worker unready
HOPELESS = 300.0  # seconds after which a fault of the worker itself will not pass by itself


class Health:
    """The faults now. `note` is called at least every second, with every kind of fault."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._kafka = _Fault()
        self._loop = _Fault()
        self._own = _Fault()
        self._was_ready = False

    def note(self, kafka: str, own: str, *, since: float | None = None, held: str = "", held_for: float = 0.0) -> None:
        """Take in the faults at this moment; an empty text is none.

        `kafka` says that Kafka is away (`since` when), `own` what is wrong here, `held` that the event loop was held.
        """
        now = self._now()
        self._kafka.note(kafka, now if since is None else since)
        self._loop.note(held, now - held_for)
        # Without Kafka nothing flows here: that is no fault of this worker.
        self._own.note("" if kafka and self._was_ready else own, now)
        self._was_ready |= not (kafka or own or held)

    def unready(self) -> str:
        """Why no client should be sent to this worker; empty if it is ready."""
        return self._lasting(PATIENCE if self._was_ready else 0.0, self._kafka, self._loop, self._own)

    def unable(self) -> str:
        """Why this worker will not recover by itself; empty if it lives."""
        return self._lasting(HOPELESS, self._own) if self._was_ready else ""

    def _lasting(self, seconds: float, *faults: "_Fault") -> str:
        now = self._now()
        return next((fault.reason for fault in faults if fault.reason and now - fault.since >= seconds), "")


class _Fault:
    """A fault that is there, or not."""

    def __init__(self) -> None:
        self.reason, self.since = "", 0.0

    def note(self, reason: str, since: float) -> None:
        if reason and not self.reason:
            self.since = since
        self.reason = reason
