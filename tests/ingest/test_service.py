"""The chunks and errors of sources in a run. Whole runs are in `tests/live/`."""

from collections.abc import AsyncGenerator
from typing import Never

import pytest

from tweetream.ingest import service
from tweetream.ingest.batcher import Batcher
from tweetream.ingest.service import Run
from tweetream.models.post import Post
from tweetream.sources.base import Chunk, SourceError
from tweetream.sources.status import State
from tweetream.sources.supervisor import Supervisor


class Source:
    """A source whose URL has a password. `begun_at` is the position that it was started with."""

    url, unpaced = "lines:http://me:hunter2@host/posts", False
    begun_at: str | None = None

    def check(self) -> None: ...

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        self.begun_at = position
        yield Chunk([Post("l:1", "l", "text", 1, 1)], "1")


async def test_a_password_of_a_sources_url_is_not_stored_with_its_position() -> None:
    source, batcher = Source(), Batcher({}, {})
    await Run()._run_source(Supervisor(source), batcher, {"lines:http://host/posts": "0"})
    read = await anext(batcher.batches())
    assert read.positions == {"lines:http://host/posts": "1"} and read.read == {"lines:http://host/posts": 1}
    assert source.begun_at == "0"


async def test_a_source_that_cannot_be_opened_again_is_refused_and_the_others_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*_: object) -> Never:
        raise SourceError("its package was taken away")

    monkeypatch.setattr(service, "open_source", gone)
    supervisor = Run()._supervisor("lines:http://host/posts")
    await Run()._run_source(supervisor, Batcher({}, {}), {})
    assert (supervisor.status.state, supervisor.status.reason) == (State.REFUSED, "its package was taken away")
