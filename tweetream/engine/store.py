"""Where a replicated table keeps its entries: Faust's memory store, which knows how far its table has read."""

from typing import Any

from faust.stores import memory
from faust.types import TP
from typing_extensions import override


class Store(memory.Store):  # type: ignore[type-arg]
    """Faust's memory store, which tells the recovery how far its table has read."""

    table: Any  # a ReplicatedTable

    @override
    def persisted_offset(self, tp: TP) -> int | None:
        read_to: int | None = self.table.read_to
        return read_to

    @override
    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Faust would drop every key of a partition that is not active here, which another worker owns."""
        if self.table.stale:
            await self.table.mend()
