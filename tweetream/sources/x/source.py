"""X's filtered stream, API v2: the posts that have a word of an active topic.

Duty: `x:[?api=https://api.x.com&lang=id,en]` read and checked, and one connection: rules first (`x_keeper.py`), then
the stream, with the rules kept in step while it runs. tweepy speaks with X (`x_client.py`).

Limits. X's stream has no position: what is posted while nobody is connected is missed, and it does not say which posts
were deleted. It allows one connection of an account. An edited post is another post there: the first text that was
given stays.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Container, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from aiohttp import ClientError, ClientResponse
from msgspec import Raw
from yarl import URL

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, Post, size_of
from tweetream.sources.base import MAX_LINE, Chunk, Context, Disconnected, FailureKind, Retracted, SourceError
from tweetream.sources.networks import Told, x_page
from tweetream.sources.post_builder import ParseContext, decode
from tweetream.sources.x.client import Client, Problem, broken
from tweetream.sources.x.rule_sync import LOOK, RuleSync, TokenBucket
from tweetream.sources.x.rules import Form

API = "https://api.x.com"
SILENCE = 45.0  # seconds; X sends an empty line every 20
OLD_NAMES = {"id": "in", "he": "iw", "yi": "ji"}  # X still has ISO 639's names of before 1989
GIVEN = 10_000  # posts that are remembered: X lets its users edit for an hour
_TOKEN = re.compile("[!-~]+")


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
        self._api, self._langs = _read_url(url)
        self._token = context.settings.x_bearer_token.get_secret_value().strip()
        self._silence, self._wall, self._sleep = silence, wall, sleep
        self._connects = TokenBucket(20, 25, clock)
        # Ours are all rules of our namespace, also those that another `lang` made: nobody else would delete them.
        tag = f"tweetream:{context.settings.namespace}:"
        self._keeper = RuleSync(Form(self._langs), tag, context.tracks, clock, wall)
        self._said = ""
        self._given: dict[str, None] = {}  # the ids of the last posts, oldest first

    def check(self) -> None:
        if not _TOKEN.fullmatch(self._token):
            raise SourceError("x: needs TWEETREAM_X_BEARER_TOKEN, the app-only Bearer token of an app at X")

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        self.check()
        async with Client(self._token, self._api, self._silence) as client:
            await self._rules(client)
            if not self._connects.take():
                until = self._wall() + self._connects.wait
                raise Disconnected("X allows 50 connections in 15 minutes", not_before=until)
            response = await client.stream()
            keeping = asyncio.ensure_future(self._keeper.keep(client, self._sleep))
            try:
                yield Chunk([], "")
                lines = Lines()
                while True:
                    over = None
                    for chunk in self._chunked(lines.feed(await self._piece(response, keeping))):
                        if isinstance(chunk, Disconnected):
                            over = chunk
                            break
                        yield chunk
                    if over is not None:
                        raise over
            finally:
                response.close()
                await _ended(keeping)

    async def _rules(self, client: Client) -> None:
        """See that X has a rule of ours: without one it refuses the stream. Says once what it waits for, then waits."""
        self._keeper.forget()
        await self._keeper.step(client, now=True)
        while not self._keeper.any:
            waits = self._keeper.waits
            if not waits and self._keeper.exhausted:
                raise Disconnected("X allows 100 changes of rules in 15 minutes", not_before=self._wall() + 20.0)
            if waits and waits != self._said:
                self._said = waits
                raise Disconnected(waits)
            await self._sleep(LOOK)
            await self._keeper.step(client, now=True)
        self._said = ""

    async def _piece(self, response: ClientResponse, keeping: asyncio.Future[None]) -> bytes:
        """What X sends next. Raises what ends the connection, also what ended the keeping of the rules."""
        reading = asyncio.ensure_future(response.content.readany())
        try:
            both: set[asyncio.Future[Any]] = {reading, keeping}
            await asyncio.wait(both, timeout=self._silence, return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()
            if not reading.done():
                raise Disconnected(f"X has said nothing for {self._silence:.0f} s, not even that it is alive")
            piece = reading.result()
        except (ClientError, OSError) as error:
            raise broken(error) from None
        finally:
            await _ended(reading)
        if not piece:
            raise Disconnected("X has closed the stream")
        return piece

    def _chunked(self, lines: list[bytes | None]) -> Iterator[Chunk | Disconnected]:
        """The posts of these lines, with what was dropped, and the end of the connection if one of them says so."""
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
            elif isinstance(outcome, Retracted):
                chunk.retracted.append(outcome.id)
                chunk.dropped[Drop.NOT_A_POST] += 1
            else:
                chunk.dropped[outcome] += 1
        if chunk.posts or chunk.dropped:
            yield chunk

    def _outcomes(self, lines: list[bytes | None]) -> Iterator[Told | Disconnected]:
        at = ParseContext(round(self._wall() * 1000))
        for line in lines:
            found = Drop.TOO_LONG if line is None else read_line(line, at, self._given)
            for outcome in found if isinstance(found, Iterator) else (found,):
                if not isinstance(outcome, Post):
                    yield outcome
                elif not self._speaks(outcome.lang):  # strangers' rules bring other languages
                    yield Drop.LANGUAGE
                elif outcome.id in self._given:
                    yield Drop.DUPLICATE
                else:
                    self._given[outcome.id] = None
                    if len(self._given) > GIVEN:
                        del self._given[next(iter(self._given))]
                    yield outcome

    def _speaks(self, lang: str) -> bool:
        return not self._langs or not lang or OLD_NAMES.get(lang, lang) in self._langs


class Lines:
    """Pieces of a stream to lines that end in CR LF, without the empty ones, which say that X is alive.

    None stands for a line over MAX_LINE, of which nothing is kept.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[bytes | None]:
        first, *others = piece.split(b"\n")
        self._add(first)
        lines: list[bytes | None] = []
        for other in others:
            whole = b"".join(self._rest).strip() if self._size <= MAX_LINE else None
            if whole != b"":
                lines.append(whole)
            self._rest, self._size = [], 0
            self._add(other)
        return lines

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        self._rest.append(part)
        if self._size > MAX_LINE:
            self._rest.clear()


