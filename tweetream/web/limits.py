"""How many streams and connections may be open, how much of the past may be read, and which client a request is from.

Each worker counts for itself. A refused client is told when to try again. These times differ, so that clients that were
refused together do not come back together. Imports no Faust.
"""

import contextlib
import ipaddress
import logging
import math
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from aiohttp import web

from tweetream.feeds.budget import OverBudget, PacedScan, ReadBudget, Scan
from tweetream.settings import Settings
from tweetream.web.call_rate import CallRate
from tweetream.web.problems import Problem

log = logging.getLogger(__name__)
SPARE_FILES = 1_000  # open files that a worker may need besides one for each stream
KAFKA_FILES = 500  # those of them that are kept from connections, for Kafka, snapshots and sources
REQUESTS = SPARE_FILES - KAFKA_FILES  # connections without a stream
REQUESTS_PER_ADDRESS = 100
OPENED, OPENED_PER_SECOND = 1_000, 100.0  # connections that one address may open at once, and on average
METRICS, METRICS_PER_ADDRESS = 32, 8  # connections to the metrics' own port
READ_RATE = 10_000  # units of older records that one client may read in a second, on average; all together four times
READ_BURST = 100_000  # and at once; all together twice
FREE_UNITS = 8_000  # of a call without a filter: a page and its dedup window
FREE_CALLS, FREE_PER_SECOND = 100, 5.0  # calls of one client that have free units, at once and on average
CALLS, CALLS_PER_SECOND = 1_000, 50.0  # pages of one client, also of posts in memory; further ones get 429
MAX_BUDGETS = 1_000  # clients that are remembered before those that have read nothing lately are forgotten
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


def _host(text: str | None) -> str:
    return (text or "").partition("%")[0]  # without the zone of a link-local address


def _without_port(text: str) -> str:
    """An entry of X-Forwarded-For: some proxies add the port, as `9.9.9.9:443` or `[2001:db8::1]:443`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _key(address: Address) -> str:
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(address), _V6_PREFIX), strict=False))
    return str(address)


class ClientAddresses:
    """Finds the client of a request: the peer, or the address in X-Forwarded-For if the peer is a trusted proxy."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted: list[Network] = [ipaddress.ip_network(text, strict=False) for text in trusted_proxies]

    def of(self, request: web.Request) -> str:
        """The key to count the client by: its IPv4 address, or the network of its IPv6 address."""
        client = self._client(request)
        return "" if client is None else _key(client)

    def of_peer(self, text: str) -> str:
        """The key to count the connections of a peer by; empty for a trusted proxy, which has those of many clients."""
        peer = address_of(_host(text))
        return "" if peer is None or self._trusts(peer) else _key(peer)

    def exact(self, request: web.Request) -> str:
        """The client's address itself; empty if it is not known."""
        return str(self._client(request) or "")

    def is_trusted(self, request: web.Request) -> bool:
        """Whether a trusted proxy sent the request."""
        peer = address_of(_host(request.remote))
        return peer is not None and self._trusts(peer)

    def _client(self, request: web.Request) -> Address | None:
        client = peer = address_of(_host(request.remote))
        # Each proxy adds its own peer at the end. Entries before the last untrusted one can be forged.
        named = [part for line in request.headers.getall("X-Forwarded-For", []) for part in line.split(",")]
        while peer is not None and named and self._trusts(peer):
            peer = address_of(_without_port(named.pop().strip()))
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


class ReadLimits:
    """The budgets for reading older records: one for each client, and those of all clients together.

    Calls with a filter have a budget of their own, so that they leave the others' alone.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of_all = {filtered: ReadBudget(4 * READ_RATE, 2 * READ_BURST, clock) for filtered in (False, True)}
        self._of: dict[str, ReadBudget] = {}
        self._calls = CallRate(CALLS, CALLS_PER_SECOND, clock)
        self._free = CallRate(FREE_CALLS, FREE_PER_SECOND, clock)

    def page(self, client: str, *, filtered: bool) -> Scan:
        """The reading of a page. Raises Problem if the client asks for pages too often."""
        self._calls.take(client)
        return self.scan(client, filtered=filtered, free=self._is_free(client))

    def stream(self, client: str, *, filtered: bool) -> Scan:
        """The reading of a stream, which is slowed down and never refused."""
        return self.scan(client, filtered=filtered, paced=True, free=self._is_free(client))

    def _is_free(self, client: str) -> bool:
        return not self._free.wait(client)

    def scan(self, client: str, *, filtered: bool, paced: bool = False, free: bool = True) -> Scan:
        """The reading of one call; of a stream it is `paced`. Without a filter it may have `free` units."""
        if len(self._of) > MAX_BUDGETS:
            self._of = {name: budget for name, budget in self._of.items() if not budget.full}
        own = self._of.setdefault(client, ReadBudget(READ_RATE, READ_BURST, self._clock))
        kind = PacedScan if paced else Scan
        units = FREE_UNITS if free and not filtered else 0
        return kind(own, self._of_all[filtered], filtered=filtered, free=units)


def over_budget(over: OverBudget) -> Problem:
    """The answer to a call that may not begin."""
    later = {"Retry-After": str(math.ceil(over.wait) + random.randint(0, 3))}
    if over.everywhere:
        return Problem(503, "too many older posts are searched now; try again later", later)
    return Problem(429, "this address has searched too many older posts; try again later", later)


class ConnectionCounts:
    """Counts the open connections of each peer of a port."""

    def __init__(self, most: int, most_each: int, addresses: ClientAddresses) -> None:
        self._max, self._max_each, self._addresses = most, most_each, addresses
        self._open: Counter[str] = Counter()
        self._all = 0
        self._rate = CallRate(max(OPENED, 2 * most_each), OPENED_PER_SECOND)

    def refusal(self, address: str) -> str:
        """The bound that one more connection of the peer would pass; empty if it may be served."""
        peer = self._addresses.of_peer(address)
        if self._all >= self._max:
            return f"the port has at most {self._max} connections"
        if peer and self._open[peer] >= self._max_each:
            return f"one address has at most {self._max_each} connections"
        if peer and self._rate.wait(peer):
            return f"one address opens at most {OPENED_PER_SECOND:g} connections a second"
        return ""

    def open(self, address: str) -> None:
        self._open[self._addresses.of_peer(address)] += 1
        self._all += 1

    def close(self, address: str) -> None:
        peer = self._addresses.of_peer(address)
        self._open[peer] -= 1
        self._all -= 1
        if not self._open[peer]:
            del self._open[peer]


class ConnectionLimits(ConnectionCounts):
    """Those of the web server. The bound in all leaves files for Kafka."""

    def __init__(self, settings: Settings, files: int, addresses: ClientAddresses) -> None:
        most = min(settings.max_streams + REQUESTS, max(files // 2, files - KAFKA_FILES))
        each = settings.max_streams_per_address + REQUESTS_PER_ADDRESS
        # One address never takes the last places.
        super().__init__(most, min(each, most - min(REQUESTS_PER_ADDRESS, most // 4)), addresses)


def raise_open_files(streams: int) -> int:
    """Raise this process's limit of open files to what so many streams need, as far as the system allows.

    Returns the limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = streams + SPARE_FILES
    infinite = resource.RLIM_INFINITY
    if soft == infinite or soft >= needed:
        return needed if soft == infinite else soft
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
    return granted
