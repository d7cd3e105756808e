"""What waits to be sent to one partition, in order, and which of it may go out in one batch."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

StillAssigned = Callable[[], bool]
Headers = Sequence[tuple[str, bytes]]
Record = tuple[bytes, Headers]


class Send:
    """The records of one call, and how many of them were sent or passed over. Without records it goes out alone.

    `too_large` has the indices of the records that Kafka will never take.
    """

    __slots__ = ("records", "keys", "still_assigned", "sent", "too_large")

    def __init__(self, records: Sequence[Record], keys: Sequence[bytes] | None, still_assigned: StillAssigned) -> None:
        self.records, self.keys, self.still_assigned = records, keys, still_assigned
        self.sent = 0
        self.too_large: list[int] = []

    @property
    def left(self) -> int:
        """The number of records that wait."""
        return len(self.records) - self.sent

    def pass_over(self) -> None:
        """Kafka will never take the next record."""
        self.too_large.append(self.sent)
        self.sent += 1

    def fill(self, batch: Any, size: int, most: int) -> int:
        """Append waiting records to a BatchBuilder, up to `size` bytes and `most` records. Returns how many."""
        added = 0
        for value, headers in islice(self.records, self.sent, self.sent + most):
            key = self.keys[self.sent + added] if self.keys else None
            if batch.record_count() and batch.size() + len(value) > size:
                break
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                break
            added += 1
        return added


class SendQueue:
    """The sends that wait for a partition. The one whose turn it is may take those behind it along."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting: deque[Send] = deque()

    @property
    def waits(self) -> bool:
        """Whether a send waits, or is in its turn."""
        return bool(self._waiting)

    @asynccontextmanager
    async def turn(self, send: Send | None = None) -> AsyncIterator[None]:
        """Wait for all before, and keep out all behind. A send that has gone along meanwhile has nothing left."""
        send = send or Send((), None, bool)
        self._waiting.append(send)
        try:
            async with self._lock:
                yield
        finally:
            self._waiting.remove(send)

    def together(self) -> list[Send]:
        """The sends that may go out in one batch: the first that is not done, and those right behind it.

        A send that is no longer assigned ends the list, since it must fail in its own turn.
        """
        found: list[Send] = []
        for send in self._waiting:
            if not send.left:
                if send.records:  # done
                    continue
                break
            if found and not send.still_assigned():
                break
            found.append(send)
        return found


def all_assigned(sends: Sequence[Send]) -> bool:
    """The StillAssigned of a batch that has records of each of these."""
    return all(send.still_assigned() for send in sends)
