"""How far the alerts of each feed are, and which were delivered: a compacted topic that every worker reads.

One worker at a time writes, in its epoch. A write counts when this worker has read it back: whatever came before it is
then known, also the epoch of a worker that has taken over. So a worker that was frozen and replaced sends nothing that
it had not written before. An alert is written before it is sent, and once more when it was delivered.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from tweetream import metrics
from tweetream.kafka.compacted import CompactedRecord
from tweetream.models import codec
from tweetream.models.alert import AlertState
from tweetream.models.epoch import is_plausible

log = logging.getLogger(__name__)
ECHO_TIMEOUT = 10.0  # seconds
_EPOCH, _STATE, _DONE = b"epoch", b"state/", b"done/"
Send = Callable[[bytes, bytes | None], Awaitable[object]]


class Replaced(Exception):
    """Another worker writes the alerts now."""


class _Done(msgspec.Struct, frozen=True):
    """The id of the last alert of a feed that is done: delivered, refused or given up."""

    id: str


class AlertLog:
    """The log as this worker has read it. `send` writes a record, and waits until Kafka has it."""

    def __init__(self, topic: str, send: Send) -> None:
        self._topic, self._send = topic, send
        self.states: dict[str, AlertState] = {}  # by the feed's Kafka topic
        self._done: dict[str, str] = {}
        self._overwritten: set[str] = set()  # feeds whose last record in Kafka is not their state
        self._highest = 0  # the highest epoch read
        self._epoch = 0  # ours, while we write
        self._echoes: dict[tuple[bytes, bytes | None], asyncio.Event] = {}

    def is_done(self, feed: str) -> bool:
        """Whether the feed's last alert needs no more attempts."""
        state = self.states.get(feed)
        return state is None or state.alert is None or self._done.get(feed) == state.alert.id

    def take(self, records: list[CompactedRecord]) -> None:
        """Take the next records of the topic. Raises TooNew."""
        for record in records:
            try:
                self._take(record)
            except (codec.Undecodable, UnicodeDecodeError):
                metrics.dead_letters.labels(self._topic).inc()
            if echo := self._echoes.pop((record.key, record.value), None):
                echo.set()

    def _take(self, record: CompactedRecord) -> None:
        if record.key == _EPOCH:
            self._highest = max(self._highest, _plausible(codec.decode(record.value, int), record.timestamp))
        elif record.key.startswith(_STATE):
            feed = record.key.removeprefix(_STATE).decode()
            if record.value is None:
                self.states.pop(feed, None)
                return
            state = codec.decode(record.value, AlertState)
            if _plausible(state.epoch, record.timestamp) >= self._highest:
                self.states[feed] = state
                self._overwritten.discard(feed)
            else:  # its writer had been replaced
                self._overwritten.add(feed)
        elif record.key.startswith(_DONE):
            feed = record.key.removeprefix(_DONE).decode()
            if record.value is None:
                self._done.pop(feed, None)
            else:  # true whoever says so: a worker that was replaced may have been sending
                self._done[feed] = codec.decode(record.value, _Done).id
        else:
            raise codec.Undecodable("no key of ours")

    async def begin(self, now: int) -> int:
        """Begin an epoch, at the time `now` (ms). When this returns, all that earlier epochs wrote is known."""
        self._epoch = max(now, self._highest + 1)
        await self._write(_EPOCH, codec.encode(self._epoch))
        return self._epoch

    async def put(self, feed: str, state: AlertState) -> None:
        """Write the state of a feed. Raises Replaced."""
        await self._write(_STATE + feed.encode(), codec.encode(state))

    async def restore(self) -> None:
        """Write the states again that a replaced worker has overwritten: compaction keeps the last record alone."""
        for feed in self._overwritten & self.states.keys():
            await self.put(feed, msgspec.structs.replace(self.states[feed], epoch=self._epoch))

    async def finish(self, feed: str, id: str) -> None:
        """Write that an alert needs no more attempts. That holds also if another worker writes now."""
        self._done[feed] = id
        await self._send(_DONE + feed.encode(), codec.encode(_Done(id)))

    async def forget(self, feed: str) -> None:
        """Delete the state of a feed that has no rule any more. Raises Replaced."""
        await self.put(feed, AlertState(self._epoch))  # a deletion has no epoch, so a replaced worker stops here
        await self._write(_STATE + feed.encode(), None)
        await self._send(_DONE + feed.encode(), None)

    async def _write(self, key: bytes, value: bytes | None) -> None:
        echo = self._echoes[key, value] = asyncio.Event()
        try:
            async with asyncio.timeout(ECHO_TIMEOUT):
                await self._send(key, value)
                await echo.wait()
        finally:
            self._echoes.pop((key, value), None)
        if self._highest != self._epoch:
            raise Replaced(f"epoch {self._highest} came after ours, {self._epoch}")


def _plausible(epoch: int, timestamp: int) -> int:
    if not is_plausible(epoch, timestamp):  # it would keep every later writer out
        raise codec.Undecodable("an epoch of the future")
    return epoch
