"""Steps of deliveries that run side by side, in the order in which the deliveries of a partition began."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager


class InOrder:
    """One order a partition. A delivery has a place in it from `place` on, until it leaves the block."""

    def __init__(self) -> None:
        self._last: dict[int, asyncio.Future[None]] = {}  # done when that delivery and all before have left

    @contextmanager
    def place(self, partition: int) -> Iterator[Callable[[], Awaitable[object]]]:
        """Gives a call that waits until all before have left their blocks."""
        before, done = self._last.get(partition), asyncio.get_running_loop().create_future()
        self._last[partition] = done

        async def its_turn() -> None:
            if before is not None:
                await asyncio.shield(before)

        try:
            yield its_turn
        finally:
            if before is None or before.done():
                done.set_result(None)
            else:
                before.add_done_callback(lambda _: done.set_result(None))
