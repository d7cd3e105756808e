"""What is asked of a Mastodon server over HTTP: where it streams, the stream, and the pages of a timeline.

Every failure becomes what the supervisor knows: Interrupted with its kind, or SourceError where the server refuses for
good. Any server that speaks the same protocol will do; what only Mastodon has is asked for, and done without. Limits:
it parses no status, and holds no more of an answer than MAX_PAGE.
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
from tweetream.sources.post_builder import claimed, decode

LIMIT = 40  # statuses of a page: the most that Mastodon gives
MAX_PAGE = 8 * 1024 * 1024  # bytes
CONNECT = 10.0  # seconds, with the look-up of the name and the handshake
ANSWER = 30.0  # seconds for a whole answer that is no stream


class _Urls(Struct):
    streaming: str | None = None


class _Configuration(Struct):
    urls: _Urls | None = None


class _Instance(Struct):
    configuration: _Configuration | None = None


_instance, _page = Decoder(_Instance), Decoder(list[Raw])


class Api:
    """A server, for one connection's life: an `async with` block. `silence`: seconds without a byte that are borne."""

    def __init__(self, options: Options, token: str, silence: float) -> None:
        self._options, self._token, self._silence = options, token, silence
        headers = {"User-Agent": f"Tweetream/{__version__}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connect = min(CONNECT, silence)
        timeout = aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect, sock_read=silence)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout)

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def streaming_base(self) -> str:
        """Where the server streams: what it says, or where it is itself."""
        status, body = await self._get("/api/v2/instance", {})
        said = None
        if status == 200:
            try:
                found = decode(_instance, body).configuration
                said = found and found.urls and found.urls.streaming
            except (ValueError, RecursionError):
                pass  # a server of another kind, which streams where it is
        parts = _split(said or "")
        if parts is None:
            return self._options.base
        # The token never goes out in clear over what was reached encrypted.
        scheme = "http" if self._options.base.startswith("http:") and parts[0] in ("ws", "http") else "https"
        return f"{scheme}://{parts[1]}"

    @asynccontextmanager
    async def stream(self, base: str) -> AsyncIterator[aiohttp.StreamReader]:
        """The open stream."""
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        response = await self._send(base + self._options.stream, headers)
        try:
            self._refuse(response)
            if response.status != 200 or response.content_type != "text/event-stream":
                what = f"{response.status} {response.content_type}"
                raise Disconnected(f"{self._options.host} answers {what} where it should stream", FailureKind.HTTP)
            yield response.content
        finally:
            response.close()

    async def read(self, content: aiohttp.StreamReader) -> bytes:
        """The next piece of a stream."""
        with _said(self._options.host, self._silence):
            piece = await content.readany()
        if not piece:
            raise Disconnected(f"{self._options.host} ended the stream")
        return piece

    async def page(self, **query: str) -> list[Raw] | None:
        """Statuses of the timeline, the newest first; None where the server shows none to us."""
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
            raise Disconnected(f"{self._options.host} gives a page that cannot be read", FailureKind.HTTP) from None

    async def _get(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        """The status and the body of an answer."""
        with _said(self._options.host, self._silence):
            async with asyncio.timeout(ANSWER):
                response = await self._send(self._options.base + path, {"Accept": "application/json"}, params=query)
                try:
                    self._refuse(response, final=path == "/api/v2/instance")
                    body = b""
                    while len(body) <= MAX_PAGE and (piece := await response.content.readany()):
                        body += piece
                finally:
                    response.release()
        if len(body) > MAX_PAGE:
            raise Disconnected(f"{self._options.host} gives an answer of over {MAX_PAGE} bytes", FailureKind.HTTP)
        return response.status, body

    async def _send(self, url: str, headers: dict[str, str], **more: Any) -> aiohttp.ClientResponse:
        with _said(self._options.host, self._silence):
            return await self._session.get(url, headers=headers, **more)

    def _refuse(self, response: aiohttp.ClientResponse, final: bool = True) -> None:
        """Raise what an answer means that is none of ours to read."""
        host, status = self._options.host, response.status
        if final and status in (401, 403):
            why = "takes the token in TWEETREAM_MASTODON_TOKEN no more" if self._token else "wants a user's token"
            raise SourceError(
                f"{host} {why} (HTTP {status}): make one under Preferences, Development there, with the scope "
                "read:statuses, and put it into TWEETREAM_MASTODON_TOKEN"
            )
        if status == 429:
            raise Disconnected(f"{host} has had too many requests", FailureKind.RATE, _allowed(response.headers))
        if status >= 500:
            raise Disconnected(f"{host} answers {status} {response.reason or ''}".rstrip()[:200], FailureKind.HTTP)


def _split(url: str) -> tuple[str, str] | None:
    """The scheme, and the host with its port and path, of an address to stream from; None if it is none."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("ws", "wss", "http", "https") and re.fullmatch(r"[\w.:\[\]-]{1,255}", parts.netloc)
    except ValueError:
        return None
    return (parts.scheme, parts.netloc + parts.path.rstrip("/")) if sound else None


def _allowed(headers: Mapping[str, str]) -> float:
    """When one may ask again, in seconds since 1970; 0 if the answer does not say."""
    now = time.time()
    after, reset = headers.get("Retry-After", ""), headers.get("X-RateLimit-Reset", "")
    when = now + int(after) if re.fullmatch(r"[0-9]{1,9}", after) else 0.0
    if reset:  # a time as Mastodon writes it, or seconds since 1970
        when = max(when, claimed(reset, round(now * 1000)) / 1000)
    return when


@contextmanager
def _said(host: str, silence: float) -> Iterator[None]:
    """Turn what goes wrong on a line into Interrupted, with one line that says what."""
    try:
        yield
    except TimeoutError:  # aiohttp's are of this kind too
        raise Disconnected(f"{host} says nothing for {silence:g} s") from None
    except aiohttp.ClientSSLError as error:
        raise Disconnected(f"no TLS with {host}: {_line(error)}") from None
    except aiohttp.ClientConnectorDNSError:
        raise Disconnected(f"{host} has no address, or the network is away") from None
    except aiohttp.ClientConnectorError as error:
        raise Disconnected(f"no connection to {host}: {_line(error.os_error)}") from None
    except aiohttp.ClientPayloadError:
        raise Disconnected(f"{host} broke off in the middle") from None
    except (aiohttp.InvalidURL, aiohttp.TooManyRedirects, aiohttp.ClientResponseError) as error:
        raise Disconnected(f"{host} answers what is no HTTP: {_line(error)}", FailureKind.HTTP) from None
    except (aiohttp.ClientError, OSError) as error:
        raise Disconnected(f"the connection to {host} broke: {_line(error)}") from None


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        return error.strerror
    return " ".join((str(error) or type(error).__name__).split())[:200]
