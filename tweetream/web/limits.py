"""How many streams may be open, in all and for one client, and which client a request behind a proxy is from.

Each worker counts for itself. A refused client is told when to try again. These times differ, so that clients that were
refused together do not come back together. Imports no Faust.
"""

import contextlib
import ipaddress
import logging
import random
import resource
from collections import Counter
from collections.abc import Iterator, Sequence

from aiohttp import web

from tweetream.web.problems import Problem

log = logging.getLogger(__name__)
SPARE_FILES = 1_000  # open files that a worker may need besides one for each stream
_V6_PREFIX = 64  # bits of an IPv6 address: one household or server has all addresses that share them

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_of(text: str) -> Address | None:
    """The address in a text, IPv4 also where it is written as IPv6; None for another text."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class ClientAddresses:
    """Finds the client of a request: the peer, or the address in X-Forwarded-For if the peer is a trusted proxy."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted: list[Network] = [ipaddress.ip_network(text, strict=False) for text in trusted_proxies]

    def of(self, request: web.Request) -> str:
        """The key to count the client by: its IPv4 address, or the network of its IPv6 address."""
        client = self._client(request)
        if client is None:
            return ""
        if isinstance(client, ipaddress.IPv6Address):
            return str(ipaddress.IPv6Network((int(client), _V6_PREFIX), strict=False))
        return str(client)

    def exact(self, request: web.Request) -> str:
        """The client's address itself; empty if it is not known."""
        return str(self._client(request) or "")

    def is_trusted(self, request: web.Request) -> bool:
        """Whether a trusted proxy sent the request."""
        peer = address_of(request.remote or "")
        return peer is not None and self._trusts(peer)

    def _client(self, request: web.Request) -> Address | None:
        client = peer = address_of(request.remote or "")
        # Each proxy adds its own peer at the end. Entries before the last untrusted one can be forged.
        named = [part for line in request.headers.getall("X-Forwarded-For", []) for part in line.split(",")]
        while peer is not None and named and self._trusts(peer):
            peer = address_of(named.pop())
            client = peer or client
        return client

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


class StreamLimits:
    """Counts the open streams of each client."""

    def __init__(self, max_all: int, max_each: int) -> None:
        self._max, self._max_each = max_all, max_each
        self._open: Counter[str] = Counter()
        self._all = 0

    def check(self, client: str) -> None:
        """Raise Problem if the client may not open one more stream now."""
        later = {"Retry-After": str(random.randint(5, 15))}
        if self._open[client] >= self._max_each:
            raise Problem(429, f"one address may have at most {self._max_each} open streams", later)
        if self._all >= self._max:
            raise Problem(503, "the worker has reached its limit of open streams", later)

    @contextlib.contextmanager
    def slot(self, client: str) -> Iterator[None]:
        """Count one more stream within the block. Raises Problem if that is too many."""
        self.check(client)
        self._open[client] += 1
        self._all += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            self._all -= 1
            if not self._open[client]:
                del self._open[client]  # else addresses would accumulate


def raise_open_files(streams: int) -> None:
    """Raise this process's limit of open files to what so many streams need, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = streams + SPARE_FILES
    infinite = resource.RLIM_INFINITY
    if soft == infinite or soft >= needed:
        return
    granted = needed if hard == infinite else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    except (OSError, ValueError):  # macOS has a lower limit than it reports
        granted = soft
    if granted < needed:
        log.warning(
            "%d files may be open, %d streams need %d: raise the limit (ulimit -Hn) or lower TWEETREAM_MAX_STREAMS",
            granted, streams, needed,
        )  # fmt: skip
