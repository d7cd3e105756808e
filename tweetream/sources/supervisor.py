"""Runs one source: connects it, and connects it again after its last position when the connection ends.

The wait before the next connection depends on the kind of failure, as X asks of its clients. After a network error it
grows from 250 ms to 16 s by 250 ms; after an unexpected HTTP response it doubles from 5 s to 320 s; after too many
requests it doubles from 60 s to 15 min. It never ends before the time that the network names (an hour at most). Each
wait is up to a fifth longer by chance, so that workers do not connect all at once. A connection that was stable for a
while resets the failures before it. All exceptions of a source end here; those of `take` go to the caller.
"""

import asyncio
import logging
import random
import re
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable

import msgspec

from tweetream.models.drop import Drop
from tweetream.models.errors import is_machine_error
from tweetream.models.printable import printable
from tweetream.sources.base import Chunk, Disconnected, FailureKind, Note, Source, SourceError, without_secret
from tweetream.sources.status import MAX_REASON, State, Status

log = logging.getLogger(__name__)
STABLE = 30.0  # seconds after which a connection counts as stable
FIRST = {FailureKind.NETWORK: 0.25, FailureKind.HTTP: 5.0, FailureKind.RATE: 60.0}  # seconds
LONGEST = {FailureKind.NETWORK: 16.0, FailureKind.HTTP: 320.0, FailureKind.RATE: 900.0}
JITTER = 0.2
MAX_NOT_BEFORE = 3600.0  # seconds; a later time is a misunderstanding, or the clock here is wrong
MINUTE = 60.0
FAULTS = {Drop.MALFORMED, Drop.TOO_LONG, *Note}  # what a person should know of a source that gives posts
CLOSE_TIMEOUT = 5.0  # seconds for a source to close; then it is left behind


def delay(kind: FailureKind, failures: int) -> float:
    """Seconds to wait after this number of failures of a kind in a row."""
    grown = FIRST[kind] * (failures if kind is FailureKind.NETWORK else 2.0 ** min(failures - 1, 20))
    return min(LONGEST[kind], grown)


