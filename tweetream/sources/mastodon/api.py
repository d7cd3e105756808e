"""HTTP requests to a Mastodon server: its streaming address, the stream, and pages of a timeline.

Each failure becomes Disconnected with its kind, or SourceError if the server refuses for good. Every server with
Mastodon's API works; the extras of Mastodon itself are optional. This module parses no status. The token goes only to
the hosts that the URL of the source names, and to their subdomains.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import aiohttp
from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder
from yarl import URL

from tweetream import __version__
from tweetream.sources.base import Disconnected, FailureKind, SourceError, make_readable
from tweetream.sources.http import open_session, read_body
from tweetream.sources.mastodon.options import Options
from tweetream.sources.post_builder import decode
from tweetream.sources.retry_time import retry_time

LIMIT = 40  # statuses of a page; Mastodon gives no more
MOST = 10 * LIMIT  # statuses of a page of any server; more would block the event loop
MAX_PAGE = 8 * 1024 * 1024  # bytes
MAX_INSTANCE = 1024 * 1024  # bytes
MAX_PIECE = 16 * 1024  # bytes of the stream at once; an event may be as short as 6 bytes
MAX_ADDRESS = 2048  # characters
CONNECT_TIMEOUT = 10.0  # seconds, with DNS and the TLS handshake
RESPONSE_TIMEOUT = 30.0  # seconds for a whole response, or for the headers of the stream


class _Urls(Struct):
    streaming: str | None = None


class _Configuration(Struct):
    urls: _Urls | None = None


class _Instance(Struct):
    configuration: _Configuration | None = None


_HOST = re.compile(r"[0-9a-z_.:-]{1,255}")
_instance = Decoder(_Instance)
_page: Decoder[list[Raw]] = Decoder(Annotated[list[Raw], Meta(max_length=MOST)])


class Api:
    """One connection to a server, for an `async with` block. It fails after `silence` seconds without a byte."""

    def __init__(self, options: Options, token: str, silence: float) -> None:
        self._options, self._token, self._silence = options, token, silence
        headers = {"User-Agent": f"Tweetream/{__version__}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connect = min(CONNECT_TIMEOUT, silence)
        timeout = aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect, sock_read=silence)
        self._session = open_session(options.hosts, timeout, headers)

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        make_readable(error, self._token)
        await self._session.close()

    async def streaming_base(self) -> str:
        """The address of the server's stream: the one that it names, or its own."""
        status, body = await self._get("/api/v2/instance", {}, MAX_INSTANCE)
        named = None
        if status == 200:
            try:
                found = decode(_instance, body).configuration
                named = found and found.urls and found.urls.streaming
            except (ValueError, RecursionError):
                pass  # another kind of server, which streams at its own address
        url = _streaming_url(named or "")
        if url is None:
            return self._options.base
        if not self._options.hosts.covers(url.raw_host or ""):
            raise SourceError(
                f"{self._options.host} names another site for its stream, {url.raw_host}: if it may have your token, "
                f"add streaming={url.raw_host} to the URL of the source"
            )
        # The token is never sent unencrypted to a server that was reached with TLS.
        plain = self._options.base.startswith("http:") and url.scheme in ("ws", "http")
        return str(url.with_scheme("http" if plain else "https")).rstrip("/")

    @asynccontextmanager
    async def stream(self, base: str) -> AsyncIterator[aiohttp.StreamReader]:
        """Open the stream."""
        with _one_line_errors(self._options.host, self._silence):
            async with asyncio.timeout(RESPONSE_TIMEOUT):
                response = await self._send(base + self._options.stream, {"Accept": "text/event-stream"})
        try:
            self._check_status(response)
            if response.status != 200 or response.content_type != "text/event-stream":
                what = f"{response.status} {response.content_type}"
                raise Disconnected(f"{self._options.host} answers {what} instead of a stream", FailureKind.HTTP)
            yield response.content
        finally:
            response.close()

    async def read(self, content: aiohttp.StreamReader) -> bytes:
        """The next piece of a stream."""
        with _one_line_errors(self._options.host, self._silence):
            piece = await content.read(MAX_PIECE)
        await asyncio.sleep(0)  # a read of what has arrived already would keep all other tasks waiting
        if not piece:
            raise Disconnected(f"{self._options.host} ended the stream")
        return piece

    async def page(self, **query: str) -> list[Raw] | None:
        """Statuses of the timeline, newest first; None if the server does not allow access to it."""
        if self._options.local:
            query["local"] = "true"
        status, body = await self._get(self._options.timeline, query)
        if status in (400, 401, 403, 404, 410, 422):
            return None
        if status != 200:
            raise Disconnected(f"{self._options.host} answers {status} to a page of its timeline", FailureKind.HTTP)
        try:
            return decode(_page, body)
        except (ValueError, RecursionError):
            raise Disconnected(f"{self._options.host} sends a page that cannot be read", FailureKind.HTTP) from None

    async def _get(self, path: str, query: dict[str, str], most: int = MAX_PAGE) -> tuple[int, bytes]:
        """The status and the body of a response."""
        with _one_line_errors(self._options.host, self._silence):
            async with asyncio.timeout(RESPONSE_TIMEOUT):
                response = await self._send(self._options.base + path, {"Accept": "application/json"}, params=query)
                try:
                    self._check_status(response, final=path == "/api/v2/instance")
                    return response.status, await read_body(response, most)
                finally:
                    response.release()

    async def _send(self, url: str, headers: dict[str, str], **more: Any) -> aiohttp.ClientResponse:
        return await self._session.get(url, headers=headers, allow_redirects=False, **more)

    def _check_status(self, response: aiohttp.ClientResponse, final: bool = True) -> None:
        """Raise the exception for an error response."""
        host, status = self._options.host, response.status
        if final and status in (401, 403):
            why = "does not accept the token in TWEETREAM_MASTODON_TOKEN" if self._token else "needs a user's token"
            raise SourceError(
                f"{host} {why} (HTTP {status}): make one there under Preferences, Development, with the scope "
                "read:statuses, and put it into TWEETREAM_MASTODON_TOKEN"
            )
        if status == 429:
            raise Disconnected(f"{host} got too many requests", FailureKind.RATE, retry_time(response.headers))
        if status >= 500:
            raise Disconnected(f"{host} answers {status} {response.reason or ''}".rstrip(), FailureKind.HTTP)


