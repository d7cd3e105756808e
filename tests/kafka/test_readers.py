"""The pool of readers: searches never have all of them. No Kafka here."""

import asyncio
import contextlib
from typing import Any

import pytest

from tweetream.kafka import readers
from tweetream.kafka.connection import Connection
from tweetream.kafka.readers import READERS, Readers


class Reader:
    started = 0

    async def start(self) -> None:
        Reader.started += 1

    async def stop(self) -> None: ...

    def assign(self, tps: list[Any]) -> None: ...


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Readers:
    monkeypatch.setattr(readers, "consumer", lambda kafka: Reader())
    monkeypatch.setattr(Reader, "started", 0)
    return Readers(Connection(["127.0.0.1:1"]))


async def test_searches_leave_readers_to_others(pool: Readers) -> None:
    async with asyncio.timeout(5), contextlib.AsyncExitStack() as stack:
        for _ in range(READERS // 2):
            await stack.enter_async_context(pool.lend(search=True))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), pool.lend(search=True):
                pass
        for _ in range(READERS // 2):
            await stack.enter_async_context(pool.lend())
    async with asyncio.timeout(5), pool.lend(search=True):
        pass


async def test_a_call_that_may_not_begin_takes_no_reader(pool: Readers) -> None:
    def check() -> None:
        raise LookupError

    for search in (True, False):
        with pytest.raises(LookupError):
            async with pool.lend(search=search, check=check):
                pass
    assert Reader.started == 0


async def test_a_call_is_checked_again_when_its_turn_has_come(pool: Readers) -> None:
    """Attack: a hundred calls of one client began at once, before any of them had spent its budget."""
    over = False

    def check() -> None:
        if over:
            raise LookupError

    async def call() -> None:
        async with pool.lend(check=check):
            pass

    async with contextlib.AsyncExitStack() as stack:
        for _ in range(READERS):
            await stack.enter_async_context(pool.lend())
        waiting = asyncio.create_task(call())
        await asyncio.sleep(0)
        over = True
    with pytest.raises(LookupError):
        await waiting
    async with asyncio.timeout(5), contextlib.AsyncExitStack() as stack:
        for _ in range(READERS):
            await stack.enter_async_context(pool.lend())
