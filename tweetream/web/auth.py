"""Who may read and who may change: tokens with roles, and this machine where no token is set. Imports no Faust.

A web page of any site can send requests to its visitor's own machine. Where no token is set, a change therefore counts
as the owner's only if its Host and Origin show that the owner's own page or a program sent it, and reading needs a
known Host: another site's name can be made to lead here (DNS rebinding), an IP address cannot.
"""

import contextlib
import ipaddress
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from tweetream.models.change import LOOPBACK
from tweetream.models.token import Role
from tweetream.settings import Settings
from tweetream.web.limits import ClientAddresses, address_of
from tweetream.web.problems import Problem
from tweetream.web.tokens import Tokens

_FORWARDED = frozenset({"forwarded", "x-real-ip", "via", "x-client-ip", "true-client-ip", "cf-connecting-ip"})
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"http": 80, "https": 443}
PROBES = ("/livez", "/readyz", "/metrics")  # asked by programs, by any name
_NEED = {Role.READ: "reading", Role.EDIT: "changing topics", Role.ADMIN: "the list of changes"}


class Caller(NamedTuple):
    """Who sent a request: the token's name or `loopback`, and the address."""

    by: str
    address: str


class _Site(NamedTuple):
    """Where a page is from; the scheme is empty if it is not known, the port None if it is the scheme's own."""

    scheme: str
    host: str
    port: int | None


class Access:
    """Decides for each request of a worker."""

    def __init__(self, settings: Settings) -> None:
        self._tokens = Tokens(settings)
        self._addresses = ClientAddresses(settings.trusted_proxies)
        self._hosts = frozenset(settings.hosts)
        own = settings.web_host.lower().rstrip(".")
        self._names = _LOCAL_HOSTS | self._hosts | (frozenset() if _is_address(own) else {own})
        self._cors_origins = settings.cors_origins
        self.cookie = f"{settings.namespace}-session"  # holds a read key; browsers share cookies among ports
        self._closed = settings.read == "token"
        self._own_metrics_port = settings.metrics_port is not None

    def check(self, request: web.Request) -> None:
        """Raise Problem unless the request may be answered at all. Changes are checked by their handlers too."""
        path = request.path
        if path == "/metrics" and self._own_metrics_port:
            raise Problem(404, "the metrics have a port of their own (TWEETREAM_METRICS_PORT)")
        if path not in PROBES:
            self._check_host(request)
        if self._closed and not _is_public(path):
            self._check_reader(request)

    def authorize(self, request: web.Request, role: Role) -> Caller:
        """Who sent a request that needs `role`. Raises Problem if the caller does not have it."""
        if not self.is_own_origin(request):
            raise Problem(403, "pages of this origin may not do this")
        address = self._addresses.exact(request)
        given = request.headers.get(hdrs.AUTHORIZATION)
        if given is None:
            if self._tokens:
                raise _unauthorized(f"{_NEED[role]} needs a token")
            if not self._is_local(request):
                raise _unauthorized(f"{_NEED[role]} from another machine needs TWEETREAM_API_TOKEN, which is not set")
            return Caller(LOOPBACK, address)
        name, has = self._bearer(given)
        if has < role:
            raise Problem(403, f"the token {name} has the role {has.name.lower()}; this needs {role.name.lower()}")
        return Caller(name, address)

    def is_own_origin(self, request: web.Request) -> bool:
        """Whether the request has no Origin, the worker's own, or one of the settings."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or origin in self._cors_origins:
            return True
        page, own = _origin(origin), self._site(request)
        return page is not None and own is not None and _same(page, own)

    def is_secure(self, request: web.Request) -> bool:
        """Whether a trusted proxy says that the browser speaks TLS to it."""
        return self._forwarded(request, "X-Forwarded-Proto").lower() == "https"

    def _check_host(self, request: web.Request) -> None:
        if (self._tokens and not self._hosts) or hdrs.HOST not in request.headers:
            return  # a browser always sends Host
        host = _host(request.headers[hdrs.HOST])
        if host is None or not (host in self._names or _is_address(host)):
            raise Problem(403, f"this worker does not know the host {host or ''!r}: add it to TWEETREAM_HOSTS")

    def _check_reader(self, request: web.Request) -> None:
        given = request.headers.get(hdrs.AUTHORIZATION)
        if given is not None:
            self._bearer(given)
            return
        key = request.cookies.get(self.cookie)
        if key is None or not self.is_own_origin(request) or self._tokens.of_read_key(key) is None:
            raise _unauthorized("reading needs a token")

    def _bearer(self, given: str) -> tuple[str, Role]:
        scheme, _, value = given.partition(" ")
        found = self._tokens.of(value.strip().encode(errors="surrogateescape"))
        if scheme.lower() != "bearer" or found is None:
            raise Problem(403, "the token is wrong")
        return found

    def _site(self, request: web.Request) -> _Site | None:
        """Where the worker's own page is from, as its browser sees it."""
        scheme = self._forwarded(request, "X-Forwarded-Proto").lower()
        if not scheme and not self._tokens:
            scheme = request.scheme  # no proxy stands between, or the request is not from this machine
        host = self._forwarded(request, "X-Forwarded-Host") or request.headers.get(hdrs.HOST, "")
        with contextlib.suppress(ValueError):
            parts = urlsplit(f"//{host}")
            return _Site(scheme, parts.hostname or "", parts.port)
        return None

    def _forwarded(self, request: web.Request, header: str) -> str:
        """What a trusted proxy says; empty without one. The first of several proxies is the one that browsers see."""
        said = request.headers.get(header, "") if self._addresses.is_trusted(request) else ""
        return said.partition(",")[0].strip()

    def _is_local(self, request: web.Request) -> bool:
        """Whether the request comes from this machine, is addressed to it, and no proxy forwarded it."""
        address = address_of(request.remote or "")
        host = _host(request.headers.get(hdrs.HOST, ""))
        known = host in self._names
        names = map(str.lower, request.headers)
        forwarded = any(name in _FORWARDED or name.startswith("x-forwarded-") for name in names)
        return address is not None and address.is_loopback and known and not forwarded


