"""X's API through tweepy: the rules of the filtered stream, and one connection to the stream.

tweepy makes the requests. Its handling of failures is not used: it would reconnect without delay after a stream that
closes at once, retry 401 for ever, ignore x-rate-limit-reset, and stop for good at a line that it cannot read. So
`_connect` only opens the stream, and the caller reads it. `request` reads a response within a limit, and logs no
token. Error responses are handled before tweepy sees them: they become SourceError, Disconnected, or Rejected for
rules that X does not accept. tweepy has a fixed host, which is replaced in each request.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import aiohttp
import msgspec
from aiohttp import hdrs
from tweepy.asynchronous import AsyncStreamingClient
from tweepy.streaming import StreamRule
from typing_extensions import override
from yarl import URL

from tweetream.models.printable import printable
from tweetream.sources.addresses import Hosts
from tweetream.sources.base import Disconnected, FailureKind, SourceError, make_readable
from tweetream.sources.http import open_session, read_at_most, read_body
from tweetream.sources.retry_time import retry_time
from tweetream.sources.x.problem import XProblem

RESPONSE_TIMEOUT = 20.0  # seconds; less if the allowed silence is shorter
TWEEPYS_HOST = "api.twitter.com"
MAX_BODY = 8 * 1024 * 1024  # bytes of a response; a thousand rules of a thousand characters have two
MAX_ERROR = 64 * 1024  # bytes that are read of an error response
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


class Client(AsyncStreamingClient):
    """One session with X, for an `async with` block."""

    def __init__(self, token: str, api: URL, hosts: Hosts, silence: float) -> None:
        super().__init__(token, return_type=aiohttp.ClientResponse)  # so tweepy gives on what `request` returns
        self._api, self._timeout = api, min(RESPONSE_TIMEOUT, silence)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout)
        self.session = open_session(hosts, timeout, middlewares=(self._send,))

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        make_readable(error, self.bearer_token)
        await self.session.close()

    async def stream(self) -> aiohttp.ClientResponse:
        """Open the stream."""
        async with self._in_time():
            response: aiohttp.ClientResponse = await self.filter(**FIELDS)
        return response

    async def rules(self) -> list[Rule]:
        """All rules of the account, also foreign ones."""
        async with self._in_time():
            return _decoded(await self.get_rules()).data

    async def add(self, values: Iterable[str], tag: str) -> tuple[list[Rule], list[XProblem]]:
        """Add rules: the rules that X made, and its problems with the others."""
        async with self._in_time(adds=True):
            response = _decoded(await self.add_rules([StreamRule(value, tag) for value in values]))
        return response.data, response.errors

    async def delete(self, ids: list[str]) -> list[XProblem]:
        """Delete these rules; X's problems with those that it cannot delete."""
        async with self._in_time():
            return _decoded(await self.delete_rules(ids)).errors

    def show(self, text: object) -> str:
        """A text of X, or about it, in one printable line without the token."""
        return printable(text, secret=self.bearer_token)

    @override
    async def request(
        self, method: str, route: str, params: Any = None, json: Any = None, user_auth: bool = False
    ) -> bytes:
        """The body of a response."""
        url, headers = f"https://{TWEEPYS_HOST}{route}", self._headers()
        async with self.session.request(method, url, params=params, json=json, headers=headers) as response:
            return await read_body(response, MAX_BODY)

    @override
    async def _connect(self, method: str, endpoint: str, **kwargs: Any) -> aiohttp.ClientResponse:
        url = f"https://{TWEEPYS_HOST}/2/tweets/{endpoint}/stream"
        return await self.session.request(method, url, headers=self._headers(), **kwargs)

    def _headers(self) -> dict[str, str]:
        return {hdrs.AUTHORIZATION: f"Bearer {self.bearer_token}", hdrs.USER_AGENT: self.user_agent}

    async def _send(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if request.url.host == TWEEPYS_HOST:
            api = self._api
            request.url = request.url.with_scheme(api.scheme).with_host(api.host or "").with_port(api.explicit_port)
            request.headers[hdrs.HOST] = request.url.authority
        response = await handler(request)
        if 200 <= response.status < 300:
            return response
        try:
            raise _failure(response, await read_at_most(response, MAX_ERROR))
        finally:
            response.close()

    @contextlib.asynccontextmanager
    async def _in_time(self, *, adds: bool = False) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except Rejected as error:
            if adds:
                raise
            # It concerns no rule: try again later.
            raise Disconnected(self.show(error), FailureKind.HTTP) from None
        except (aiohttp.ClientError, OSError) as error:
            raise broken(error) from None


def broken(error: Exception) -> Disconnected:
    """A failure to connect or a broken connection, in one line."""
    reason = "no response in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return Disconnected(f"no connection to X: {reason}")


def _decoded(body: bytes) -> _Response:
    try:
        return _response.decode(body)
    except (ValueError, RecursionError):
        raise Disconnected("X sends a response that cannot be read", FailureKind.HTTP) from None


def _failure(response: aiohttp.ClientResponse, body: bytes) -> Exception:
    """The exception for an error response."""
    try:
        answer = _response.decode(body)
    except (ValueError, RecursionError):  # proxies answer in HTML
        answer = _Response()
    problems = answer.errors or [XProblem(answer.title, answer.type, answer.detail)]
    reason = XProblem(answer.title, answer.type, answer.detail).line() or next(map(XProblem.line, answer.errors), "")
    line = f"X answers {response.status}" + (f": {reason}" if reason else "")
    if response.status == 429:
        return Disconnected(line, FailureKind.RATE, retry_time(response.headers))
    capped = any(problem.is_cap for problem in [*answer.errors, XProblem(type=answer.type)])
    if capped or response.status in (400, 422):
        return Rejected(problems, line)
    if response.status in (401, 403):
        return SourceError(f"{line}; is TWEETREAM_X_BEARER_TOKEN the app-only Bearer token of an app with access?")
    return Disconnected(line, FailureKind.HTTP)
