"""X's filtered stream, API v2: the posts that contain a word of an active topic.

One connection goes like this: first the rules (`rule_sync.py`), then the stream; while it runs, the rules follow the
topics. tweepy makes the requests (`client.py`).

Limits. X's stream has no position, so posts that appear while the source is not connected are lost. X does not report
deleted posts. It allows one connection for each account. An edited post is a new post at X; Tweetream keeps the first
text.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any

from aiohttp import ClientError, ClientResponse

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, Post, size_of
from tweetream.sources.base import Chunk, Context, Disconnected, PostOrDrop, SourceError
from tweetream.sources.lines import LineSplitter
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.x.client import Client, broken
from tweetream.sources.x.messages import parse_message
from tweetream.sources.x.options import read_url
from tweetream.sources.x.rule_sync import INTERVAL, RuleSync
from tweetream.sources.x.rules import Form
from tweetream.sources.x.token_bucket import TokenBucket

SILENCE = 45.0  # seconds; X sends an empty line every 20
MAX_DROPPED = 1_000  # messages that a chunk drops for one reason; more would block the event loop
REMEMBERED = 10_000  # posts; X lets its users edit a post for an hour
_TOKEN = re.compile("[!-~]+")


def make(url: str, context: Context) -> "X":
    """The source of a URL with the scheme `x`. Raises SourceError."""
    return X(url, context)


class X:
    """One account's filtered stream."""

    unpaced = False

    def __init__(
        self,
        url: str,
        context: Context,
        *,
        silence: float = SILENCE,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.url = url
        self._options = read_url(url)
        self._token = context.settings.x_bearer_token.get_secret_value().strip()
        self._silence, self._wall, self._sleep = silence, wall, sleep
        self._connects = TokenBucket(20, 25, clock)
        # All rules of our namespace are ours, also those made with another `lang`: no other program deletes them.
        tag = f"tweetream:{context.settings.namespace}:"
        self._rules = RuleSync(Form(self._options.langs), tag, context.tracks, clock, wall)
        self._reported = ""  # the last reason to wait for a topic
        self._given: dict[str, None] = {}  # the ids of the last posts, oldest first

    def check(self) -> None:
        if not _TOKEN.fullmatch(self._token):
            raise SourceError("x: needs TWEETREAM_X_BEARER_TOKEN, the app-only Bearer token of an app at X")

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        self.check()
        async with Client(self._token, self._options.api, self._options.hosts, self._silence) as client:
            await self._wait_for_rules(client)
            if not self._connects.take():
                until = self._wall() + self._connects.wait
                raise Disconnected("X allows 50 connections in 15 minutes", not_before=until)
            response = await client.stream()
            syncing = asyncio.ensure_future(self._rules.run(client, self._sleep))
            try:
                yield Chunk([], "")
                lines = LineSplitter()
                while True:
                    end = None
                    for chunk in self._chunked(lines.feed(await self._piece(response, syncing))):
                        if isinstance(chunk, Disconnected):
                            end = chunk
                            break
                        yield chunk
                    if end is not None:
                        raise end
            finally:
                response.close()
                await _cancelled(syncing)

    async def _wait_for_rules(self, client: Client) -> None:
        """Wait until X has a rule of ours, since it refuses a stream without rules.

        The first time there is a reason to wait, this raises Disconnected, so that the status of the source shows it.
        """
        self._rules.forget()
        await self._rules.step(client, now=True)
        while not self._rules.any:
            reason = self._rules.missing
            if not reason and self._rules.exhausted:
                raise Disconnected("X allows 100 changes of rules in 15 minutes", not_before=self._wall() + 20.0)
            if reason and reason != self._reported:
                self._reported = reason
                raise Disconnected(reason)
            await self._sleep(INTERVAL)
            await self._rules.step(client, now=True)
        self._reported = ""

    async def _piece(self, response: ClientResponse, syncing: asyncio.Future[None]) -> bytes:
        """The next piece of the stream. Raises the error that ended the connection or the sync of the rules."""
        reading = asyncio.ensure_future(response.content.readany())
        try:
            both: set[asyncio.Future[Any]] = {reading, syncing}
            await asyncio.wait(both, timeout=self._silence, return_when=asyncio.FIRST_COMPLETED)
            if syncing.done():
                syncing.result()
            if not reading.done():
                raise Disconnected(f"X has sent nothing for {self._silence:.0f} s, not even a keep-alive")
            piece = reading.result()
        except (ClientError, OSError) as error:
            raise broken(error) from None
        finally:
            await _cancelled(reading)
        if not piece:
            raise Disconnected("X has closed the stream")
        return piece

    def _chunked(self, lines: list[bytes | None]) -> Iterator[Chunk | Disconnected]:
        """The chunks of these lines, and Disconnected after them if one of the lines ends the stream."""
        chunk, size = Chunk([], ""), 0
        for outcome in self._outcomes(lines):
            if isinstance(outcome, Disconnected):
                yield chunk
                yield outcome
                return
            if isinstance(outcome, Post):
                length = size_of(outcome.text)
                if len(chunk.posts) == MAX_POSTS or (chunk.posts and size + length > MAX_BYTES):
                    yield chunk
                    chunk, size = Chunk([], ""), 0
                chunk.posts.append(outcome)
                size += length
            else:
                chunk.dropped[outcome] += 1
                if chunk.dropped[outcome] == MAX_DROPPED:
                    yield chunk
                    chunk, size = Chunk([], ""), 0
        if chunk.posts or chunk.dropped:
            yield chunk

    def _outcomes(self, lines: list[bytes | None]) -> Iterator[PostOrDrop | Disconnected]:
        at = ParseContext(round(self._wall() * 1000))
        for line in lines:
            if line is not None and not (line := line.strip()):
                continue  # an empty line is X's keep-alive
            found = Drop.TOO_LONG if line is None else parse_message(line, at, self._given)
            for outcome in found if isinstance(found, Iterator) else (found,):
                if not isinstance(outcome, Post):
                    yield outcome
                elif not self._options.accepts(outcome.lang):  # foreign rules bring other languages
                    yield Drop.LANGUAGE
                elif outcome.id in self._given:
                    yield Drop.DUPLICATE
                else:
                    self._given[outcome.id] = None
                    if len(self._given) > REMEMBERED:
                        del self._given[next(iter(self._given))]
                    yield outcome


async def _cancelled(task: asyncio.Future[Any]) -> None:
    """Cancel a task and wait for its end. Its error is marked as seen, since the caller has read it or ignores it."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
