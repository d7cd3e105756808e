"""A Faust GlobalTable that loses no change and never goes back.

Faust sends a table's changes without waiting, and a worker that reads its own changes back would for
a moment see an older value in place of its newer one. Here changes are kept until `flush` has delivered
them, and a key takes nothing older from the changelog than what it has: nothing of a lower offset, and nothing
of an earlier state, which a worker writes that was frozen, replaced, and does not know it yet.
"""

from collections.abc import Iterable
from typing import Any

from faust.tables.globaltable import GlobalTable
from faust.types import TP

from tweetream.outbox import Outbox, Wanted, always


class ReplicatedTable(GlobalTable):
    """A table of bytes with one partition. Whoever owns that partition writes it; `flush` before acknowledging."""

    outbox: Outbox

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._pending: dict[bytes, bytes | None] = {}  # changed here, not delivered yet
        self._delivered: dict[bytes, bytes | None] = {}  # what Kafka has for the keys that are pending
        self._offsets: dict[bytes, int] = {}  # the changelog offset behind each key's value
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

    async def flush(self, wanted: Wanted = always) -> None:
        """Deliver what was changed, in the order of change. Raises GivenUp (it stays pending)."""
        while self._pending:
            key, value = next(iter(self._pending.items()))
            term = self._term
            sent = await self.outbox.send(self.changelog_topic_name, 0, value, key=key, wanted=wanted)
            if term != self._term:
                continue  # withdrawn while it was sent: the changelog tells what became of it
            self._offsets[key] = max(sent.offset, self._offsets.get(key, -1))
            self.data.set_persisted_offset(TP(self.changelog_topic_name, 0), sent.offset)
            self._delivered[key] = value
            if key in self._pending and self._pending[key] is value:
                del self._pending[key], self._delivered[key]

    def is_outdated(self, key: bytes, there: bytes, new: bytes | None) -> bool:
        """Whether `new` is of an earlier state than `there`, though it was written later."""
        return False

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        newer: dict[bytes, Any] = {}
        for event in batch:
            key, offset = event.key, event.message.offset
            if offset <= self._offsets.get(key, -1):
                continue
            self._offsets[key] = offset
            known = newer[key].value if key in newer else self._delivered.get(key, self.data.get(key))
            if known is not None and self.is_outdated(key, known, event.value):
                self._restore(key, known)
            elif key in self._pending:
                self._delivered[key] = event.value
            else:
                newer.pop(key, None)
                newer[key] = event
        super().apply_changelog_batch(newer.values())
        self.version += 1

    def _restore(self, key: bytes, value: bytes) -> None:
        """Whoever reads the changelog from its beginning must find `value` last: if it is ours to write, do it."""
        if self._is_active() and key not in self._pending:
            self._pending[key] = self._delivered[key] = value

    def _is_active(self) -> bool:
        return TP(self.changelog_topic_name, 0) in self.app.assignor.assigned_actives()

    async def on_rebalance(self, assigned: set[TP], revoked: set[TP], newly: set[TP], generation_id: int = 0) -> None:
        if not self._is_active():
            self._withdraw()
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

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        # Faust's memory store drops every key of a partition that is not active here: of a global table, all
        # that the other workers have.
        await super().on_recovery_completed(active_tps | standby_tps, standby_tps)
