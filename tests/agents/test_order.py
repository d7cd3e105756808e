"""What is done in order waits for those before in its partition, however they end, and for no other partition."""

import asyncio

from tweetream.agents.order import InOrder


async def test_a_delivery_waits_for_all_before_it_in_its_partition() -> None:
    order, done = InOrder(), list[tuple[str, bool]]()
    free = {name: asyncio.Event() for name in ("slow", "failing", "quick", "other")}

    async def delivery(name: str, partition: int) -> None:
        with order.place(partition) as its_turn:
            await free[name].wait()
            if name == "failing":
                raise OSError
            done.append((name, await its_turn()))

    tasks = [asyncio.create_task(delivery(name, int(name == "other"))) for name in free]
    await asyncio.sleep(0)
    for name in ("quick", "other", "failing"):
        free[name].set()
    await asyncio.wait(tasks[1:2])
    await tasks[3]
    assert done == [("other", True)]
    free["slow"].set()
    await tasks[2]
    assert done == [("other", True), ("slow", True), ("quick", False)], "the one before it failed"
