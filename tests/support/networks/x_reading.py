"""X's source with the server of `x_server.py`, read in a separate task."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

from support.networks.x_server import TOKEN, XServer

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.settings import Settings
from tweetream.sources.base import Chunk, Context
from tweetream.sources.x.source import X


def context(tracks: Mapping[str, tuple[str, ...]], token: str = TOKEN) -> Context:
    return Context(Settings(_env_file=None, x_bearer_token=token, namespace="t"), lambda: tracks)


def source(server: XServer, tracks: Mapping[str, tuple[str, ...]], query: str = "", **options: Any) -> X:
    return X(f"x:?api={server.url}{query}", context(tracks), **{"silence": 5.0} | options)


class Reader:
    """Reads a connection in a separate task. `chunks` holds its chunks; `over` gives the error that ended it."""

    def __init__(self, source: X) -> None:
        self.chunks: list[Chunk] = []
        self.connected = asyncio.Event()
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(self._read(source))

    async def _read(self, source: X) -> None:
        async with contextlib.aclosing(source.chunks(None)) as chunks:
            async for chunk in chunks:
                self.connected.set()
                self.chunks.append(chunk)
                self._changed.set()

    @property
    def posts(self) -> list[Post]:
        return [post for chunk in self.chunks for post in chunk.posts]

    @property
    def dropped(self) -> Counter[Drop]:
        return sum((chunk.dropped for chunk in self.chunks), Counter())

    async def read(self, count: int) -> list[Post]:
        """Wait for this number of posts and drops."""
        async with asyncio.timeout(5):
            while len(self.posts) + self.dropped.total() < count:
                self._changed.clear()
                await self._changed.wait()
        return self.posts

    async def over(self) -> Exception:
        async with asyncio.timeout(5):
            await asyncio.wait({self.task})
        error = self.task.exception()
        assert isinstance(error, Exception) and "\n" not in str(error)
        return error


@contextlib.asynccontextmanager
async def reading(source: X, patience: float = 5.0) -> AsyncIterator[Reader]:
    """A reader that has connected, or has waited `patience` seconds."""
    reader = Reader(source)
    try:
        connecting = asyncio.create_task(reader.connected.wait())
        await asyncio.wait({connecting, reader.task}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        connecting.cancel()
        yield reader
    finally:
        reader.task.cancel()
        await asyncio.wait({reader.task})


async def ended(source: X) -> Exception:
    async with reading(source) as reader:
        return await reader.over()
