"""Steps of deliveries that run side by side, in the order in which the deliveries of a partition began."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager


class InOrder:
    """One order a partition. A delivery has a place in it from `place` on, until it leaves the block."""

    def __init__(self) -> None:
        # Done when that delivery and all before have left. The result: whether it left without an error.
        self._last: dict[int, asyncio.Future[bool]] = {}

    @contextmanager
    def place(self, partition: int) -> Iterator[Callable[[], Awaitable[bool]]]:
        """Gives a call that waits until all before have left their blocks.

        It returns whether the one right before left without an error.
        """
        before, done = self._last.get(partition), asyncio.get_running_loop().create_future()
        self._last[partition] = done
        well = False

        async def its_turn() -> bool:
            return before is None or await asyncio.shield(before)

        try:
            yield its_turn
            well = True
        finally:
            if before is None or before.done():
                done.set_result(well)
            else:
                before.add_done_callback(lambda _: done.set_result(well))
