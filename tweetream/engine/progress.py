"""Finds streams that stand still: partitions with records whose committed offset does not move. Knows no Faust."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

STILL = 60.0  # seconds; a record of 200 posts takes milliseconds, and a wait for a command 5 s
Partition = TypeVar("Partition", bound=Hashable)


class Progress(Generic[Partition]):
    """Compares the offsets with those seen before."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: dict[Partition, tuple[int, float]] = {}  # the committed offset, and since when it is that

    def look(self, offsets: Mapping[Partition, tuple[int, int]]) -> str:
        """Take in each partition's committed offset and its log's end. Returns which one stands still, if one does.

        Nothing stands still where nothing flows: in a rebalance, and while Kafka is away, there are no `offsets`.
        """
        now = self._now()
        waiting = {partition: committed for partition, (committed, end) in offsets.items() if committed < end}
        self._seen = {
            partition: seen if (seen := self._seen.get(partition, (-1, 0.0)))[0] == committed else (committed, now)
            for partition, committed in waiting.items()
        }
        for partition, (committed, since) in self._seen.items():
            if now - since >= STILL:
                return f"{partition} stands still at offset {committed}"
        return ""
