"""Finds streams that stand still: partitions with records whose committed offset does not move. Knows no Faust."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, NamedTuple, TypeVar

STILL = 60.0  # seconds; a record of 200 posts takes milliseconds, and a wait for a command 5 s
Partition = TypeVar("Partition", bound=Hashable)


class Offsets(NamedTuple):
    """What is committed of a partition, what is delivered next, and where its log ends by the last fetch."""

    committed: int
    next: int
    end: int


class _Seen(NamedTuple):
    committed: int
    end: int  # of the log, when the committed offset was first seen
    since: float | None  # when records began to wait


class Progress(Generic[Partition]):
    """Compares the offsets with those seen before."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: dict[Partition, _Seen] = {}

    def look(self, found: Mapping[Partition, Offsets]) -> str:
        """Take in the offsets of this worker's partitions. Returns which one stands still, if one does.

        Nothing stands still where nothing flows: in a rebalance, and while Kafka is away, nothing is `found`.
        """
        now = self._now()
        self._seen = {partition: self._compare(partition, offsets, now) for partition, offsets in found.items()}
        for partition, (committed, _, since) in self._seen.items():
            if since is not None and now - since >= STILL:
                return f"{partition} stands still at offset {committed}"
        return ""

    def _compare(self, partition: Partition, offsets: Offsets, now: float) -> _Seen:
        before = self._seen.get(partition)
        if before is None or before.committed != offsets.committed:
            before = _Seen(offsets.committed, offsets.end, None)
        # Records before the end that was seen first may be gone from the log: only later ones must come.
        waiting = offsets.next > offsets.committed or offsets.end > before.end
        return before._replace(since=(before.since if before.since is not None else now) if waiting else None)
