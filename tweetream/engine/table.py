"""A Faust GlobalTable that loses no change and never returns to an older value.

Faust sends the changes of a table without waiting. And a worker that reads its own changes back would see an older
value for a moment. Here changes are kept until `flush` has delivered them, and a key takes no older value from the
changelog. The table is in memory, with a snapshot on disk of what the changelog has (`snapshot.py`). Faust's own
RocksDB store is not used, since it writes to disk before Kafka has confirmed anything.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from faust.tables.globaltable import GlobalTable
from faust.types import TP
from typing_extensions import override

from tweetream.engine.application import App
from tweetream.engine.changelog import Changelog, ChangelogRecord
from tweetream.engine.snapshot import Snapshot, fingerprint
from tweetream.engine.store import Store
from tweetream.kafka.producer import Abandoned, OrderedProducer, RecordTooLarge
from tweetream.kafka.send_queue import Send, StillAssigned, always
from tweetream.models import codec

log = logging.getLogger(__name__)


class ReplicatedTable(GlobalTable):
    """A table of bytes with one partition. The owner of that partition writes it, and calls `flush` before it
    acknowledges an event.

    `stale` is set when records of the changelog are missing, as when Kafka compacted it while this worker was frozen.
    Deleted keys may then still be here, until `rebuild`.
    """

    app: App
    producer: OrderedProducer
    mend: Callable[[], Awaitable[None]]  # rebuilds the stale tables, if Kafka answers

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.read_to: int | None = None  # the last record of the changelog that is in the table
        self.stale = False
        self._snapshot: Snapshot | None = None
        self._pending: dict[bytes, bytes | None] = {}  # changed here, not delivered yet
        self._delivered: dict[bytes, bytes | None] = {}  # the values in Kafka of the pending keys
        self._offsets: dict[bytes, int] = {}  # the changelog offset of each key's value
        self._overwritten: set[bytes] = set()  # keys whose last changelog record is of an earlier state
        self._corrupt: dict[bytes, str] = {}  # keys whose last record in the changelog is none of ours
        self._term = 0  # grows each time this worker loses the partition
        self.version = 0  # grows with each change, for readers that cache what they made of the table
        self._changed = asyncio.Event()  # set at the next change or delivery, and then replaced
        super().__init__(*args, **kwargs)

    @override
    def on_key_set(self, key: bytes, value: bytes) -> None:
        self._change(key, value)

    @override
    def on_key_del(self, key: bytes) -> None:
        self._change(key, None)

    def _change(self, key: bytes, value: bytes | None) -> None:
        if key not in self._pending:
            self._delivered[key] = self.data.get(key)
        self._pending[key] = value
        self._note_change()

    def _note_change(self) -> None:
        self.version += 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_change(self) -> None:
        """Wait until the table changes, or a change of it is delivered."""
        await self._changed.wait()

    def in_changelog(self, key: bytes) -> bytes | None:
        """The value of a key that Kafka has, which is older than the table's while a change is pending."""
        return self._delivered.get(key, self.data.get(key))

    async def flush(self, still_assigned: StillAssigned = always) -> None:
        """Deliver what was changed, in the order of change.

        Raises RecordTooLarge, or Abandoned: a change stays pending, or was withdrawn since another worker writes now.
        """
        while self._pending:
            changes, term = list(self._pending.items()), self._term
            send = Send([(value, []) for _, value in changes], [key for key, _ in changes], still_assigned)
            send.strict, rejected = True, None  # what follows a change that Kafka never takes must not go without it
            try:
                await self.producer.deliver(self.changelog_topic_name, 0, send)
            except RecordTooLarge as error:
                rejected = error
            if term != self._term:  # lost while it was sent: the changelog has the outcome
                raise Abandoned(f"{self.name} is written by another worker now")
            for (key, value), offset in zip(changes, send.offsets, strict=False):
                self._sent(key, value, offset)
            self._wake()
            if rejected is not None:
                raise rejected

    def _sent(self, key: bytes, value: bytes | None, offset: int) -> None:
        """Kafka has this change."""
        self._offsets[key] = max(offset, self._offsets.get(key, -1))
        if key in self._pending:
            self._overwritten.discard(key)
            self._delivered[key] = value
            if self._pending[key] is value:
                del self._pending[key], self._delivered[key]
        elif value is not None and self._is_older(key, value):  # a newer value came while it was sent
            self._restore(key, self.data[key])

    def _is_older(self, key: bytes, value: bytes) -> bool:
        there = self.data.get(key)
        return there is not None and self.is_outdated(key, there, value)

    @override
    def _new_store(self) -> Any:
        return Store("memory://", self.app, self, table_name=self.name, loop=self.loop)

    def is_outdated(self, key: bytes, there: bytes, new: bytes | None) -> bool:
        """Whether `new` is of an earlier state than `there`, although it was written later."""
        return False

    def check(self, key: bytes, value: bytes) -> None:
        """Raise ValueError if that cannot be an entry of the table."""

    def _is_sound(self, key: bytes, value: bytes | None, offset: int) -> bool:
        self._corrupt.pop(key, None)
        try:
            if value is not None:
                self.check(key, value)
        except codec.TooNew as error:
            self.app.abort(str(error))
            return False
        except ValueError as error:
            self._corrupt[key] = f"offset {offset} of {self.changelog_topic_name}, key {key[:100]!r}: {error}"
        return key not in self._corrupt

    def _stop_if_corrupt(self) -> None:
        """End the worker if a key's last record is none of ours: with a guess in its place, topics could be lost."""
        for reason in self._corrupt.values():
            if self._snapshot is not None:
                self._snapshot.clear()  # it has passed the record, which the next start must find again
                self.close()
            self.app.abort(
                f"{reason.splitlines()[0]}: write a record with that key and without a value, and start the workers "
                "again; the last good record of the key counts then"
            )

    @override
    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        for event in batch:
            message = event.message
            if self.read_to is not None and message.offset != self.read_to + 1:
                if message.offset <= self.read_to:
                    continue
                self.stale = True
            valid = self._take(event.key, event.value, message.offset)
            self.read_to = message.offset
            if self._snapshot is not None and not self.stale:
                record = fingerprint(round(message.timestamp * 1000), event.key, event.value)
                self._snapshot.put(event.key, valid, message.offset, record)
        self._stop_if_corrupt()
        self._note_change()

    def _take(self, key: bytes, value: bytes | None, offset: int) -> bytes | None:
        """Take a key's value from the changelog, unless it is older than the value here. Returns the valid one."""
        known = self.in_changelog(key)
        if value is not None and value == known and offset <= self._offsets.get(key, -1):
            self._corrupt.pop(key, None)
            return value  # our own change comes back; to decode it would cost more than to make it
        if not self._is_sound(key, value, offset):
            return known
        if offset <= self._offsets.get(key, -1):
            if known is None or value is None or not self.is_outdated(key, value, known):
                return value
            # Our record comes after it and is of an earlier state: another worker had replaced us when we wrote it.
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
            # Another worker had replaced us when we changed it, and went on from the same records.
            del self._pending[key], self._delivered[key]
        if key in self._pending:
            self._delivered[key] = value
        elif value is None:
            self.data.pop(key, None)
        else:
            self.data[key] = value

    def _restore(self, key: bytes, value: bytes) -> None:
        """Write `value` again if this worker owns the table: a reader of the changelog must find it last."""
        self._overwritten.add(key)
        if self._is_active() and key not in self._pending:
            self._pending[key] = self._delivered[key] = value

    def write_again(self) -> None:
        """The changelog is gone: all that is here is written to the one that is made in its place, by its owner."""
        self._offsets.clear()
        self.read_to = -1  # if it is there after all, its next record is a later one, and the table is stale
        if self._snapshot is not None:
            self._snapshot.clear()
        for key, value in self.data.items():
            self._restore(key, value)

    def _is_active(self) -> bool:
        return TP(self.changelog_topic_name, 0) in self.app.assignor.assigned_actives()

    def keep(self, snapshot: Snapshot) -> None:
        """Keep a snapshot on disk, from `restore` on."""
        self._snapshot = snapshot

    async def restore(self, changelog: Changelog) -> None:
        """Load the snapshot, if the changelog continues it, and the rest from Kafka."""
        found = self._snapshot.load() if self._snapshot is not None else None
        if found is None:
            return await self.rebuild(changelog)
        position, entries = found
        rest = await changelog.after(position)
        if rest is None:
            return await self.rebuild(changelog)
        log.info("%s: %d entries from disk, %d records from Kafka", self.changelog_topic_name, len(entries), len(rest))
        for key, value in entries.items():
            self._take(key, value, position.offset)
        if self._corrupt:
            return await self.rebuild(changelog)
        self._add(rest)
        self.read_to = rest[-1].offset if rest else position.offset
        self._note_change()

    async def rebuild(self, changelog: Changelog) -> None:
        """Load everything from Kafka, and drop the keys that it does not have."""
        records = await changelog.read(changelog.begin)
        self._corrupt.clear()
        log.info("%s: %d records from Kafka, read from the beginning", self.changelog_topic_name, len(records))
        there = {record.key for record in records if record.value is not None}
        for key in {*self.data, *self._delivered}:
            # A record after that end is newer than those that were read.
            if key not in there and self._offsets.get(key, -1) < changelog.end:
                self._put(key, None)
        if self._snapshot is not None:
            self._snapshot.clear()
        self._add(records)
        if self.read_to is not None and self.read_to >= changelog.end:
            self.close()  # it would lack the records that came meanwhile
        last = [record.offset for record in records[-1:]]  # the end of the embedded broker may be too low
        self.read_to = max(changelog.end - 1, -1 if self.read_to is None else self.read_to, *last)
        self.stale = False
        self._note_change()

    def _add(self, records: Iterable[ChangelogRecord]) -> None:
        for record in records:
            valid = self._take(record.key, record.value, record.offset)
            if self._snapshot is not None:
                self._snapshot.put(record.key, valid, record.offset, record.fingerprint)
        self._stop_if_corrupt()

    def close(self) -> None:
        """Close the snapshot as it is."""
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None

    @override
    async def on_rebalance(self, assigned: set[TP], revoked: set[TP], newly: set[TP], generation_id: int = 0) -> None:
        if not self._is_active():
            self._withdraw()
        else:
            for key in self._overwritten & self.data.keys():
                self._restore(key, self.data[key])
        await super().on_rebalance(assigned, revoked, newly, generation_id)

    def _withdraw(self) -> None:
        """Drop the pending changes: another worker makes them again, from the same records."""
        for key, value in self._delivered.items():
            if value is None:
                self.data.pop(key, None)
            else:
                self.data[key] = value
        self._pending.clear()
        self._delivered.clear()
        self._term += 1
        self._note_change()
