"""Slows down a source without a rate of its own, such as a file read at full speed, to the speed of the workers."""

import asyncio
import contextlib

from tweetream.app import kafka
from tweetream.kafka import admin
from tweetream.kafka.retry import Unavailable
from tweetream.topology import NAMESPACE, POSTS

INTERVAL = 0.5  # seconds between two looks at the committed offsets
MAX_LAG = 400  # records of the posts topic, each a batch of posts, that are sent but not committed


class Backpressure:
    """Blocks such a source while the consumer group lags by MAX_LAG records or more."""

    def __init__(self) -> None:
        self._first: dict[int, int] = {}  # by partition, as below
        self._committed: dict[int, int] = {}
        self._sent: dict[int, int] = {}
        self._ready = asyncio.Event()
        self._ready.set()

    def sent(self, partition: int, offset: int) -> None:
        """Note that a record was sent."""
        self._first.setdefault(partition, offset)
        self._sent[partition] = offset + 1
        self._compare()

    def begin(self, ends: dict[int, int]) -> None:
        """Note the offsets after the markers of this run, by partition."""
        self._first, self._sent = dict(ends), dict(ends)

    def sent_to(self) -> dict[int, int]:
        """The offset after the last record sent, by partition: those of earlier runs are before it."""
        return dict(self._sent)

    def is_committed(self, offsets: dict[int, int]) -> bool:
        """Whether the group has committed all records before these offsets."""
        return all(self._committed.get(partition, 0) >= offset for partition, offset in offsets.items())

    async def ready(self) -> None:
        """Wait until the lag is small enough."""
        await self._ready.wait()

    async def watch(self) -> None:
        """Read the committed offsets until cancelled."""
        committed = admin.Committed(kafka, NAMESPACE, POSTS)
        try:
            while True:
                await asyncio.sleep(INTERVAL)
                with contextlib.suppress(Unavailable):
                    self._committed = await committed.offsets(list(self._sent))
                    self._compare()
        finally:
            await committed.close()

    def _compare(self) -> None:
        lag = sum(end - self._committed.get(partition, self._first[partition]) for partition, end in self._sent.items())
        if lag < MAX_LAG:
            self._ready.set()
        else:
            self._ready.clear()
