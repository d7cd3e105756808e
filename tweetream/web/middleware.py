"""What holds for every request: errors as problem+json, who may change topics, headers. Knows no Faust.

A web page of any site can send requests to a visitor's own machine; so a change from the loopback counts
as the owner's only if Host and Origin say that it was the owner's own page or a program.
"""

import hmac
import ipaddress
import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from aiokafka.errors import KafkaError

from tweetream.settings import Settings
from tweetream.web.schemas import ProblemAnswer

log = logging.getLogger(__name__)
MAX_BODY = 1024 * 1024
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")
_LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}
_SAFE = {"GET", "HEAD", "OPTIONS"}
# The page asks for nothing that is not of its own worker, runs nothing that is written inside a document or made of a
# text, and stands in no other page. What is shown comes from anybody.
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Problem(Exception):
    """An answer that is an error (RFC 9457): a status, and in words what is wrong."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}

    def response(self) -> web.Response:
        body = ProblemAnswer("about:blank", HTTPStatus(self.status).phrase, self.status, self.detail)
        return web.Response(
            body=msgspec.json.encode(body),
            status=self.status,
            content_type="application/problem+json",
            headers=self.headers,
        )


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """`value` (structs too) as JSON that no cache keeps."""
    return web.Response(
        body=msgspec.json.encode(value),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def _is_own(request: web.Request, settings: Settings) -> bool:
    """Whether the request's Origin is none, our own, or one of the settings."""
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or origin in settings.cors_origins or origin == f"{request.scheme}://{request.host}"


def _is_local(request: web.Request) -> bool:
    """Whether the request comes from this machine and was made for it, by nobody's relay."""
    try:
        host = urlsplit(f"//{request.host}").hostname
        address = ipaddress.ip_address(request.remote or "")
    except ValueError:
        return False
    return address.is_loopback and host in _LOCAL_HOSTS and not any(name in request.headers for name in _FORWARDED)


def may_change(request: web.Request) -> None:
    """Raise Problem unless the request may add and delete topics."""
    settings: Settings = request["settings"]
    if not _is_own(request, settings):
        raise Problem(403, "pages of this origin may not change topics")
    given = request.headers.get(hdrs.AUTHORIZATION)
    token = settings.api_token.get_secret_value()
    if given is not None:
        scheme, _, value = given.partition(" ")
        right = hmac.compare_digest(value.strip().encode(errors="surrogateescape"), token.encode())
        if not token or scheme.lower() != "bearer" or not right:
            raise Problem(403, "the token is not right")
    elif not _is_local(request):
        raise Problem(401, "changing topics needs the token", {"WWW-Authenticate": "Bearer"})


def common_headers(request: web.Request, settings: Settings) -> dict[str, str]:
    """The headers of every answer: security, and CORS for an origin of the settings."""
    headers = dict(HEADERS)
    if settings.cors_origins:
        headers["Vary"] = "Origin"
        origin = request.headers.get(hdrs.ORIGIN)
        if origin in settings.cors_origins:
            headers["Access-Control-Allow-Origin"] = str(origin)
            headers["Access-Control-Expose-Headers"] = "Location, Retry-After"
    return headers


def _preflight(request: web.Request, settings: Settings) -> web.Response:
    if request.headers.get(hdrs.ORIGIN) not in settings.cors_origins:
        raise Problem(403, "this origin is not allowed")
    allowed = {
        "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Last-Event-ID",
        "Access-Control-Max-Age": "600",
    }
    return web.Response(status=204, headers=allowed)


def application_options(settings: Settings) -> dict[str, Any]:
    """What Faust's aiohttp application is made with."""

    @web.middleware
    async def answers(request: web.Request, handler: Handler) -> web.StreamResponse:
        request["settings"] = settings
        response: web.StreamResponse
        try:
            if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
                response = _preflight(request, settings)
            else:
                response = await handler(request)
        except Problem as problem:
            response = problem.response()
        except web.HTTPException as error:
            response = Problem(error.status, _reason(error), _kept(error)).response()
        except ConnectionError:
            raise
        except KafkaError as error:
            log.warning("%s %s: %r", request.method, request.path, error)
            response = Problem(503, "Kafka does not answer", {"Retry-After": "5"}).response()
        except Exception as error:  # a fault of ours: it is logged, and the client gets an answer it can read
            log.exception("%s %s", request.method, request.path)
            response = Problem(500, f"a fault of the worker ({type(error).__name__}); its log says more").response()
        if not response.prepared:
            for name, value in common_headers(request, settings).items():
                response.headers.setdefault(name, value)
        return response

    return {
        "middlewares": [answers],
        "handler_args": {"handler_cancellation": True},
        "client_max_size": MAX_BODY,
    }


def _reason(error: web.HTTPException) -> str:
    return {404: "there is nothing here", 405: "not this method here", 413: "the body is too large"}.get(
        error.status, error.reason
    )


def _kept(error: web.HTTPException) -> dict[str, str]:
    return {name: error.headers[name] for name in ("Allow", "Location", "Retry-After") if name in error.headers}
