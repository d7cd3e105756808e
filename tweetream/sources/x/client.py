"""X's API through tweepy: the rules of the filtered stream, and one connection to the stream.

tweepy makes the requests. Its handling of failures is not used: it would reconnect without delay after a stream that
closes at once, retry 401 for ever, ignore x-rate-limit-reset, and stop for good at a line that it cannot read. So
`_connect` only opens the stream, and the caller reads it. Error responses are handled before tweepy sees them: they
become SourceError, Disconnected, or Rejected for rules that X does not accept. tweepy has a fixed host, which is
replaced in each request.
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
from tweetream.sources.x.problem import XProblem

RESPONSE_TIMEOUT = 20.0  # seconds; less if the allowed silence is shorter
TWEEPYS_HOST = "api.twitter.com"
# These bring authors, texts of retweeted and quoted posts, polls, and descriptions of images; a text over 280
# characters is in note_tweet, and the title of a link's card in entities.
FIELDS = {
    "expansions": [
        *("author_id", "referenced_tweets.id", "referenced_tweets.id.author_id"),
        *("attachments.media_keys", "attachments.poll_ids"),
    ],
    "tweet_fields": [
        *("author_id", "created_at", "lang", "note_tweet", "referenced_tweets", "edit_history_tweet_ids"),
        *("attachments", "entities"),
    ],
    "user_fields": ["username"],
    "media_fields": ["alt_text"],
    "poll_fields": ["options"],
}


class Rule(msgspec.Struct):
    """A rule as X has it."""

    id: str
    value: str
    tag: str | None = None


class _Response(msgspec.Struct):
    data: list[Rule] = []
    errors: list[XProblem] = []
    title: str | None = None
    type: str | None = None
    detail: str | None = None


_response = msgspec.json.Decoder(_Response)


class Rejected(Exception):
    """X accepts none of the rules of a request."""

    def __init__(self, problems: list[XProblem], line: str) -> None:
        super().__init__(line)
        self.problems = problems


class _NoDebug(logging.Filter):
    """Drops tweepy's debug records, since they contain the token."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG


_no_debug = _NoDebug()


class Client(AsyncStreamingClient):
    """One session with X, for an `async with` block."""

    def __init__(self, token: str, api: URL, silence: float) -> None:
        logging.getLogger("tweepy.asynchronous.client").addFilter(_no_debug)  # adding it again changes nothing
        super().__init__(token, return_type=aiohttp.ClientResponse)
        self._api, self._timeout = api, min(RESPONSE_TIMEOUT, silence)
        self.session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._timeout), middlewares=(self._send,)
        )

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def stream(self) -> aiohttp.ClientResponse:
        """Open the stream."""
        async with self._in_time():
            response: aiohttp.ClientResponse = await self.filter(**FIELDS)
        return response

    async def rules(self) -> list[Rule]:
        """All rules of the account, also foreign ones."""
        async with self._in_time():
            return (await self._read(await self.get_rules())).data

    async def add(self, values: Iterable[str], tag: str) -> tuple[list[Rule], list[XProblem]]:
        """Add rules: the rules that X made, and its problems with the others."""
        async with self._in_time(adds=True):
            response = await self._read(await self.add_rules([StreamRule(value, tag) for value in values]))
        return response.data, response.errors

    async def delete(self, ids: list[str]) -> list[XProblem]:
        """Delete these rules; X's problems with those that it cannot delete."""
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

    async def _read(self, response: aiohttp.ClientResponse) -> _Response:
        try:
            return _response.decode(await response.text())  # tweepy has read it and closed the connection
        except ValueError:
            raise Disconnected("X sends a response that cannot be read", FailureKind.HTTP) from None

    @contextlib.asynccontextmanager
    async def _in_time(self, *, adds: bool = False) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except Rejected as error:
            if adds:
                raise
            raise Disconnected(str(error), FailureKind.HTTP) from None  # it concerns no rule: try again later
        except (aiohttp.ClientError, OSError) as error:
            raise broken(error) from None


def broken(error: Exception) -> Disconnected:
    """A failure to connect or a broken connection, in one line."""
    reason = "no response in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return Disconnected(f"no connection to X: {' '.join(reason.split())[:200]}")


def _failure(response: aiohttp.ClientResponse, body: bytes) -> Exception:
    """The exception for an error response."""
    try:
        answer = _response.decode(body)
    except ValueError:  # proxies answer in HTML
        answer = _Response()
    problems = answer.errors or [XProblem(answer.title, answer.type, answer.detail)]
    reason = XProblem(answer.title, answer.type, answer.detail).line() or next(map(XProblem.line, answer.errors), "")
    line = f"X answers {response.status}" + (f": {reason}" if reason else "")
    if response.status == 429:
        return Disconnected(line, FailureKind.RATE, _not_before(response))
    capped = any(problem.is_cap for problem in [*answer.errors, XProblem(type=answer.type)])
    if capped or response.status in (400, 422):
        return Rejected(problems, line)
    if response.status in (401, 403):
        return SourceError(f"{line}; is TWEETREAM_X_BEARER_TOKEN the app-only Bearer token of an app with access?")
    return Disconnected(line, FailureKind.HTTP)


def _not_before(response: aiohttp.ClientResponse) -> float:
    """The time of the next allowed request, in seconds since 1970; 0 if X does not say."""
    reset = response.headers.get("x-rate-limit-reset") or ""
    later = response.headers.get(hdrs.RETRY_AFTER) or ""
    # A second connection of the account is also answered with 429, and then the rate limit does not matter.
    exhausted = response.headers.get("x-rate-limit-remaining", "0") == "0"
    if exhausted and re.fullmatch("[0-9]{1,11}", reset) and float(reset):
        return float(reset)
    return time.time() + float(later) if re.fullmatch("[0-9]{1,6}", later) else 0.0
