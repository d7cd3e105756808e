"""Clients that want a worker to fall, all in one process: idle and slow ones, hostile texts, searches, forgeries.

Limits: this machine only, and CONNECTIONS at once; each kind goes on as fast as it is answered, in a few tasks.
True attackers have machines of their own. So this process is nice: it takes only the CPU that others leave.
"""

import asyncio
import contextlib
import itertools
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from multiprocessing.connection import Connection

import httpx

IDLE, SLOW = 150, 30
CONNECTIONS = 200
TEXTS = (
    "a" + "\u0301\u0316" * 16_000,
    "\ufdfa" * 10_000,
    "#" + "AbC" * 20_000,
    "<" * 60_000,
    "\u200d\U0001f468" * 8_000,
    " ".join("@" + "x" * 30 for _ in range(2_000)),
)
KINDS = ("classify", "search", "replay", "churn", "forge", "hold", "posts")
Attack = Callable[[httpx.AsyncClient, Counter[str]], Awaitable[None]]


def hostile_posts(words: str) -> list[str]:
    """Lines of a file to replay, each with the words of a topic."""
    return [f"{words} {text}" for text in TEXTS]


def serve(pipe: Connection, port: int, topic: str) -> None:
    """Serve kinds of attack, which go on until something is said, and are answered with the number of each outcome."""
    os.nice(19)
    while True:
        kinds = pipe.recv()
        pipe.send(asyncio.run(_attack(pipe, port, topic, kinds)))


async def _attack(pipe: Connection, port: int, topic: str, kinds: Collection[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=CONNECTIONS - IDLE - SLOW)
    attacks: dict[str, list[Attack]] = {
        "classify": [_classify] * 2,
        "search": [_search(topic)] * 3,
        "replay": [_replay(topic)],
        "churn": [_churn],
        "forge": [_forge],
    }
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=limits) as client:
        tasks = [
            asyncio.create_task(_forever(attack, client, found)) for kind in attacks.keys() & kinds
            for attack in attacks[kind]
        ]  # fmt: skip
        if "hold" in kinds:
            tasks += [asyncio.create_task(_hold(port, found, b"")) for _ in range(IDLE)]
            for number in range(SLOW):
                head = b"POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000\r\n\r\n"
                tasks.append(asyncio.create_task(_hold(port, found, head if number % 2 else head[:20])))
        while not pipe.poll():
            await asyncio.sleep(0.1)
        pipe.recv()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return found


async def _forever(attack: Attack, client: httpx.AsyncClient, found: Counter[str]) -> None:
    while True:
        try:
            await attack(client, found)
        except httpx.HTTPError as error:
            found[f"{type(error).__name__}"] += 1
        await asyncio.sleep(0.05)


async def _classify(client: httpx.AsyncClient, found: Counter[str]) -> None:
    answer = await client.post("/classify", json={"texts": random.sample(TEXTS, 2)})
    found[f"classify {answer.status_code}"] += 1


def _search(topic: str) -> Attack:
    async def search(client: httpx.AsyncClient, found: Counter[str]) -> None:
        answer = await client.get(f"/topics/{topic}/posts", params={"min_score": "1", "last": 1000})
        found[f"search {answer.status_code}"] += 1

    return search


def _replay(topic: str) -> Attack:
    async def replay(client: httpx.AsyncClient, found: Counter[str]) -> None:
        async with client.stream("GET", f"/feeds/{topic}", params={"min_score": "1", "since": "0"}) as answer:
            found[f"replay {answer.status_code}"] += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    async for _ in answer.aiter_bytes():
                        pass

    return replay


_numbers = itertools.count()


async def _churn(client: httpx.AsyncClient, found: Counter[str]) -> None:
    name = f"churn-{next(_numbers)}"
    answer = await client.post("/topics", json={"name": name, "track": ["\ufdfa" * 3, name]})
    found[f"add {answer.status_code}"] += 1
    answer = await client.delete(f"/topics/{name}")
    found[f"delete {answer.status_code}"] += 1


async def _forge(client: httpx.AsyncClient, found: Counter[str]) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"X-Forwarded-For": "10.1.2.3"}):
        answer = await client.post("/topics", json={"name": "forged"}, headers=headers)
        found[f"forged {answer.status_code}"] += 1


async def _hold(port: int, found: Counter[str], begin: bytes) -> None:
    """Hold a connection with a request that never ends; open another when the worker closes it."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(begin)
                while not reader.at_eof():
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            await reader.read(4096)
                    if begin and not reader.at_eof():
                        writer.write(b"x")
                found["slow closed" if begin else "idle closed"] += 1
            finally:
                writer.close()
        await asyncio.sleep(0.1)
