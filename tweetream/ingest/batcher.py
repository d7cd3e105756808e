"""Chunks of several sources → batches of posts: a batch closes at 200 posts, 50 ms or 256 KiB.

Chunks stay whole, since their positions are true only behind them.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator

import msgspec

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, Post, size_of
from tweetream.sources.base import Chunk

WAIT = 0.05  # seconds that a post waits for others
KEEP = 3600.0  # seconds without a post after which the positions are written again, lest retention takes them
MAX_IDS = 50_000  # ids remembered, to drop what a source gives twice


class Read(msgspec.Struct):
    """What a batch will hold, what was dropped on the way, what was read, by source, and what was taken back."""

    posts: list[Post]
    positions: dict[str, str]
    read: Counter[str]
    dropped: Counter[Drop]
    retracted: list[str]


class Batcher:
    """Takes chunks by `put` (which waits while a few are waiting) and gives batches by `batches`."""

    def __init__(self, positions: dict[str, str], ids: dict[str, None]) -> None:
        self._queue: asyncio.Queue[tuple[str, Chunk]] = asyncio.Queue(maxsize=4)
        self._positions = dict(positions)
        self._ids = OrderedDict(ids)  # a dict would walk over what was deleted, ever further
        self._held: tuple[str, Chunk] | None = None

    async def put(self, url: str, chunk: Chunk) -> None:
        await self._queue.put((url, chunk))

    async def batches(self) -> AsyncIterator[Read]:
        loop = asyncio.get_running_loop()
        while True:
            read = Read([], {}, Counter(), Counter(), [])
            try:
                async with asyncio.timeout(KEEP):
                    item = self._held or await self._queue.get()
            except TimeoutError:
                read.positions = dict(self._positions)
                yield read
                continue
            self._held = None
            size = self._add(read, *item)
            closes = loop.time() + WAIT
            while len(read.posts) < MAX_POSTS and size < MAX_BYTES:
                try:
                    async with asyncio.timeout_at(closes):
                        item = await self._queue.get()
                except TimeoutError:
                    break
                if len(read.posts) + len(item[1].posts) > MAX_POSTS or size + _size(item[1].posts) > MAX_BYTES:
                    self._held = item
                    break
                size += self._add(read, *item)
            read.positions = dict(self._positions)
            yield read

    def _add(self, read: Read, url: str, chunk: Chunk) -> int:
        """Add a chunk's posts, but those whose ids came already. Returns the bytes of its texts."""
        ids = self._ids
        before = len(read.posts)
        for post in chunk.posts:
            if post.id in ids:
                read.dropped[Drop.DUPLICATE] += 1
            else:
                ids[post.id] = None
                read.posts.append(post)
        while len(ids) > MAX_IDS:
            ids.popitem(last=False)
        read.dropped.update(chunk.dropped)
        read.retracted += chunk.retracted
        read.read[url] += len(chunk.posts) + chunk.dropped.total()
        self._positions[url] = chunk.position
        return _size(read.posts[before:])


def _size(posts: list[Post]) -> int:
    """The bytes of their texts."""
    return sum([size_of(post.text) for post in posts])
