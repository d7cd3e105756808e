"""The life of one source: begun, and begun again behind its last position when its connection is over.

How long it waits goes by the kind of failure, as X's owners ask of their clients and as the others can live with:
after network errors in steps of 250 ms to 16 s, after wrong answers 5 s doubling to 320 s, after too many requests
60 s doubling to 15 min, and never before the network says (an hour at most). Each wait is spread by a fifth, so that
workers do not come all at once. A connection that held for a while makes up for the failures before it. Whatever a
source raises, here it ends; what is wrong behind it, in `take`, goes to the caller. Knows no Kafka and no Faust.
"""

import asyncio
import logging
import random
import re
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from enum import StrEnum

import msgspec

from tweetream.sources.base import Chunk, Disconnected, FailureKind, Source, SourceError, without_secret

log = logging.getLogger(__name__)
STEADY = 30.0  # seconds that a connection has to hold
FIRST = {FailureKind.NETWORK: 0.25, FailureKind.HTTP: 5.0, FailureKind.RATE: 60.0}  # seconds
LONGEST = {FailureKind.NETWORK: 16.0, FailureKind.HTTP: 320.0, FailureKind.RATE: 900.0}
SPREAD = 0.2
PATIENCE = 3600.0  # seconds; a network that asks for more is misread, or the clock here is wrong
MINUTE = 60.0
MAX_REASON = 500  # characters


class State(StrEnum):
    """What a source does now."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    BACKING_OFF = "backing-off"
    REFUSED = "refused"  # for good: it is not tried again
    ENDED = "ended"


class Status(msgspec.Struct):
    """How a source does. Times are ms since 1970; `posts` are all it gave, `posts_per_minute` those of the last one."""

    url: str
    state: State = State.CONNECTING
    reason: str = ""
    posts: int = 0
    posts_per_minute: int = 0
    last_post_at: int | None = None
    reconnects: int = 0
    retry_at: int | None = None


def delay(kind: FailureKind, failures: int) -> float:
    """Seconds to wait after so many failures of a kind in a row."""
    grown = FIRST[kind] * (failures if kind is FailureKind.NETWORK else 2.0 ** min(failures - 1, 20))
    return min(LONGEST[kind], grown)


def shown(why: Exception) -> str:
    """What a source says, in one line that everybody may see: others write them too."""
    return re.sub(r"//[^/?#\s]*@", "//", " ".join(str(why).split()))[:MAX_REASON]


class Supervisor:
    """Runs a source for as long as it lives. `changed` is called when its state is another one."""

    def __init__(
        self,
        source: Source,
        *,
        known: Status | None = None,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.source = source
        self.url = without_secret(source.url)  # as it is shown
        self._status = Status(self.url)
        if known is not None:  # what another worker counted before
            self._status = msgspec.structs.replace(
                self._status, posts=known.posts, last_post_at=known.last_post_at, reconnects=known.reconnects
            )
        self._changed, self._clock, self._wall, self._sleep, self._chance = changed, clock, wall, sleep, chance
        self._failures: Counter[FailureKind] = Counter()
        self._since = 0.0  # when the connection began to give
        self._recent: deque[tuple[float, int]] = deque()  # the posts of the last minute, by the second

    @property
    def status(self) -> Status:
        """As it is now."""
        while self._recent and self._recent[0][0] < self._clock() - MINUTE:
            self._recent.popleft()
        return msgspec.structs.replace(self._status, posts_per_minute=sum(posts for _, posts in self._recent))

    async def run(self, position: str | None, take: Callable[[Chunk], Awaitable[None]]) -> None:
        """Give `take` each chunk behind `position`. Returns when the source has ended or was refused."""
        while True:
            self._set(State.CONNECTING, self._status.reason)
            try:
                await self._once(position, take)
                return self._set(State.ENDED)
            except SourceError as error:
                log.error("%s is refused: %s", self.url, shown(error))
                return self._set(State.REFUSED, shown(error))
            except _Over as over:
                position = over.position
                await self._back_off(over.reason)
            self._status.reconnects += 1

    async def _once(self, position: str | None, take: Callable[[Chunk], Awaitable[None]]) -> None:
        """One connection, from its beginning to its end. Raises _Over when it is to be begun again."""
        self._since = 0.0
        chunks = self.source.chunks(position or None)
        try:
            while (chunk := await self._next(chunks, position)) is not None:
                self._gave(chunk)
                before, position = position, chunk.position or position
                if chunk.posts or chunk.dropped or chunk.retracted or position != before:
                    # One without a position must not take away the one that is stored.
                    await take(msgspec.structs.replace(chunk, position=position or ""))
        finally:
            try:
                await chunks.aclose()
            except Exception:  # it fails to let go: a fault of one source, and nobody else's
                log.exception("%s failed when it was closed", self.url)

    async def _next(self, chunks: AsyncGenerator[Chunk, None], position: str | None) -> Chunk | None:
        """The next chunk, None when the source has ended."""
        try:
            return await anext(chunks)
        except StopAsyncIteration:
            return None
        except Disconnected as interrupted:
            raise _Over(position, interrupted) from None
        except SourceError:
            raise
        except Exception as error:  # a fault in one source, ours or another package's, must not stop the others
            log.exception("%s failed", self.url)
            raise _Over(position, Disconnected(f"it failed: {error!r}"[:200], FailureKind.HTTP)) from None

    async def _back_off(self, why: Disconnected) -> None:
        if self._since and self._clock() - self._since >= STEADY:
            self._failures.clear()
        self._failures[why.kind] += 1
        wait = delay(why.kind, self._failures[why.kind]) * (1 + SPREAD * self._chance())
        wait = max(wait, min(why.not_before - self._wall(), PATIENCE))
        failures = self._failures.total()
        if failures & (failures - 1) == 0:  # ever more seldom, while GET /sources always says it
            log.warning("%s: %s; again in %.1f s (failure %d in a row)", self.url, shown(why), wait, failures)
        self._status.retry_at = round((self._wall() + wait) * 1000)
        self._set(State.BACKING_OFF, shown(why))
        await self._sleep(wait)
        self._status.retry_at = None

    def _gave(self, chunk: Chunk) -> None:
        if self._status.state is not State.STREAMING:
            self._since = self._clock()
            self._set(State.STREAMING)
        if chunk.posts:
            self._status.posts += len(chunk.posts)
            self._status.last_post_at = round(self._wall() * 1000)
            second = float(int(self._clock()))
            if self._recent and self._recent[-1][0] == second:
                self._recent[-1] = (second, self._recent[-1][1] + len(chunk.posts))
            else:
                self._recent.append((second, len(chunk.posts)))

    def _set(self, state: State, reason: str = "") -> None:
        self._status.state, self._status.reason = state, reason
        self._changed()


class _Over(Exception):
    """A connection is over: where to go on from, and why."""

    def __init__(self, position: str | None, reason: Disconnected) -> None:
        super().__init__(str(reason))
        self.position = position
        self.reason = reason
