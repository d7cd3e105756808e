"""The network of a test, on this machine."""

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.networks.contract import Harness


@pytest.fixture
async def harness(network: type[Harness], tmp_path: Path) -> AsyncIterator[Harness]:
    """The harness that `able_to` or `every_source` of harnesses.py selects."""
    complaints: list[str] = []  # unclosed resources, and errors that nobody read
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(f"{context['message']}: {context}"))
    async with network(tmp_path) as begun:
        yield begun
    gc.collect()
    await asyncio.sleep(0)
    assert not complaints
