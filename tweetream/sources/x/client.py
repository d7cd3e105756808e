"""X's API by tweepy: the rules of the filtered stream, and one connection to it.

tweepy makes the requests. What it does not do well is not used: it would begin a stream that closes at once again
without delay, try 401 for ever, read no x-rate-limit-reset, and end for good at a line that it cannot read. So
`_connect` opens the stream and leaves it to whoever reads it, and answers that are no success are told apart before
tweepy sees them, by what is to be done: SourceError, Interrupted, or Rejected for rules that X does not take.
The host is written into tweepy, and is replaced in each request.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

import aiohttp
import msgspec
from aiohttp import hdrs
from tweepy.asynchronous import AsyncStreamingClient
from tweepy.streaming import StreamRule
from typing_extensions import override
from yarl import URL

from tweetream.sources.base import Disconnected, FailureKind, SourceError

ANSWER = 20.0  # seconds that X has to answer, where silence is not allowed longer
TWEEPYS_HOST = "api.twitter.com"
# Authors and texts of what a post repeats or quotes; texts over 280 characters are in note_tweet.
FIELDS = {
    "expansions": ["author_id", "referenced_tweets.id", "referenced_tweets.id.author_id"],
    "tweet_fields": ["author_id", "created_at", "lang", "note_tweet", "referenced_tweets", "edit_history_tweet_ids"],
    "user_fields": ["username"],
}


class Problem(msgspec.Struct):
    """What X says when something is wrong: in an answer, in `errors`, or in a line of the stream."""

    title: str | None = None
    type: str | None = None
    detail: str | None = None
    details: list[str] | None = None
    message: str | None = None
    value: str | None = None  # of a rule

    def line(self) -> str:
        said = " ".join((self.detail or self.message or "; ".join(self.details or ()) or self.title or "").split())
        return "".join(filter(str.isprintable, said))[:160]


class Rule(msgspec.Struct):
    """A rule as X has it."""

    id: str
    value: str
    tag: str | None = None


class _Answer(msgspec.Struct):
    data: list[Rule] = []
    errors: list[Problem] = []
    title: str | None = None
    type: str | None = None
    detail: str | None = None


_answer = msgspec.json.Decoder(_Answer)


class Rejected(Exception):
    """X takes none of the rules of a request."""

    def __init__(self, problems: list[Problem], line: str) -> None:
        super().__init__(line)
        self.problems = problems


class _NoToken(logging.Filter):
    """At the level of debug, tweepy logs each request with the token in it."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG


_no_token = _NoToken()


class Client(AsyncStreamingClient):
    """One session with X, for an `async with` block."""

    def __init__(self, token: str, api: URL, silence: float) -> None:
        logging.getLogger("tweepy.asynchronous.client").addFilter(_no_token)  # once, however often it is added
        super().__init__(token, return_type=aiohttp.ClientResponse)
        self._api, self._patience = api, min(ANSWER, silence)
        self.session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._patience), middlewares=(self._send,)
        )

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def stream(self) -> aiohttp.ClientResponse:
        """The open stream."""
        async with self._in_time():
            response: aiohttp.ClientResponse = await self.filter(**FIELDS)
        return response

    async def rules(self) -> list[Rule]:
        """All rules, also those of others."""
        async with self._in_time():
            return (await self._read(await self.get_rules())).data

    async def add(self, values: Iterable[str], tag: str) -> tuple[list[Rule], list[Problem]]:
        """The rules that X made of these, and what it says of the others."""
        async with self._in_time(adds=True):
            answer = await self._read(await self.add_rules([StreamRule(value, tag) for value in values]))
        return answer.data, answer.errors

    async def delete(self, ids: list[str]) -> list[Problem]:
        """Delete these rules; what X says of those that it cannot delete."""
        async with self._in_time():
            return (await self._read(await self.delete_rules(ids))).errors

    @override
    async def _connect(self, method: str, endpoint: str, **kwargs: Any) -> aiohttp.ClientResponse:
        url = f"https://{TWEEPYS_HOST}/2/tweets/{endpoint}/stream"
        headers = {hdrs.AUTHORIZATION: f"Bearer {self.bearer_token}", hdrs.USER_AGENT: self.user_agent}
        return await self.session.request(method, url, headers=headers, **kwargs)

    async def _send(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if request.url.host == TWEEPYS_HOST:
            api = self._api
            request.url = request.url.with_scheme(api.scheme).with_host(api.host or "").with_port(api.explicit_port)
            request.headers[hdrs.HOST] = request.url.authority
        response = await handler(request)
        if 200 <= response.status < 300:
            return response
        try:
            raise _failure(response, await response.content.read(65_536))
        finally:
            response.close()

    async def _read(self, response: aiohttp.ClientResponse) -> _Answer:
        try:
            return _answer.decode(await response.text())  # kept by tweepy's read(), unlike the connection
        except ValueError:
            raise Disconnected("X gives an answer that cannot be read", FailureKind.HTTP) from None

    @contextlib.asynccontextmanager
    async def _in_time(self, *, adds: bool = False) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience):
                yield
        except Rejected as error:
            if adds:
                raise
            raise Disconnected(str(error), FailureKind.HTTP) from None  # it minds no rule: to be asked again later
        except (aiohttp.ClientError, OSError) as error:
            raise broken(error) from None


def broken(error: Exception) -> Disconnected:
    """A connection that there is not or that broke, in one line."""
    said = "it says nothing" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return Disconnected(f"no connection to X: {' '.join(said.split())[:200]}")


def _failure(response: aiohttp.ClientResponse, body: bytes) -> Exception:
    """What an answer that is no success asks for."""
    try:
        answer = _answer.decode(body)
    except ValueError:  # proxies answer in HTML
        answer = _Answer()
    said = Problem(answer.title, answer.type, answer.detail).line() or next(map(Problem.line, answer.errors), "")
    line = f"X answers {response.status}" + (f": {said}" if said else "")
    capped = any(is_cap(problem) for problem in [*answer.errors, Problem(type=answer.type)])
    if response.status == 429:
        reset = response.headers.get("x-rate-limit-reset") or ""
        later = response.headers.get(hdrs.RETRY_AFTER) or ""
        # Another connection of the account is too many as well, and has nothing to do with the rate.
        spent = response.headers.get("x-rate-limit-remaining", "0") == "0"
        when = float(reset) if spent and re.fullmatch("[0-9]{1,11}", reset) else 0.0
        if not when and re.fullmatch("[0-9]{1,6}", later):
            when = time.time() + float(later)
        return Disconnected(line, FailureKind.RATE, when)
    if capped or response.status in (400, 422):
        return Rejected(answer.errors or [Problem(answer.title, answer.type, answer.detail)], line)
    if response.status in (401, 403):
        return SourceError(f"{line}; is TWEETREAM_X_BEARER_TOKEN the app-only Bearer token of an app with access?")
    return Disconnected(line, FailureKind.HTTP)


def is_cap(problem: Problem) -> bool:
    """There are as many rules as X allows."""
    return (problem.type or "").endswith("/rule-cap")


def is_duplicate(problem: Problem) -> bool:
    """Somebody has this very rule."""
    return (problem.type or "").endswith("/duplicate-rules") or problem.title == "DuplicateRule"
