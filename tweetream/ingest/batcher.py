"""Makes batches from the chunks of several sources: a batch closes at 600 posts, 50 ms or 256 KiB.

With more than 300 topics it closes at 1,200 posts. A chunk is never split, since its position is valid only after all
its posts.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable

import msgspec

from tweetream.models.drop import Drop
from tweetream.models.post import BATCH_POSTS, MANY_TOPICS, MAX_BYTES, Post, size_of
from tweetream.sources.base import Chunk

LINGER = 0.05  # seconds that a post waits for others
REWRITE_POSITIONS = 3600.0  # seconds without a post; then the positions are sent again, or retention deletes them
MAX_IDS = 100_000  # ids of the last posts, to drop posts that a source gives twice: those of `settled.known_ids`


class Batch(msgspec.Struct):
    """The posts and positions of a batch, with the counts of read posts (by source) and dropped ones."""

    posts: list[Post]
    positions: dict[str, str]
    read: Counter[str]
    dropped: Counter[Drop]
    retracted: list[str]  # ids of posts that were deleted at their network


def halves(batch: Batch, positions: dict[str, str]) -> list[Batch]:
    """A batch of two posts or more as two. The first keeps the positions before the batch, `positions`.

    A worker that takes over between the two reads the posts of the first again, and knows their ids.
    """
    half = len(batch.posts) // 2
    first = Batch(batch.posts[:half], positions, Counter(), Counter(), batch.retracted)
    return [first, Batch(batch.posts[half:], batch.positions, batch.read, batch.dropped, [])]


class Batcher:
    """Takes chunks with `put`, which blocks while a few chunks wait, and gives batches with `batches`.

    `topics` gives the number of active topics.
    """

    def __init__(self, positions: dict[str, str], ids: dict[str, None], topics: Callable[[], int] = lambda: 0) -> None:
        self._queue: asyncio.Queue[tuple[str, Chunk]] = asyncio.Queue(maxsize=4)
        self._positions = dict(positions)
        self._ids = OrderedDict(ids)  # to find its first key, a dict passes over all deleted ones
        self._topics = topics
        self._held: tuple[str, Chunk] | None = None

    async def put(self, url: str, chunk: Chunk) -> None:
        """Add a chunk of the source with this URL."""
        await self._queue.put((url, chunk))

    async def batches(self) -> AsyncIterator[Batch]:
        """Give batches until closed."""
        loop = asyncio.get_running_loop()
        while True:
            batch = Batch([], {}, Counter(), Counter(), [])
            try:
                async with asyncio.timeout(REWRITE_POSITIONS):
                    item = self._held or await self._queue.get()
            except TimeoutError:
                batch.positions = dict(self._positions)
                yield batch
                continue
            self._held = None
            size = self._add(batch, *item)
            closes, most = loop.time() + LINGER, BATCH_POSTS * (2 if self._topics() > MANY_TOPICS else 1)
            while len(batch.posts) < most and size < MAX_BYTES:
                try:
                    async with asyncio.timeout_at(closes):
                        item = await self._queue.get()
                except TimeoutError:
                    break
                if len(batch.posts) + len(item[1].posts) > most or size + _size(item[1].posts) > MAX_BYTES:
                    self._held = item
                    break
                size += self._add(batch, *item)
            batch.positions = dict(self._positions)
            yield batch

    def _add(self, batch: Batch, url: str, chunk: Chunk) -> int:
        """Add a chunk's posts without duplicates. Returns the bytes of their texts."""
        ids = self._ids
        before = len(batch.posts)
        for post in chunk.posts:
            if post.id in ids:
                batch.dropped[Drop.DUPLICATE] += 1
            else:
                ids[post.id] = None
                batch.posts.append(post)
        while len(ids) > MAX_IDS:
            ids.popitem(last=False)
        batch.dropped.update(chunk.dropped)
        batch.retracted += chunk.retracted
        batch.read[url] += len(chunk.posts) + chunk.dropped.total()
        self._positions[url] = chunk.position
        return _size(batch.posts[before:])


def _size(posts: list[Post]) -> int:
    """The bytes of the texts."""
    return sum([size_of(post.text) for post in posts])