class _Line(msgspec.Struct):
    data: Raw = Raw()
    includes: Raw = Raw()
    errors: list[Problem] = []
    title: str | None = None
    type: str | None = None
    detail: str | None = None


class _Edits(msgspec.Struct):
    edit_history_tweet_ids: list[str] = []


_line, _edits = msgspec.json.Decoder(_Line), msgspec.json.Decoder(_Edits)
_ENDS = ("operational-disconnect", "client-disconnected", "streaming-connection")


def read_line(line: bytes, at: ParseContext, given: Container[str] = ()) -> Told | Iterator[Told] | Disconnected:
    """What a line of the stream holds. Which rules it matched does not matter: topics are matched by ourselves.

    `given` are ids of posts; a new text of one of them is EDITED.
    """
    try:
        seen = decode(_line, line)
        if _has(seen.data):
            if bytes(seen.data).startswith(b"{"):
                *before, _ = decode(_edits, seen.data).edit_history_tweet_ids or [""]
                if any(f"x:{id}" in given for id in before):
                    return Drop.EDITED
            return x_page(seen.data, seen.includes if _has(seen.includes) else None, at)
    except (ValueError, RecursionError):
        return Drop.MALFORMED
    problems = seen.errors or [Problem(seen.title, seen.type, seen.detail)]
    for problem in problems:
        if (problem.type or "").rpartition("/")[2] in _ENDS or problem.title == "operational-disconnect":
            many = (problem.type or "").endswith("/streaming-connection")
            return Disconnected(
                f"X ends the stream: {problem.line()}", FailureKind.RATE if many else FailureKind.NETWORK
            )
    return Drop.NOT_A_POST if any(map(Problem.line, problems)) else Drop.MALFORMED


def _has(field: Raw) -> bool:
    return bytes(field) not in (b"", b"null")


async def _ended(task: asyncio.Future[Any]) -> None:
    """Cancel a task and wait for its end. What it raised was looked at, or nobody wants it any more."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


def _read_url(url: str) -> tuple[URL, tuple[str, ...]]:
    """Where the API is, and the languages asked for, as X names them. Raises SourceError."""
    if "@" in unquote(url):  # before any line that shows the URL
        raise SourceError("x: a URL holds no password; put the token into TWEETREAM_X_BEARER_TOKEN")
    if not url.isprintable():
        raise SourceError(f"{url!r}: percent-encode what cannot be printed in the URL of a source")
    rest, _, query = url.partition(":")[2].partition("?")
    if rest not in ("", "//"):
        raise SourceError(f"{url}: write x:, with the options api and lang behind a ? if wanted")
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if unknown := sorted(given.keys() - {"api", "lang"}):
        raise SourceError(f"{url}: unknown option {unknown[0]!r}; x knows api and lang")
    if len(given) < len(pairs):
        raise SourceError(f"{url}: an option is given twice; give each once")
    try:
        api = URL(given.get("api", API))
        fine = api.scheme in ("http", "https") and bool(api.host) and api.path in ("", "/") and not api.query_string
        fine = fine and api.port is not None
    except ValueError:
        fine = False
    if not fine:
        raise SourceError(f"{url}: api is an address such as {API}")
    langs = given["lang"].lower().split(",") if "lang" in given else []
    if not all(re.fullmatch("[a-z]{2,3}", lang) for lang in langs):
        raise SourceError(f"{url}: lang is a language such as id, or several with commas between them")
    return api, tuple(sorted({OLD_NAMES.get(lang, lang) for lang in langs}))
