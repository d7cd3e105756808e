"""Tables and a consumer of the engine, without a broker."""

import pytest
from support.consumers import PARTITION, ConsumerHarness
from support.tables import FakeProducer, NumberedTable, new_table

from tweetream.engine.table import ReplicatedTable


@pytest.fixture
async def producer() -> FakeProducer:
    return FakeProducer()


@pytest.fixture
async def table(producer: FakeProducer) -> ReplicatedTable:
    return new_table(ReplicatedTable, producer)


@pytest.fixture
async def numbered(producer: FakeProducer) -> NumberedTable:
    return new_table(NumberedTable, producer)


@pytest.fixture
async def positioned() -> ConsumerHarness:
    """A consumer at offset 5."""
    harness = ConsumerHarness()
    harness.committed = {PARTITION: 5}
    await harness.consumer.perform_seek()
    harness.sought.clear()
    return harness
