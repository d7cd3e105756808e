"""Archivers that are killed at any moment: rows equal the feeds by an independent reader, none missing, none twice."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from support.archive_kills import ids_in, start
from support.kafka.deployment import Deployment, entry
from support.waiting import until_async

Rows = Callable[..., list[Any]]
WRITE = 40  # posts written at once


@contextlib.asynccontextmanager
async def writing(deployment: Deployment, feeds: dict[str, str]) -> AsyncIterator[list[int]]:
    """Writes posts within the block; the list has how many."""
    number = [0]

    async def write() -> None:
        while True:
            first = number[0]
            for name, kafka_topic in feeds.items():
                posts = [(n, entry(n, name)) for n in range(max(0, first - 5), first + WRITE)]  # five of them again
                await deployment.write(kafka_topic, posts)
            number[0] = first + WRITE
            await asyncio.sleep(0.01)

    task = asyncio.create_task(write())
    try:
        yield number
    finally:
        task.cancel()
        await asyncio.wait({task})


async def kill_and_compare(deployment: Deployment, file: Path, rows: Rows, kills: int) -> None:
    feeds = {name: await deployment.add(name) for name in ("macet", "hujan")}
    chosen = random.Random(7)
    process = start(deployment, f"sqlite:///{file}", file.parent)
    async with writing(deployment, feeds):
        for _ in range(kills):
            before = len(rows())
            await until_async(lambda: len(rows()) > before, 60, "more posts")  # noqa: B023
            await asyncio.sleep(chosen.random() * 0.7)
            process.kill()
            process.wait()
            process = start(deployment, f"sqlite:///{file}", file.parent)
    there = {name: await ids_in(deployment, kafka_topic) for name, kafka_topic in feeds.items()}
    total = len(there["macet"] | there["hujan"])
    await until_async(lambda: len(rows()) >= total, 60, "all posts")
    process.terminate()
    assert process.wait(20) == 0
    archived = rows()
    assert len(archived) == len(set(archived)) == total
    assert {id.encode() for id in archived} == there["macet"] | there["hujan"]
    for name, ids in there.items():
        found = rows(f"SELECT id FROM post_topics JOIN posts USING (key) WHERE topic = '{name}'")
        assert len(found) == len(ids) and {id.encode() for id in found} == ids
        assert rows(f"SELECT sum(posts) FROM post_counts WHERE topic = '{name}'") == [len(ids)]
    assert rows("SELECT count(*) FROM posts_search WHERE posts_search MATCH 'macet'") == [total]


async def test_two_kills_lose_and_double_nothing(deployment: Deployment, file: Path, rows: Rows) -> None:
    await kill_and_compare(deployment, file, rows, 2)


@pytest.mark.soak
async def test_twenty_kills_lose_and_double_nothing(deployment: Deployment, file: Path, rows: Rows) -> None:
    await kill_and_compare(deployment, file, rows, 20)
