"""Appends events at an even pace: to a feed's topic in Kafka, or to an nchan publisher. Same bytes to both.

An event is the JSON of the interface. Its id holds a number that counts up and the time just before it was sent, both
of fixed width: monotonic nanoseconds, which all processes of a machine share.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from measure import Failed

from tweetream.models.codec import json_line
from tweetream.models.feed import FeedEntry, pack_stamp

LABEL, SCORE = "traffic", 0.8731
STAMP = re.compile(rb'"id":"replay:bench:([0-9]{10})-([0-9]{19})"')
LONGEST = 64  # bytes, more than a stamp has
TEXT = (
    "Two lanes of the ring road are closed behind the north bridge after a lorry lost its load; police ask drivers "
    "to leave at the next exit. Queue of 6 km and growing, expect 40 minutes more #traffic"
)

Send = Callable[[int, bytes], Awaitable[None]]


class Target(NamedTuple):
    """Where events go: a topic at Kafka's bootstrap servers, or a path at HTTP's HOST:PORT."""

    kind: str
    servers: str
    place: str


class Appended(NamedTuple):
    """How many events were appended, the number of the last, and how far the latest was behind its time, in ms."""

    events: int
    last: int
    late: float


def event(number: int, stamp: int) -> bytes:
    return _HEAD + b"%010d-%019d" % (number, stamp) + _TAIL


def _template() -> tuple[bytes, bytes]:
    line = json_line(
        FeedEntry(
            "replay:bench:STAMP", "bench", "replay", "https://social.example/@roads/113456789012345678", "roads", TEXT,
            "en", "2026-01-01T08:00:00.000Z", "2026-01-01T08:00:00.250Z", LABEL, SCORE,
        )
    )  # fmt: skip
    head, _, tail = line.partition(b"STAMP")
    return head, tail


_HEAD, _TAIL = _template()


def serve(pipe: Connection, target: Target) -> None:
    """Serve `run RATE SECONDS`, which is cut short by whatever is said meanwhile."""
    asyncio.run((_kafka if target.kind == "kafka" else _http)(pipe, target))


async def _kafka(pipe: Connection, target: Target) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=target.servers)
    await producer.start()
    epoch = time.time_ns() // 1_000_000
    sent: list[asyncio.Future[Any]] = []

    async def send(number: int, data: bytes) -> None:
        origin = pack_stamp(0, epoch, number, 0)
        headers = [("label", LABEL.encode()), ("score", b"%.4f" % SCORE), ("origin", origin)]
        sent.append(await producer.send(target.place, data, partition=0, headers=headers))

    async def settle() -> None:
        await asyncio.gather(*sent)
        sent.clear()

    try:
        await _serve(pipe, send, settle)
    finally:
        await producer.stop()


async def _http(pipe: Connection, target: Target) -> None:
    """One connection kept alive; a request does not wait for the answer before it: a late one would delay the rest."""
    host, _, port = target.servers.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {target.place} HTTP/1.1\r\nHost: {target.servers}\r\nContent-Type: application/json\r\n".encode()
    sent = 0

    async def send(number: int, data: bytes) -> None:
        nonlocal sent
        sent += 1
        writer.write(head + b"Content-Length: %d\r\n\r\n%s" % (len(data), data))

    async def answers() -> None:
        nonlocal sent
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith((b"HTTP/1.1 201", b"HTTP/1.1 202")):
                raise Failed(f"nchan refuses an event: {head[:40]!r}")
            length = re.search(rb"(?i)content-length: *([0-9]+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            sent -= 1

    async def settle() -> None:
        async with asyncio.timeout(30):
            while sent and not reading.done():
                await asyncio.sleep(0.01)
        if reading.done():
            reading.result()

    reading = asyncio.create_task(answers())
    try:
        await _serve(pipe, send, settle)
    finally:
        reading.cancel()
        writer.close()


async def _serve(pipe: Connection, send: Send, settle: Callable[[], Awaitable[None]]) -> None:
    number = 0
    pipe.send("ready")
    while True:
        while not pipe.poll():  # the loop must run on: producers have tasks of their own
            await asyncio.sleep(0.05)
        name, *arguments = pipe.recv()
        if name == "run":
            appended = await _pace(pipe, send, number, *arguments)
            await settle()
            number += appended.events
            pipe.send(appended)


async def _pace(pipe: Connection, send: Send, first: int, rate: float, seconds: float) -> Appended:
    began, late, count = time.monotonic_ns(), 0, 0
    for count in range(1, round(rate * seconds) + 1):
        due = began + round(count * 1e9 / rate)
        if (wait := due - time.monotonic_ns()) > 0:
            await asyncio.sleep(wait / 1e9)
        now = time.monotonic_ns()
        late = max(late, now - due)
        await send(first + count - 1, event(first + count - 1, now))
        if pipe.poll():
            pipe.recv()
            break
    return Appended(count, first + count - 1, late / 1e6)
