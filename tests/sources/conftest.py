"""The network that a claim is tested with, on this machine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from contract import Harness


@pytest.fixture
async def harness(network: type[Harness], tmp_path: Path) -> AsyncIterator[Harness]:
    """Of the class that `who_can` and `every_source` of harnesses.py chose."""
    async with network(tmp_path) as begun:
        yield begun
