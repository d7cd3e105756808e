"""Slows a source that has no pace of its own, such as a file read as fast as it goes, to what the group works off."""

import asyncio
import contextlib

from tweetream.app import kafka
from tweetream.kafka import admin
from tweetream.kafka.retry import Unavailable
from tweetream.topology import NAMESPACE, POSTS

PACE = 0.5  # seconds between two looks at what the group has committed
AHEAD = 1_000  # records that sources without a pace of their own may be ahead of the group


class Backpressure:
    """Holds a source that has no pace of its own to at most AHEAD records before what the group has committed."""

    def __init__(self) -> None:
        self._first: dict[int, int] = {}
        self._done: dict[int, int] = {}
        self._sent: dict[int, int] = {}
        self._free = asyncio.Event()
        self._free.set()

    def sent(self, partition: int, offset: int) -> None:
        self._first.setdefault(partition, offset)
        self._sent[partition] = offset + 1
        self._compare()

    async def ready(self) -> None:
        await self._free.wait()

    async def watch(self) -> None:
        committed = admin.Committed(kafka, NAMESPACE, POSTS)
        try:
            while True:
                await asyncio.sleep(PACE)
                with contextlib.suppress(Unavailable):
                    self._done = await committed.offsets(list(self._sent))
                    self._compare()
        finally:
            await committed.close()

    def _compare(self) -> None:
        ahead = sum(end - self._done.get(partition, self._first[partition]) for partition, end in self._sent.items())
        if ahead < AHEAD:
            self._free.set()
        else:
            self._free.clear()
