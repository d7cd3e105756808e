"""What every source is tested by: a harness each, and how it is read. The claims are in `tests/sources/test_contract*`.

A harness is a local server that speaks its network's protocol as the network's owners document it, behind a gate
(`faulty.py`) that fails as told, and knows how the network writes a post. Every source passes every claim; what a
source cannot do by nature stands in EXCEPTIONS with its reason, and a claim of its own sees that it is true.
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

SILENCE = 0.6  # seconds without a word that a source of a harness bears, also when it connects
NOTICED = 3.0  # seconds in which it must have said so


def iso(when: int) -> str:
    """Ms since 1970 as networks write times."""
    return datetime.fromtimestamp(when / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Said(NamedTuple):
    """A post as its network has it: numbers grow, and the id is made of the number."""

    number: int
    text: str
    created_at: int | None = None  # ms since 1970; now, if there is none


class Ability(StrEnum):
    """What a network may not be able to do by nature."""

    CONNECT = "connect"  # there is a line to a server
    RESUME = "resume"  # the network gives what was missed
    DELETE = "delete"  # it says that a post was deleted


EXCEPTIONS: dict[tuple[str, Ability], str] = {
    ("replay", Ability.CONNECT): "it reads a file of this machine",
    ("replay", Ability.DELETE): "a file of plain posts has no notices; those of the networks' own forms have",
    ("x", Ability.RESUME): "the filtered stream has no position; what was missed can only be searched for",
    ("x", Ability.DELETE): "the filtered stream says nothing of deleted posts",
}


class Harness(ABC):
    """One network on this machine, for an `async with` block. `gate` and `folder` are there once it has begun."""

    name: ClassVar[str]  # the scheme of the source's URL
    goodbye = b"0\r\n\r\n"  # how the server ends a stream: that of chunked HTTP
    paced = True  # its sources have a pace of their own, if they can
    gate: Gate
    folder: Path

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = Gate()

    @abstractmethod
    async def begin(self) -> int:
        """Start the server; its port."""

    @abstractmethod
    async def end(self) -> None:
        """Stop the server and all that it runs."""

    @abstractmethod
    def source(self, host: str = "127.0.0.1", *, tls: bool = False) -> Source:
        """A new source of the gate (`gate.port`, with TLS `gate.tls_port`) that bears SILENCE and no longer."""

    @abstractmethod
    def id(self, number: int) -> str:
        """The id, as it is in Post, of what was said under this number."""

    @abstractmethod
    def frame(self, payload: bytes) -> bytes:
        """A message of this payload, as `send` takes it: where others stand, but for its content."""

    @abstractmethod
    def payload(self, said: Said) -> bytes:
        """A post as the network writes it, JSON."""

    def deletion(self, number: int) -> bytes | None:
        """The message that this post was deleted; None if the network has none."""
        return None

    def malformed(self) -> list[bytes]:
        """Messages that are framed well and hold nothing that could be read."""
        return [self.frame(payload) for payload in (b"{", b"[1]", b'"x"', b"truth", b"{}")]

    def forms(self) -> list[bytes]:
        """Payloads as the network's documents show them, for mutations."""
        return [self.payload(said) for said in some(1, 500)]

    def oversized(self) -> bytes:
        """A message longer than any may be, and else a good post."""
        return self.frame(self.payload(Said(999_999, "x" * (MAX_LINE + 4096))))

    def endless(self) -> bytes:
        """The beginning of a message that is 2 GB long."""
        message = self.frame(self.payload(Said(999_998, "x" * 1000)))
        return b"7fffffff\r\n" + message[: message.rindex(b"xxx")]

    @abstractmethod
    async def send(self, *messages: bytes, keep: bool = True) -> None:
        """Send to everybody who streams, waiting for one, each message in one write, and waiting for the socket.

        What is sent is kept for those who resume, unless not to `keep`.
        """

    @abstractmethod
    async def keep_alive(self) -> None:
        """Send what the network sends when it has nothing to say."""

    def settings(self) -> dict[str, str]:
        """What a worker must be told for it beside the source's URL, by the settings' names without their prefix."""
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
    """A source being read, for an `async with` block: it is asked for a chunk when `until` needs one, not before."""

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
        """The last one given."""
        return next((chunk.position for chunk in reversed(self.got) if chunk.position), None)

    async def chunk(self, timeout: float = NOTICED) -> Chunk:
        """The next chunk. Raises what ends the connection, StopAsyncIteration at the end."""
        async with asyncio.timeout(timeout):
            chunk = await anext(self._chunks)
        self.got.append(chunk)
        return chunk

    async def until(self, enough: Callable[[], bool], timeout: float = NOTICED) -> None:
        async with asyncio.timeout(timeout):
            while not enough():
                await self.chunk(timeout)

    async def over(self, timeout: float = NOTICED) -> Disconnected | SourceError | None:
        """Read on to the end of the connection; what ended it."""
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
    """A reading that is connected, of a network that says these posts then; they are not read yet."""
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
    """What ended a connection, said in one line."""
    assert error is not None and str(error) and "\n" not in str(error) and len(str(error)) < 300
    return error