def reason_of(error: Exception) -> str:
    """The message of a source's error, in one line and without a password: other packages raise errors too."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the error of another package may be broken itself
        text = type(error).__name__
    return printable(re.sub(r"//[^/?#\s]*@", "//", text), MAX_REASON)


class Supervisor:
    """Runs one source until it ends or is refused. It calls `changed` after each change of the state."""

    def __init__(
        self,
        source: Source,
        *,
        last: Status | None = None,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.source = source
        self.url = without_secret(source.url)  # without its password
        self._status = Status(self.url)
        if last is not None:  # the counts of the worker before this one
            self._status = msgspec.structs.replace(
                self._status, posts=last.posts, last_post_at=last.last_post_at, reconnects=last.reconnects,
                time_unknown=last.time_unknown, counts=dict(last.counts),
            )  # fmt: skip
        self._changed, self._clock, self._wall, self._sleep, self._chance = changed, clock, wall, sleep, chance
        self._failures: Counter[FailureKind] = Counter()
        self._since = 0.0  # the time when the connection began to give chunks; 0 before that
        self._recent: deque[tuple[float, int]] = deque()  # counts of posts in the last minute, by second

    @property
    def status(self) -> Status:
        """The status now."""
        while self._recent and self._recent[0][0] < self._clock() - MINUTE:
            self._recent.popleft()
        found = msgspec.structs.replace(self._status, posts_per_minute=sum(posts for _, posts in self._recent))
        if found.state is State.STREAMING and FAULTS & found.counts.keys():
            found.reason = found.told()
        return found

    async def run(self, position: str | None, take: Callable[[Chunk], Awaitable[None]]) -> None:
        """Pass each chunk after `position` to `take`. Returns when the source has ended or was refused."""
        while True:
            self._set(State.CONNECTING, self._status.reason)
            try:
                await self._connect(position, take)
                told = self._status.told()
                return self._set(State.ENDED, f"ended: {told}" if told else "")
            except SourceError as error:
                log.error("%s is refused: %s", self.url, reason_of(error))
                return self._set(State.REFUSED, reason_of(error))
            except _ConnectionEnded as ended:
                position = ended.position
                await self._back_off(ended.failure)
            self._status.reconnects += 1

    async def _connect(self, position: str | None, take: Callable[[Chunk], Awaitable[None]]) -> None:
        """Run one connection. Raises _ConnectionEnded if the source should connect again."""
        self._since = 0.0
        chunks = self.source.chunks(position or None)
        try:
            while (chunk := await self._next(chunks, position)) is not None:
                self._count(chunk)
                before, position = position, chunk.position or position
                if chunk.posts or chunk.dropped or chunk.retracted or position != before:
                    # A chunk without a position must not delete the stored one.
                    await take(msgspec.structs.replace(chunk, position=position or ""))
                await asyncio.sleep(0)  # a source that always has a chunk would keep all other tasks waiting
        finally:
            await self._close(chunks)

    async def _close(self, chunks: AsyncGenerator[Chunk, None]) -> None:
        """Close the source. One that fails to close, or does not end, must not stop the others."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await chunks.aclose()
        except TimeoutError:
            log.error("%s did not close within %.0f s; going on without it", self.url, CLOSE_TIMEOUT)
        except Exception:  # of a source of any package
            log.exception("%s failed when it was closed", self.url)

    async def _next(self, chunks: AsyncGenerator[Chunk, None], position: str | None) -> Chunk | None:
        """The next chunk; None if the source has ended."""
        try:
            return await anext(chunks)
        except StopAsyncIteration:
            return None
        except Disconnected as failure:
            raise _ConnectionEnded(position, failure) from None
        except SourceError as error:
            if is_machine_error(error) or is_machine_error(error.__context__):
                raise _ConnectionEnded(position, Disconnected(reason_of(error))) from None
            raise
        except Exception as error:  # a fault in one source, of any package, must not stop the others
            log.exception("%s failed", self.url)
            reason = f"it failed: {type(error).__name__}: {reason_of(error)}"
            raise _ConnectionEnded(position, Disconnected(reason[:200], FailureKind.HTTP)) from None

    async def _back_off(self, failure: Disconnected) -> None:
        if self._since and self._clock() - self._since >= STABLE:
            self._failures.clear()
        self._failures[failure.kind] += 1
        wait = delay(failure.kind, self._failures[failure.kind]) * (1 + JITTER * self._chance())
        wait = max(wait, min(failure.not_before - self._wall(), MAX_NOT_BEFORE))
        failures = self._failures.total()
        if failures & (failures - 1) == 0:  # log more and more rarely; GET /sources always shows the reason
            log.warning("%s: %s; again in %.1f s (failure %d in a row)", self.url, reason_of(failure), wait, failures)
        self._status.retry_at = round((self._wall() + wait) * 1000)
        self._set(State.BACKING_OFF, reason_of(failure))
        await self._sleep(wait)
        self._status.retry_at = None

    def _count(self, chunk: Chunk) -> None:
        if self._status.state is not State.STREAMING:
            self._since = self._clock()
            self._set(State.STREAMING)
        for counted in (chunk.dropped, chunk.noted):
            for reason, number in counted.items():
                self._status.counts[reason.value] = self._status.counts.get(reason.value, 0) + number
        if chunk.posts:
            self._status.posts += len(chunk.posts)
            self._status.time_unknown += sum([post.created_at is None for post in chunk.posts])
            self._status.last_post_at = round(self._wall() * 1000)
            second = float(int(self._clock()))
            if self._recent and self._recent[-1][0] == second:
                self._recent[-1] = (second, self._recent[-1][1] + len(chunk.posts))
            else:
                self._recent.append((second, len(chunk.posts)))

    def _set(self, state: State, reason: str = "") -> None:
        self._status.state, self._status.reason = state, reason
        self._changed()


class _ConnectionEnded(Exception):
    """A connection has ended: the position to go on from, and the failure."""

    def __init__(self, position: str | None, failure: Disconnected) -> None:
        super().__init__(str(failure))
        self.position = position
        self.failure = failure
