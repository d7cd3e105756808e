"""The network that a claim is tested with, on this machine."""

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.networks.contract import Harness


@pytest.fixture
async def harness(network: type[Harness], tmp_path: Path) -> AsyncIterator[Harness]:
    """Of the class that `who_can` and `every_source` of harnesses.py chose."""
    complaints: list[str] = []  # of what was not closed, and of what failed where nobody looked
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(f"{context['message']}: {context}"))
    async with network(tmp_path) as begun:
        yield begun
    gc.collect()
    await asyncio.sleep(0)
    assert not complaints
