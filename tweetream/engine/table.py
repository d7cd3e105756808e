"""A Faust GlobalTable that loses no change and never goes back.

Faust sends a table's changes without waiting, and a worker that reads its own changes back would for
a moment see an older value in place of its newer one. Here changes are kept until `flush` has delivered
them, and a key takes nothing older from the changelog than what it has. The table is in memory, with a copy on disk of
what the changelog has (`disk.py`): Faust's own store for RocksDB writes there before Kafka has confirmed anything.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from faust.stores import memory
from faust.tables.globaltable import GlobalTable
from faust.types import TP

from tweetream.engine.changelog import Changelog, Record
from tweetream.engine.snapshot import Snapshot, fingerprint
from tweetream.kafka.producer import Abandoned, OrderedProducer, StillAssigned, always

log = logging.getLogger(__name__)


class Store(memory.Store):  # type: ignore[type-arg]
    """Faust's memory store, which tells recovery how far its table has read."""

    table: "ReplicatedTable"

    def persisted_offset(self, tp: TP) -> int | None:
        return self.table.read_to

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Faust's would drop every key of a partition that is not active here: all that the other workers have."""
        if self.table.stale:
            await self.table.mend()


class ReplicatedTable(GlobalTable):
    """A table of bytes with one partition. Whoever owns that partition writes it; `flush` before acknowledging.

    `stale` is set when records of the changelog are missing, as when Kafka compacted it while this worker was frozen:
    something deleted may still be here, until `rebuild`.
    """

    producer: OrderedProducer
    mend: Callable[[], Awaitable[None]]  # has it rebuilt, as far as Kafka lets one

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.read_to: int | None = None  # the last record of the changelog that is in the table
        self.stale = False
        self._copy: Snapshot | None = None
        self._pending: dict[bytes, bytes | None] = {}  # changed here, not delivered yet
        self._delivered: dict[bytes, bytes | None] = {}  # what Kafka has for the keys that are pending
        self._offsets: dict[bytes, int] = {}  # the changelog offset behind each key's value
        self._overwritten: set[bytes] = set()  # keys whose last record in the changelog is of an earlier state
        self._term = 0  # another number each time this worker loses the partition
        self.version = 0  # another number after each change, for those who keep what they made of the table
        super().__init__(*args, **kwargs)

    def on_key_set(self, key: bytes, value: bytes) -> None:
        self._change(key, value)

    def on_key_del(self, key: bytes) -> None:
        self._change(key, None)

    def _change(self, key: bytes, value: bytes | None) -> None:
        if key not in self._pending:
            self._delivered[key] = self.data.get(key)
        self._pending[key] = value
        self.version += 1

    async def flush(self, still_assigned: StillAssigned = always) -> None:
        """Deliver what was changed, in the order of change.

        Raises GivenUp: it stays pending, or was withdrawn since another worker writes now.
        """
        while self._pending:
            key, value = next(iter(self._pending.items()))
            term = self._term
            sent = await self.producer.send(self.changelog_topic_name, 0, value, key=key, still_assigned=still_assigned)
            if term != self._term:  # while it was sent: the changelog tells what became of it
                raise Abandoned(f"{self.name} is written by another worker now")
            self._offsets[key] = max(sent.offset, self._offsets.get(key, -1))
            if key in self._pending:
                self._overwritten.discard(key)
                self._delivered[key] = value
                if self._pending[key] is value:
                    del self._pending[key], self._delivered[key]
            elif value is not None and self._is_behind(key, value):  # it gave way while it was sent
                self._restore(key, self.data[key])

    def _is_behind(self, key: bytes, value: bytes) -> bool:
        there = self.data.get(key)
        return there is not None and self.is_outdated(key, there, value)

    def _new_store(self) -> Any:
        return Store("memory://", self.app, self, table_name=self.name, loop=self.loop)

    def is_outdated(self, key: bytes, there: bytes, new: bytes | None) -> bool:
        """Whether `new` is of an earlier state than `there`, though it was written later."""
        return False

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        for event in batch:
            message = event.message
            if self.read_to is not None and message.offset != self.read_to + 1:
                if message.offset <= self.read_to:
                    continue
                self.stale = True
            valid = self._take(event.key, event.value, message.offset)
            self.read_to = message.offset
            if self._copy is not None and not self.stale:
                record = fingerprint(round(message.timestamp * 1000), event.key, event.value)
                self._copy.put(event.key, valid, message.offset, record)
        self.version += 1

    def _take(self, key: bytes, value: bytes | None, offset: int) -> bytes | None:
        """What the changelog has of a key at an offset, if that is no older than what is here. Returns what holds."""
        known = self._delivered.get(key, self.data.get(key))
        if offset <= self._offsets.get(key, -1):
            if known is None or value is None or not self.is_outdated(key, value, known):
                return value
            # Ours stands behind it and is of an earlier state: we had been replaced when we wrote it.
            self._put(key, value)
            self._restore(key, value)
            return value
        self._offsets[key] = offset
        if known is not None and self.is_outdated(key, known, value):
            self._restore(key, known)
            return known
        self._overwritten.discard(key)
        self._put(key, value)
        return value

    def _put(self, key: bytes, value: bytes | None) -> None:
        pending = self._pending.get(key)
        if pending is not None and value is not None and self.is_outdated(key, value, pending):
            # We had been replaced when we changed it, and another worker went on from the same records.
            del self._pending[key], self._delivered[key]
        if key in self._pending:
            self._delivered[key] = value
        elif value is None:
            self.data.pop(key, None)
        else:
            self.data[key] = value

    def _restore(self, key: bytes, value: bytes) -> None:
        """Whoever reads the changelog from its beginning must find `value` last: if it is ours to write, do it."""
        self._overwritten.add(key)
        if self._is_active() and key not in self._pending:
            self._pending[key] = self._delivered[key] = value

    def _is_active(self) -> bool:
        return TP(self.changelog_topic_name, 0) in self.app.assignor.assigned_actives()

    def keep(self, copy: Snapshot) -> None:
        """Have a copy on disk, from `restore` on."""
        self._copy = copy

    async def restore(self, changelog: Changelog) -> None:
        """Take what the copy has, if the changelog goes on from there, and the rest from Kafka."""
        found = self._copy.load() if self._copy is not None else None
        if found is None:
            return await self.rebuild(changelog)
        place, entries = found
        rest = await changelog.rest(place)
        if rest is None:
            return await self.rebuild(changelog)
        log.info("%s: %d entries from disk, %d records from Kafka", self.changelog_topic_name, len(entries), len(rest))
        for key, value in entries.items():
            self._take(key, value, place.offset)
        self._add(rest)
        self.read_to = rest[-1].offset if rest else place.offset
        self.version += 1

    async def rebuild(self, changelog: Changelog) -> None:
        """Take all from Kafka, and drop what it does not have."""
        records = await changelog.read(changelog.begin)
        log.info("%s: %d records from Kafka, all there are", self.changelog_topic_name, len(records))
        there = {record.key for record in records if record.value is not None}
        for key in {*self.data, *self._delivered}:
            # What came behind that end is newer than what was read.
            if key not in there and self._offsets.get(key, -1) < changelog.end:
                self._put(key, None)
        if self._copy is not None:
            self._copy.clear()
        self._add(records)
        if self.read_to is not None and self.read_to >= changelog.end:
            self.close()  # it would lack what came while we read
        behind = [record.offset for record in records[-1:]]  # the embedded broker's end may be too low
        self.read_to = max(changelog.end - 1, -1 if self.read_to is None else self.read_to, *behind)
        self.stale = False
        self.version += 1

    def _add(self, records: Iterable[Record]) -> None:
        for record in records:
            valid = self._take(record.key, record.value, record.offset)
            if self._copy is not None:
                self._copy.put(record.key, valid, record.offset, record.fingerprint)

    def close(self) -> None:
        """Leave the copy as it is."""
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    async def on_rebalance(self, assigned: set[TP], revoked: set[TP], newly: set[TP], generation_id: int = 0) -> None:
        if not self._is_active():
            self._withdraw()
        else:
            for key in self._overwritten & self.data.keys():
                self._restore(key, self.data[key])
        await super().on_rebalance(assigned, revoked, newly, generation_id)

    def _withdraw(self) -> None:
        """Another worker writes now: what we could not deliver it will do again, from the same records."""
        for key, value in self._delivered.items():
            if value is None:
                self.data.pop(key, None)
            else:
                self.data[key] = value
        self._pending.clear()
        self._delivered.clear()
        self._term += 1
        self.version += 1
