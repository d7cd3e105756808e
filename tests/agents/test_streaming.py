"""What a run hands on of its sources. Whole runs are in `tests/live/`."""

from collections.abc import AsyncGenerator

from tweetream.agents.batching import Batcher
from tweetream.agents.streaming import Run
from tweetream.models.post import Post
from tweetream.sources.base import Chunk
from tweetream.sources.supervisor import Supervisor


class Source:
    """One whose URL has a password. `begun_at` is where it was asked to go on from."""

    url, unpaced = "lines:http://me:hunter2@host/posts", False
    begun_at: str | None = None

    def check(self) -> None: ...

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        self.begun_at = position
        yield Chunk([Post("l:1", "l", "text", 1, 1)], "1")


async def test_a_password_of_a_sources_url_is_not_stored_with_its_position() -> None:
    source, batcher = Source(), Batcher({}, {})
    await Run()._pump(Supervisor(source), batcher, {"lines:http://host/posts": "0"})
    read = await anext(batcher.batches())
    assert read.positions == {"lines:http://host/posts": "1"} and read.read == {"lines:http://host/posts": 1}
    assert source.begun_at == "0"
