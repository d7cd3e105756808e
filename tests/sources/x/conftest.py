"""The time in which tests of X's rules run: X's limits are per 15 minutes."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
from support.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.stem == "test_rule_sync":
        return {"virtual time": VirtualTimeLoop}
    return {"real time": asyncio.new_event_loop}
