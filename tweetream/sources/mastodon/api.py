"""HTTP requests to a Mastodon server: its streaming address, the stream, and pages of a timeline.

Each failure becomes Disconnected with its kind, or SourceError if the server refuses for good. Every server with
Mastodon's API works; the extras of Mastodon itself are optional. This module parses no status, and keeps at most
MAX_PAGE bytes of a response.
"""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from msgspec import Raw, Struct
from msgspec.json import Decoder

from tweetream import __version__
from tweetream.sources.base import Disconnected, FailureKind, SourceError
from tweetream.sources.mastodon.options import Options
from tweetream.sources.post_builder import decode
from tweetream.sources.times import read_time

LIMIT = 40  # statuses of a page; Mastodon gives no more
MAX_PAGE = 8 * 1024 * 1024  # bytes
CONNECT_TIMEOUT = 10.0  # seconds, with DNS and the TLS handshake
RESPONSE_TIMEOUT = 30.0  # seconds for a whole response that is no stream


class _Urls(Struct):
    streaming: str | None = None


class _Configuration(Struct):
    urls: _Urls | None = None


class _Instance(Struct):
    configuration: _Configuration | None = None


_instance, _page = Decoder(_Instance), Decoder(list[Raw])


class Api:
    """One connection to a server, for an `async with` block. It fails after `silence` seconds without a byte."""

    def __init__(self, options: Options, token: str, silence: float) -> None:
        self._options, self._token, self._silence = options, token, silence
        headers = {"User-Agent": f"Tweetream/{__version__}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connect = min(CONNECT_TIMEOUT, silence)
        timeout = aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect, sock_read=silence)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout)

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def streaming_base(self) -> str:
        """The address of the server's stream: the one that it names, or its own."""
        status, body = await self._get("/api/v2/instance", {})
        named = None
        if status == 200:
            try:
                found = decode(_instance, body).configuration
                named = found and found.urls and found.urls.streaming
            except (ValueError, RecursionError):
                pass  # another kind of server, which streams at its own address
        parts = _split(named or "")
        if parts is None:
            return self._options.base
        # The token is never sent unencrypted to a server that was reached with TLS.
        scheme = "http" if self._options.base.startswith("http:") and parts[0] in ("ws", "http") else "https"
        return f"{scheme}://{parts[1]}"

    @asynccontextmanager
    async def stream(self, base: str) -> AsyncIterator[aiohttp.StreamReader]:
        """Open the stream."""
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        response = await self._send(base + self._options.stream, headers)
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
            piece = await content.readany()
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

    async def _get(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        """The status and the body of a response."""
        with _one_line_errors(self._options.host, self._silence):
            async with asyncio.timeout(RESPONSE_TIMEOUT):
                response = await self._send(self._options.base + path, {"Accept": "application/json"}, params=query)
                try:
                    self._check_status(response, final=path == "/api/v2/instance")
                    body = b""
                    while len(body) <= MAX_PAGE and (piece := await response.content.readany()):
                        body += piece
                finally:
                    response.release()
        if len(body) > MAX_PAGE:
            raise Disconnected(f"{self._options.host} sends a response of over {MAX_PAGE} bytes", FailureKind.HTTP)
        return response.status, body

    async def _send(self, url: str, headers: dict[str, str], **more: Any) -> aiohttp.ClientResponse:
        with _one_line_errors(self._options.host, self._silence):
            return await self._session.get(url, headers=headers, **more)

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
            raise Disconnected(f"{host} got too many requests", FailureKind.RATE, _not_before(response.headers))
        if status >= 500:
            raise Disconnected(f"{host} answers {status} {response.reason or ''}".rstrip()[:200], FailureKind.HTTP)


def _split(url: str) -> tuple[str, str] | None:
    """The scheme, and the host with its port and path, of a streaming address; None if the address is invalid."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("ws", "wss", "http", "https") and re.fullmatch(r"[\w.:\[\]-]{1,255}", parts.netloc)
    except ValueError:
        return None
    return (parts.scheme, parts.netloc + parts.path.rstrip("/")) if valid else None


def _not_before(headers: Mapping[str, str]) -> float:
    """The time of the next allowed request, in seconds since 1970; 0 if the response does not say."""
    now = time.time()
    after, reset = headers.get("Retry-After", ""), headers.get("X-RateLimit-Reset", "")
    when = now + int(after) if re.fullmatch(r"[0-9]{1,9}", after) else 0.0
    if reset:  # a time as Mastodon writes it, or seconds since 1970
        when = max(when, (read_time(reset) or now * 1000) / 1000)
    return when


@contextmanager
def _one_line_errors(host: str, silence: float) -> Iterator[None]:
    """Turn each error of a connection into Disconnected with a one-line reason."""
    try:
        yield
    except TimeoutError:  # aiohttp's are of this kind too
        raise Disconnected(f"{host} has sent nothing for {silence:g} s") from None
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
    return " ".join((str(error) or type(error).__name__).split())[:200]
