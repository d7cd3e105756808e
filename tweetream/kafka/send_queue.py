"""What waits to be sent to one partition, in order, and which of it may go out in one batch.

A caller can wait for its turn in a task of its own (`turn`). Or it adds records that are told of their end (`add`): one
task for the whole queue then sends them, which costs a tenth where each of a thousand partitions gets a record or two.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from itertools import islice
from typing import Any

log = logging.getLogger(__name__)
ROOM = 1024  # bytes of a record besides its key and value, at most: a batch is not asked for its size before each
StillAssigned = Callable[[], bool]
Header = tuple[str, bytes]
Headers = Sequence[Header]
Record = tuple[bytes, Headers]
AnyRecord = tuple[bytes | None, Headers]  # the value is None in a tombstone
Limit = AbstractContextManager[None]
_NO_LIMIT: Limit = nullcontext()


def always() -> bool:
    """The StillAssigned of records that no rebalance concerns."""
    return True


class Send:
    """The records of one call, and how many of them were sent or passed over. Without records it goes out alone.

    `too_large` has the indices of the records that Kafka will never take. With `keys` the value of a record may be
    None, and `offsets` has the offset of each record that was sent (-1: too large). A `strict` send ends by
    RecordTooLarge instead, and what comes after that record is not sent.
    """

    __slots__ = ("records", "keys", "turn", "sent", "too_large", "offsets", "strict", "_still_assigned", "_limit")

    def __init__(
        self,
        records: Sequence[AnyRecord],
        keys: Sequence[bytes] | None,
        still_assigned: StillAssigned,
        limit: Limit | None = None,
    ) -> None:
        self.records: Sequence[Any] = records
        self.keys = keys
        self._still_assigned, self._limit = still_assigned, limit
        self.turn: asyncio.Future[None] | None = None  # done when it is the turn of the call that waits
        self.sent = 0
        # No lists of its own: each garbage collection would look at those of ten thousand sends that wait.
        self.too_large: Sequence[int] = ()
        self.offsets: Sequence[int] = ()
        self.strict = False

    def still_assigned(self) -> bool:
        """Whether the records may be sent. Called before each attempt."""
        return self._still_assigned()

    def limit(self) -> Limit:
        """A block to enter before the first attempt."""
        return self._limit or _NO_LIMIT

    def ended(self, error: Exception | None) -> None:
        """Called once, when the queue to which the records were added has sent them, or an error ended their way."""

    def pairs(self, most: int) -> Iterable[tuple[bytes | None, list[Header]]]:
        """The values and headers of the next records, so many at most."""
        return ((value, list(headers)) for value, headers in islice(self.records, self.sent, self.sent + most))

    @property
    def left(self) -> int:
        """The number of records that wait."""
        return len(self.records) - self.sent

    def pass_over(self) -> None:
        """Kafka will never take the next record."""
        self.too_large = [*self.too_large, self.sent]
        self.count(1, -1)

    def count(self, number: int, offset: int) -> None:
        """So many more records are done, of which the first got this offset."""
        self.sent += number
        if self.keys:
            self.offsets = [*self.offsets, *range(offset, offset + number)]

    def fill(self, batch: Any, size: int, most: int) -> int:
        """Append waiting records to a BatchBuilder, up to `size` bytes and `most` records. Returns how many."""
        added, room, append, keys = 0, 0, batch.append, self.keys
        for value, headers in self.pairs(most):
            length = len(value or b"")
            if room < length:
                room = size - batch.size()
                if room < length and batch.record_count():
                    break
            key = keys[self.sent + added] if keys else None
            if append(key=key, value=value, timestamp=None, headers=headers) is None:
                break
            room -= length + ROOM + len(key or b"")
            added += 1
        return added


class SendQueue:
    """The sends that wait for a partition. The one whose turn it is may take those behind it along.

    `deliver` sends the first of those that were added, and what goes along.
    """

    def __init__(self, deliver: Callable[[Send], Awaitable[None]]) -> None:
        self._waiting: deque[Send] = deque()
        self._deliver = deliver
        self._busy = False  # the first has its turn
        self._sender: asyncio.Task[None] | None = None

    def add(self, send: Send) -> None:
        """Send these records when all before them are delivered, and then call `send.ended`."""
        self._waiting.append(send)
        if not self._busy:
            self._go_on()

    def _go_on(self) -> None:
        """Give the first its turn."""
        if self._busy or not self._waiting:
            return
        turn = self._waiting[0].turn
        if turn is None:
            self._sender = asyncio.create_task(self._send_added())
        elif turn.cancelled():  # it is about to leave, and goes on then
            return
        else:
            turn.set_result(None)
        self._busy = True

    async def _send_added(self) -> None:
        try:
            while self._waiting and (first := self._waiting[0]).turn is None:
                error = None
                try:
                    await self._deliver(first)
                except Exception as found:  # noqa: BLE001 - whatever it is, `ended` decides what becomes of the records
                    error = found
                self.end(first, error)
        finally:
            self._sender, self._busy = None, False
            self._go_on()

    def end(self, send: Send, error: Exception | None = None) -> None:
        """The records were delivered, or an error ended their way. Without an await before the next are sent."""
        if send.turn is not None or send not in self._waiting:
            return
        self._waiting.remove(send)
        try:
            send.ended(error)
        except Exception:  # a bug in it must not end the sending of others
            log.exception("after sending")

    def sent(self, sends: Sequence[Send], counts: Sequence[int], offset: int) -> None:
        """A batch was delivered, from this offset on: so many records of each send."""
        for send, count in zip(sends, counts, strict=False):
            send.count(count, offset)
            offset += count
            if send.sent == len(send.records):
                self.end(send)

    def stop(self, error: Exception) -> None:
        """End what was added with this error."""
        if self._sender is not None:
            self._sender.cancel()
        for send in list(self._waiting):
            self.end(send, error)

    @property
    def waits(self) -> bool:
        """Whether a send waits, or is in its turn."""
        return bool(self._waiting)

    @asynccontextmanager
    async def turn(self, send: Send | None = None) -> AsyncIterator[None]:
        """Wait for all before, and keep out all behind. A send that has gone along meanwhile has nothing left."""
        send = send or Send((), None, bool)
        turn = send.turn = asyncio.get_running_loop().create_future()
        self._waiting.append(send)
        self._go_on()
        try:
            await turn
            yield
        finally:
            self._waiting.remove(send)
            if turn.done() and not turn.cancelled():  # it had its turn; a cancellation may have come before it knew
                self._busy = False
            self._go_on()

    def together(self) -> list[Send]:
        """The sends that may go out in one batch: the first that is not done, and those right behind it.

        A send that is no longer assigned ends the list, since it must fail in its own turn. So the list is empty if
        the first is not.
        """
        found: list[Send] = []
        for send in self._waiting:
            if send.sent < len(send.records):
                if not send.still_assigned():
                    break
                found.append(send)
            elif not send.records:  # else it is done
                break
        return found


def all_assigned(sends: Sequence[Send]) -> bool:
    """The StillAssigned of a batch that has records of each of these."""
    return all(send.still_assigned() for send in sends)


def fill(batch: Any, sends: Sequence[Send], size: int, most: int) -> list[int]:
    """Fill a BatchBuilder, up to `size` bytes and `most` records. How many of each send are in it, up to the last."""
    counts = list[int]()
    for send in sends:
        left = send.left
        counts.append(send.fill(batch, size, most - sum(counts)))
        if counts[-1] < left:
            break
    batch.close()
    return counts