def _streaming_url(named: str) -> URL | None:
    """A streaming address without its query; None if it is invalid."""
    try:
        url = URL(named[: MAX_ADDRESS + 1]).with_query(None).with_fragment(None)
        valid = url.scheme in ("ws", "wss", "http", "https") and _HOST.fullmatch(url.raw_host or "")
    except (IndexError, ValueError):  # both are yarl's
        return None
    return url if valid and len(named) <= MAX_ADDRESS and url.user is None and url.explicit_port != 0 else None


@contextmanager
def _one_line_errors(host: str, silence: float) -> Iterator[None]:
    """Turn each error of a connection into Disconnected with a one-line reason."""
    try:
        yield
    except aiohttp.ServerTimeoutError:
        raise Disconnected(f"{host} has sent nothing for {silence:g} s") from None
    except TimeoutError:
        reason = f"{host} has not sent a whole response in {RESPONSE_TIMEOUT:g} s"
        raise Disconnected(reason, FailureKind.HTTP) from None
    except aiohttp.ClientSSLError as error:
        raise Disconnected(f"no TLS with {host}: {_line(error)}") from None
    except aiohttp.ClientConnectorDNSError:
        raise Disconnected(f"{host} has no address, or there is no network") from None
    except aiohttp.ClientConnectorError as error:
        raise Disconnected(f"no connection to {host}: {_line(error.os_error)}") from None
    except aiohttp.ClientPayloadError:
        raise Disconnected(f"{host} broke off in the middle of a response") from None
    except (aiohttp.InvalidURL, aiohttp.TooManyRedirects, aiohttp.ClientResponseError) as error:
        raise Disconnected(f"{host} sends invalid HTTP: {_line(error)}", FailureKind.HTTP) from None
    except (aiohttp.ClientError, OSError) as error:
        raise Disconnected(f"the connection to {host} broke: {_line(error)}") from None


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        return error.strerror
    return str(error) or type(error).__name__
