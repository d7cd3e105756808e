"""Requests that may change topics: those with the token, and those from this machine. Imports no Faust.

A web page of any site can send requests to its visitor's own machine. A request from the loopback therefore counts as
the owner's only if its Host and Origin show that the owner's own page or a program sent it.
"""

import hmac
import ipaddress
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from tweetream.settings import Settings
from tweetream.web.problems import Problem

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")
_LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}


def authorize_change(request: web.Request, settings: Settings) -> None:
    """Raise Problem unless the request may add and delete topics."""
    if not is_own_origin(request, settings):
        raise Problem(403, "pages of this origin may not change topics")
    given = request.headers.get(hdrs.AUTHORIZATION)
    if given is None:
        if not _is_local(request):
            raise Problem(401, "changing topics needs the token", {"WWW-Authenticate": "Bearer"})
        return
    token = settings.api_token.get_secret_value()
    scheme, _, value = given.partition(" ")
    right = hmac.compare_digest(value.strip().encode(errors="surrogateescape"), token.encode())
    if not token or scheme.lower() != "bearer" or not right:
        raise Problem(403, "the token is wrong")


def is_own_origin(request: web.Request, settings: Settings) -> bool:
    """Whether the request has no Origin, the worker's own, or one of the settings."""
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or origin in settings.cors_origins or origin == f"{request.scheme}://{request.host}"


def _is_local(request: web.Request) -> bool:
    """Whether the request comes from this machine, is addressed to it, and no proxy forwarded it."""
    try:
        host = urlsplit(f"//{request.host}").hostname
        address = ipaddress.ip_address(request.remote or "")
    except ValueError:
        return False
    return address.is_loopback and host in _LOCAL_HOSTS and not any(name in request.headers for name in _FORWARDED)
