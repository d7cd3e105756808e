"""The test contract of all sources: a harness for each, and a reader. The claims are in `tests/sources/test_contract*`.

A harness is a local server with its network's protocol, as the network's owners document it. Before the server is a
gate (`faults/gate.py`) that fails on demand. The harness also knows how the network writes a post. Every source passes
every claim. If a network lacks an ability, EXCEPTIONS has the reason, and a claim of its own checks that it is true.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

from support.faults.gate import Gate

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import MAX_LINE, Chunk, Disconnected, Source, SourceError

SILENCE = 0.6  # seconds of silence, also while connecting, after which a source must give up
NOTICED = 3.0  # seconds in which it must have given up


def iso(when: int) -> str:
    """A time in ms since 1970, as networks write it."""
    return datetime.fromtimestamp(when / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Said(NamedTuple):
    """A post at its network. Numbers grow, and the id contains the number."""

    number: int
    text: str
    created_at: int | None = None  # ms since 1970; now, if there is none


class Ability(StrEnum):
    """An ability that a network may lack."""

    CONNECT = "connect"  # the source connects to a server
    RESUME = "resume"  # the network gives the posts of a pause
    DELETE = "delete"  # the network reports deleted posts


EXCEPTIONS: dict[tuple[str, Ability], str] = {
    ("replay", Ability.CONNECT): "it reads a local file",
    ("replay", Ability.DELETE): "a file of plain posts has no notices, unlike files in the networks' own formats",
    ("x", Ability.RESUME): "the filtered stream has no position; missed posts can only be found by search",
    ("x", Ability.DELETE): "the filtered stream does not report deleted posts",
}


class Harness(ABC):
    """One network on this machine, for an `async with` block."""

    name: ClassVar[str]  # the scheme of the source's URL
    goodbye = b"0\r\n\r\n"  # the bytes that end a stream: here of chunked HTTP
    paced = True  # a source that has a rate uses it
    gate: Gate
    folder: Path

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = Gate()

    @abstractmethod
    async def begin(self) -> int:
        """Start the server and return its port."""

    @abstractmethod
    async def end(self) -> None:
        """Stop the server and its tasks."""

    @abstractmethod
    def source(self, host: str = "127.0.0.1", *, tls: bool = False) -> Source:
        """A new source for the gate (`gate.port`, or `gate.tls_port` with TLS) that gives up after SILENCE."""

    @abstractmethod
    def id(self, number: int) -> str:
        """The id in Post of the post with this number."""

    @abstractmethod
    def frame(self, payload: bytes) -> bytes:
        """A message with this payload, in the form for `send`."""

    @abstractmethod
    def payload(self, said: Said) -> bytes:
        """A post in the network's JSON."""

    def deletion(self, number: int) -> bytes | None:
        """The notice that this post was deleted; None if the network has none."""
        return None

    def malformed(self) -> list[bytes]:
        """Messages with a valid frame and unreadable content."""
        return [self.frame(payload) for payload in (b"{", b"[1]", b'"x"', b"truth", b"{}")]

    def forms(self) -> list[bytes]:
        """Payloads from the network's documentation, for mutations."""
        return [self.payload(said) for said in some(1, 500)]

    def oversized(self) -> bytes:
        """A post that is valid, but too long."""
        return self.frame(self.payload(Said(999_999, "x" * (MAX_LINE + 4096))))

    def endless(self) -> bytes:
        """The beginning of a message that is 2 GB long."""
        message = self.frame(self.payload(Said(999_998, "x" * 1000)))
        return b"7fffffff\r\n" + message[: message.rindex(b"xxx")]

    @abstractmethod
    async def send(self, *messages: bytes, keep: bool = True) -> None:
        """Wait for a client, and send to all clients, each message in one write. Wait for their sockets.

        With `keep`, the server stores the messages for clients that resume.
        """

    @abstractmethod
    async def keep_alive(self) -> None:
        """Send the network's keep-alive."""

    def settings(self) -> dict[str, str]:
        """The settings that a worker needs beside the source's URL, by their names without the prefix."""
        return {}

    async def say(self, *posts: Said) -> None:
        await self.send(*(self.frame(self.payload(said)) for said in posts))

    def can(self, ability: Ability) -> bool:
        return (self.name, ability) not in EXCEPTIONS

    async def __aenter__(self) -> Self:
        port = await self.begin()
        if self.can(Ability.CONNECT):
            await self.gate.open(port, self.folder)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.can(Ability.CONNECT):
            await self.gate.close()
        await self.end()


class Reading:
    """Reads a source, for an `async with` block. It asks for a chunk only when one is needed."""

    def __init__(self, source: Source, position: str | None = None) -> None:
        self.got: list[Chunk] = []
        self._chunks = source.chunks(position)

    @property
    def posts(self) -> list[Post]:
        return [post for chunk in self.got for post in chunk.posts]

    @property
    def ids(self) -> list[str]:
        return [post.id for post in self.posts]

    @property
    def dropped(self) -> Counter[Drop]:
        return sum((chunk.dropped for chunk in self.got), Counter())

    @property
    def read(self) -> int:
        return len(self.posts) + self.dropped.total()

    @property
    def position(self) -> str | None:
        """The last position of the source."""
        return next((chunk.position for chunk in reversed(self.got) if chunk.position), None)

    async def chunk(self, timeout: float = NOTICED) -> Chunk:
        """The next chunk. Raises the error that ends the connection, or StopAsyncIteration."""
        async with asyncio.timeout(timeout):
            chunk = await anext(self._chunks)
        self.got.append(chunk)
        return chunk

    async def until(self, enough: Callable[..., bool], timeout: float = NOTICED) -> None:
        async with asyncio.timeout(timeout):
            while not enough():
                await self.chunk(timeout)

    async def over(self, timeout: float = NOTICED) -> Disconnected | SourceError | None:
        """Read to the end of the connection; the error that ended it."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    await self.chunk(timeout)
        except (Disconnected, SourceError) as error:
            return error
        except StopAsyncIteration:
            return None

    async def close(self) -> None:
        await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def begun(harness: Harness, *posts: Said, position: str | None = None) -> Reading:
    """A connected reading. The network sends these posts after that; they are not read yet."""
    if not harness.can(Ability.CONNECT):
        await harness.say(*posts)
        return Reading(harness.source(), position)
    reading = Reading(harness.source(), position)
    try:
        await reading.chunk()
        await harness.say(*posts)
    except BaseException:
        await reading.close()
        raise
    return reading


def some(first: int, last: int) -> list[Said]:
    """Posts of these numbers."""
    return [Said(number, f"post {number}") for number in range(first, last + 1)]


def one_line(error: Exception | None) -> Exception:
    """The error that ended a connection, after a check that it is one line."""
    assert error is not None and str(error) and "\n" not in str(error) and len(str(error)) < 300
    return error
