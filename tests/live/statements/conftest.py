"""One worker on the embedded broker for the statements that need no other."""

from collections.abc import Iterator

import pytest
from support.statement_worker import statement_worker
from support.workers import Worker


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with statement_worker(tmp_path_factory.mktemp("statements")) as worker:
        yield worker