@lru_cache(maxsize=8)
def access(settings: Settings) -> Access:
    """The one Access of these settings."""
    return Access(settings)


def is_own_origin(request: web.Request, settings: Settings) -> bool:
    """Whether no page of another site sent the request."""
    return access(settings).is_own_origin(request)


def authorize_change(request: web.Request, settings: Settings) -> Caller:
    """Who changes topics by this request. Raises Problem unless the caller may."""
    return access(settings).authorize(request, Role.EDIT)


def _unauthorized(detail: str) -> Problem:
    return Problem(401, detail, {hdrs.WWW_AUTHENTICATE: "Bearer"})


def _is_public(path: str) -> bool:
    """Whether a path is open where reading needs a token: the page itself, so that a token can be entered."""
    return path in ("/", "/livez", "/readyz", "/session") or path.startswith("/static/")


def _host(text: str) -> str | None:
    with contextlib.suppress(ValueError):
        parts = urlsplit(f"//{text}")
        _ = parts.port  # raises ValueError for one that is none
        return parts.hostname if parts.netloc == text and "@" not in text else None
    return None


def _is_address(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False


def _origin(text: str) -> _Site | None:
    with contextlib.suppress(ValueError):
        parts = urlsplit(text)
        if parts.scheme in _PORTS and text == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc:
            return _Site(parts.scheme, parts.hostname or "", parts.port)
    return None


def _same(page: _Site, own: _Site) -> bool:
    """Whether a page is the worker's own: the same host and port, and the scheme where it is known."""
    scheme = own.scheme or page.scheme
    port = _PORTS.get(scheme)
    return (page.scheme, page.host, page.port or _PORTS[page.scheme]) == (scheme, own.host, own.port or port)
