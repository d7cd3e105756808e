"""How many streams there may be, in all and for one client, and whose request it is behind a proxy. Knows no Faust.

The limits are a worker's own. What is refused is told when to come again; the times differ, so that those who were
refused together do not come back together.
"""

import contextlib
import ipaddress
import logging
import random
import resource
from collections import Counter
from collections.abc import Iterator, Sequence

from aiohttp import web

from tweetream.web.middleware import Problem

log = logging.getLogger(__name__)
SPARE_FILES = 1_000  # open files that a worker needs besides one for each stream, with room
_V6_SITE = 64  # bits of an IPv6 address that tell clients apart: one household or server has all that share them

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class Clients:
    """Who a request is from: the peer, or if that is a proxy we trust, the one it names in X-Forwarded-For."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted: list[Network] = [ipaddress.ip_network(text, strict=False) for text in trusted_proxies]

    def of(self, request: web.Request) -> str:
        """The client, as a name to count by: its IPv4 address, or the network of its IPv6 address."""
        client = peer = _address(request.remote or "")
        # Each proxy adds the one it was asked by at the end; what stands before the last that is not ours is hearsay.
        named = [part for line in request.headers.getall("X-Forwarded-For", []) for part in line.split(",")]
        while peer is not None and named and self._trusts(peer):
            peer = _address(named.pop())
            client = peer or client
        if client is None:
            return ""
        if isinstance(client, ipaddress.IPv6Address):
            return str(ipaddress.IPv6Network((int(client), _V6_SITE), strict=False))
        return str(client)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


class Limits:
    """The streams that are open, counted by client."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most, self._most_each = most, most_each
        self._open: Counter[str] = Counter()
        self._all = 0

    def check(self, client: str) -> None:
        """Raise Problem if the client may not open one more stream now."""
        later = {"Retry-After": str(random.randint(5, 15))}
        if self._open[client] >= self._most_each:
            raise Problem(429, f"one address may have {self._most_each} streams open at a time", later)
        if self._all >= self._most:
            raise Problem(503, "the worker has as many streams as it can serve", later)

    @contextlib.contextmanager
    def place(self, client: str) -> Iterator[None]:
        """A stream's place, for as long as the block lasts. Raises Problem if there is none."""
        self.check(client)
        self._open[client] += 1
        self._all += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            self._all -= 1
            if not self._open[client]:
                del self._open[client]  # else addresses would pile up


def raise_open_files(streams: int) -> None:
    """Let this process open as many files as so many streams need, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = streams + SPARE_FILES
    infinite = resource.RLIM_INFINITY
    if soft == infinite or soft >= needed:
        return
    granted = needed if hard == infinite else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    except (OSError, ValueError):  # macOS has a limit below the one it tells
        granted = soft
    if granted < needed:
        log.warning(
            "%d files may be open, %d streams need %d: raise the limit (ulimit -Hn) or lower TWEETREAM_MAX_STREAMS",
            granted, streams, needed,
        )  # fmt: skip
