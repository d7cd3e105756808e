"""One worker on the embedded broker for the statements that need no other."""

from collections.abc import Iterator

import pytest
from support.shared_worker import shared_worker
from support.workers import Worker


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with shared_worker(tmp_path_factory.mktemp("statements")) as worker:
        yield worker
