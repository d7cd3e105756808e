"""Writes posts into the posts topic as the worker with the sources does; the test chooses the posts and the times.

Each batch is an epoch of its own, an hour ahead, so that it stands above whatever a worker that took over has begun
since. All go to one partition, so a feed has them in the order written. Limits: for workers without a source.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from tweetream.models import codec
from tweetream.models.post import Post, PostBatch

BATCH = 200

_numbers = itertools.count(1)
_epochs = itertools.count(time.time_ns() // 1_000_000 + 3_600_000)


def post(text: str, **fields: Any) -> Post:
    """A post of this moment, with an id that no other has; every field can be given."""
    now = time.time_ns() // 1_000_000
    number = next(_numbers)
    given: dict[str, Any] = {
        "id": f"test:{number}",
        "source": "mastodon",
        "created_at": now,
        "received_at": now,
        "url": f"https://desk.example.org/@warga/{number}",
        "author": "warga",
        "lang": "id",
    }
    return Post(text=text, **given | fields)


class PostWriter:
    """Writes posts, from a thread of its own: a test may be in the hands of a browser meanwhile."""

    def __init__(self, bootstrap: str, namespace: str) -> None:
        self._bootstrap, self._topic, self._retracted = bootstrap, f"{namespace}-posts", f"{namespace}-retracted"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start()).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._producer.stop()).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def write(self, *posts: Post) -> list[str]:
        """Returns when Kafka has them; their ids."""
        self._run(self._write(posts)).result(60)
        return [one.id for one in posts]

    def write_at(self, posts: Sequence[Post], rate: float) -> "Future[None]":
        """Write them one by one at an even pace, posts a second, while the caller does something else."""
        return self._run(self._write_at(posts, rate))

    def retract(self, id: str) -> None:
        """Say that its network says that it was deleted."""
        self._run(self._retract(id)).result(60)

    def _run(self, work: Coroutine[Any, Any, None]) -> "Future[None]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _start(self) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        await self._producer.start()

    async def _write(self, posts: Sequence[Post]) -> None:
        for batch in _batches(posts):
            await self._producer.send_and_wait(self._topic, codec.encode(batch), partition=0)

    async def _retract(self, id: str) -> None:
        await self._producer.send_and_wait(self._retracted, b"1", key=id.encode(), partition=0)

    async def _write_at(self, posts: Sequence[Post], rate: float) -> None:
        began = self._loop.time()
        for number, one in enumerate(posts):
            await asyncio.sleep(began + number / rate - self._loop.time())
            await self._write([one])


def _batches(posts: Sequence[Post]) -> Iterator[PostBatch]:
    for first in range(0, len(posts), BATCH):
        yield PostBatch(next(_epochs), 1, -1, {}, list(posts[first : first + BATCH]))
