"""The HTTP client of the sources. A server is not trusted: this module bounds what its responses can do to a worker.

No redirect is followed, since it could lead a token to another host. A compressed body is refused: nothing asks for
one, and it may unpack to any size. Cookies are ignored. A connection to a private address is made only if the URL of
the source names it. aiohttp bounds the headers: 128 of 8 KiB each.
"""

import socket
from collections.abc import Mapping

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override
from yarl import URL

from tweetream.models.printable import printable
from tweetream.sources.addresses import Hosts, is_name, is_public
from tweetream.sources.base import Disconnected, FailureKind


def open_session(
    hosts: Hosts,
    timeout: aiohttp.ClientTimeout,
    headers: Mapping[str, str] | None = None,
    middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = (),
) -> aiohttp.ClientSession:
    """A session with these hosts. Each limit raises Disconnected."""

    async def guard(request: aiohttp.ClientRequest, go_on: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        host = request.url.host or ""
        if not is_name(host):  # aiohttp does not resolve an address
            _check_address(hosts, host, host)
        response = await go_on(request)
        fault = _fault(host, response)
        if fault:
            response.close()
            raise Disconnected(printable(fault), FailureKind.HTTP)
        return response

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=_Resolver(hosts)),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity", **(headers or {})},
        timeout=timeout,
        auto_decompress=False,
        middlewares=(*middlewares, guard),
    )


async def read_at_most(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The first `most` bytes of a body. The caller sets a time limit."""
    body = bytearray()
    while len(body) < most and (piece := await response.content.readany()):
        body += piece
    return bytes(body[:most])


async def read_body(response: aiohttp.ClientResponse, most: int) -> bytes:
    """A whole body. Raises Disconnected if it has over `most` bytes."""
    body = await read_at_most(response, most + 1)
    if len(body) > most:
        raise Disconnected(f"{response.url.host} sends a response of over {most} bytes", FailureKind.HTTP)
    return body


class _Resolver(AbstractResolver):
    """Asks the system, and leaves out the addresses to which the source may not connect."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._system = aiohttp.ThreadedResolver()

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        allowed = [one for one in found if self._hosts.may_be_private(host) or is_public(one["host"])]
        if found and not allowed:
            _check_address(self._hosts, host, found[0]["host"])
        return allowed

    @override
    async def close(self) -> None:
        await self._system.close()


def _check_address(hosts: Hosts, host: str, address: str) -> None:
    if not hosts.may_be_private(host) and not is_public(address):
        raise Disconnected(f"{host} has the private address {address}; if that is right, add private=true to the URL")


def _fault(host: str, response: aiohttp.ClientResponse) -> str:
    """What is wrong with a response, whatever its status; empty if nothing is."""
    if response.status in (301, 302, 303, 307, 308):
        return f"{host} redirects to {_target(response)}"
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    return "" if encoding in ("", "identity") else f"{host} sends {encoding[:20]}, which was not asked for"


def _target(response: aiohttp.ClientResponse) -> str:
    """The host of a redirect, and what to do. The rest of the address may hold a secret."""
    try:
        origin = response.url.join(URL(response.headers["Location"])).origin()
        if origin == response.url.origin():
            return "another path, which is not followed"
        return f"{origin}: give that host in the URL of the source"
    except (LookupError, ValueError):  # of no header; and of yarl, which finds some faults only when it shows the URL
        return "no valid address"
