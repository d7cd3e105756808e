"""Counts → the counts table: the posts of each feed by minute, label and source, each post once.

Records are gathered for a second, since a change of the table costs more than a count, and longer when more than
PER_SECOND entries change. A record is counted in an entry only if its stamp is above the highest one that the entry has
seen of that partition.
"""

import asyncio
import logging
from functools import cache, partial
from typing import Any

from faust.types import EventT
from mode import Service

from tweetream.agents.at_least_once import give_up, is_still_assigned, time_of
from tweetream.app import app, settings
from tweetream.kafka.producer import Abandoned, RecordRejected
from tweetream.kafka.retry import retry_machine_errors
from tweetream.models import codec
from tweetream.models.counts import MAX_KINDS, CountRecord, Counts, check_counts
from tweetream.topology import counts, counts_table, dead_letter, now_ms

log = logging.getLogger(__name__)
GATHER = 1.0  # seconds: each change of the table goes to every worker
PER_SECOND = 300  # entries of the table that change
GATHER_MOST = 10.0  # seconds
WAIT_MOST = 500  # records: what was counted lately is known by the last 1,000 (`counted`)
SLICE = 10  # records that are added up before others have their turn; one can name all feeds
TRY_AGAIN = 5.0  # seconds, when Kafka rejects the records of the table
MINUTES = 61  # kept of each feed: the last hour and the current minute
AHEAD = 60  # minutes that the clock of another worker may be ahead
_NO_STAMP = (-1, -1, -1)


class PendingCounts:
    """The events of the count records that are not in the table yet.

    Each is decoded again when it is counted: else each garbage collection would look at the dicts of all that wait.
    """

    def __init__(self) -> None:
        self._pending: list[EventT[Any]] = []

    def __len__(self) -> int:
        return len(self._pending)

    def append(self, event: EventT[Any]) -> None:
        self._pending.append(event)

    async def write(self) -> int:
        """Write the records to the table, and acknowledge them. Returns how many entries changed.

        Raises RecordRejected, or an error of this machine: they stay pending, and the stamps tell the next time which
        of them are counted.
        """
        taken = self._take()
        try:
            changed = await self._changed(taken)
            put(changed)
            await counts_table.flush(app.is_flowing)
        except Abandoned:
            for event in taken:
                give_up(event)
            return 0
        except (RecordRejected, OSError, MemoryError):
            self._pending[:0] = taken
            raise
        else:
            for event in taken:
                event.ack()
            return len(changed)

    async def _changed(self, taken: list[EventT[Any]]) -> dict[str, Counts]:
        """The entries with these records, by feed. Raises Abandoned if a rebalance came meanwhile."""
        changed: dict[str, Counts] = {}
        for number, event in enumerate(taken, 1):
            add(changed, codec.decode(event.value, CountRecord))
            if number % SLICE == 0:
                await asyncio.sleep(0)
        if not all(map(is_still_assigned, taken)):  # the table can be another worker's now
            raise Abandoned("a rebalance came before they were counted")
        return changed

    def _take(self) -> list[EventT[Any]]:
        """The pending records that are still this worker's; after a rebalance the others come again."""
        taken, self._pending = self._pending, []
        for event in taken:
            if not is_still_assigned(event):
                give_up(event)
        return [event for event in taken if is_still_assigned(event)]


@cache
def pending() -> PendingCounts:
    """The worker's one list of pending counts, shared by the agent and the service."""
    return PendingCounts()


@app.agent(counts, name="counting")
async def counting(stream: Any) -> None:
    """Gather the counts."""
    async for event in stream.noack().events():
        await retry_machine_errors(partial(_gather, event))


async def _gather(event: EventT[Any]) -> None:
    try:
        check_counts(codec.decode(event.value, CountRecord), time_of(event), settings.partitions)
        pending().append(event)
    except codec.TooNew as error:
        app.abort(str(error))
    except codec.Undecodable as error:
        await dead_letter(event.message.topic, event.value, str(error))
        event.ack()


@app.service
class Counting(Service):
    """Writes the gathered counts to the table once a second."""

    @Service.task
    async def _write(self) -> None:
        pause = 0.0
        while not self.should_stop:
            await self._wait(pause)
            try:
                pause = min(max(GATHER, await pending().write() / PER_SECOND), GATHER_MOST)
            except (
                RecordRejected,
                OSError,
                MemoryError,
            ) as error:  # an exception that leaves a service ends the worker
                log.error("the counts wait, since they cannot be written: %r", error)
                await self.sleep(TRY_AGAIN)

    async def _wait(self, seconds: float) -> None:
        """Wait so long, once GATHER at least. A rebalance and the stop wait for these records, so they end it."""
        waited = 0.0
        while not waited or (waited < seconds and app.is_flowing() and len(pending()) < WAIT_MOST):
            await self.sleep(GATHER)
            waited += GATHER


def add(changed: dict[str, Counts], record: CountRecord) -> None:
    """Add a record to the entries of its feeds: to those that have `changed`, or those of the table."""
    partition, stamp, sources = record.partition, (record.epoch, record.sequence, record.index), record.sources
    for feed, minutes in record.counts.items():
        entry = changed.get(feed) or counts_table.entry(feed)
        if stamp > entry.stamps.get(partition, _NO_STAMP):
            changed[feed] = entry
            entry.stamps[partition] = stamp
            count(entry, minutes)
            if feed in sources:
                add_up(entry.sources, sources[feed])


def put(changed: dict[str, Counts]) -> None:
    """Put these entries into the table, with the minutes that are kept."""
    now = now_ms() // 60_000
    kept = range(now - MINUTES + 1, now + AHEAD)
    for feed, entry in changed.items():
        entry.minutes = {minute: labels for minute, labels in entry.minutes.items() if minute in kept}
        entry.sources = {minute: sources for minute, sources in entry.sources.items() if minute in kept}
        counts_table.put(feed, entry)


def count(entry: Counts, minutes: dict[int, dict[str, int]]) -> None:
    """Add posts by minute and label to an entry."""
    add_up(entry.minutes, minutes)
    for labels in minutes.values():
        _sum_up(entry.labels, labels)


def add_up(there: dict[int, dict[str, int]], more: dict[int, dict[str, int]]) -> None:
    """Add numbers by minute and kind to those that are there."""
    for minute, numbers in more.items():
        kinds = there.get(minute)
        if kinds is None:
            kinds = there[minute] = {}
        _sum_up(kinds, numbers)


def _sum_up(there: dict[str, int], more: dict[str, int]) -> None:
    """Add numbers by kind; the kinds that come after MAX_KINDS are left out."""
    for kind, number in more.items():
        if kind in there:
            there[kind] += number
        elif len(there) < MAX_KINDS:
            there[kind] = number
