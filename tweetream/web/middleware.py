"""Applies to every request: security headers, CORS, known parameters alone, and errors as problem+json.

Imports no Faust.
"""

import logging
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from aiokafka.errors import KafkaError

from tweetream.kafka.retry import Reminder
from tweetream.models.errors import is_machine_error
from tweetream.models.printable import printable
from tweetream.settings import Settings
from tweetream.web import query
from tweetream.web.auth import PROBES, access
from tweetream.web.call_rate import CallRate
from tweetream.web.limits import ClientAddresses
from tweetream.web.operations import OPERATIONS
from tweetream.web.problems import Problem, problem_of
from tweetream.web.unread import SMALL, Unread, size_of

log = logging.getLogger(__name__)
_lacking = Reminder(log)
_failing = Reminder(log)
MAX_BODY = 1024 * 1024
REQUESTS, PER_SECOND = 5_000, 300.0  # of one address, at once and on average; further ones wait
MAX_WAIT = 5.0  # seconds
# The page shows what anybody wrote. So it connects to its own worker alone, runs no inline script and no code made from
# text, and no page but those of the settings can frame it.
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors {}; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def common_headers(request: web.Request, settings: Settings) -> dict[str, str]:
    """The headers of every answer: security, and CORS for an origin of the settings."""
    ancestors = ["'self'" if one == "self" else one for one in settings.frame_ancestors]
    headers = HEADERS | {"Content-Security-Policy": _CSP.format(" ".join(ancestors) or "'none'")}
    if settings.cors_origins:
        headers["Vary"] = "Origin"
        origin = request.headers.get(hdrs.ORIGIN)
        if origin in settings.cors_origins:
            headers["Access-Control-Allow-Origin"] = str(origin)
            headers["Access-Control-Expose-Headers"] = "ETag, Location, Retry-After"
    return headers


def _preflight(request: web.Request, settings: Settings) -> web.Response:
    if request.headers.get(hdrs.ORIGIN) not in settings.cors_origins:
        raise Problem(403, "this origin is not allowed")
    allowed = {
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PATCH, DELETE",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, If-None-Match, Last-Event-ID",
        "Access-Control-Max-Age": "600",
    }
    return web.Response(status=204, headers=allowed)


def _check_query(request: web.Request) -> None:
    """Raise Problem for a parameter that the operation does not name, and for a header that has two meanings."""
    resource = request.match_info.route.resource
    operations = OPERATIONS.get(resource.canonical if resource else "", {})
    operation = operations.get("get" if request.method == "HEAD" else request.method.lower())
    if operation is not None and not operation.any_query:
        query.only(request, *operation.query)
        if len(request.headers.getall("Last-Event-ID", ())) > 1:
            raise Problem(400, "Last-Event-ID is given twice; give it once")


async def _without_slash(request: web.Request) -> web.Response | None:
    """The redirect of a path with a slash at its end, if there is the path without it; else None.

    It is relative, since a proxy may have taken a part of the path away. It keeps the method.
    """
    path = request.rel_url.raw_path
    meant = path.removesuffix("/")
    if path == meant or not meant or meant.endswith("/"):  # clients resolve several slashes in different ways
        return None
    found = await request.app.router.resolve(request.clone(rel_url=request.rel_url.with_path(meant, encoded=True)))
    if isinstance(found.http_exception, web.HTTPNotFound):
        return None
    given = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
    return web.Response(status=308, headers={"Location": f"../{meant.rpartition('/')[2]}{given}"})


async def _answer(request: web.Request, handler: Handler, settings: Settings) -> web.StreamResponse:
    """The handler's answer, or its error as one."""
    try:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return _preflight(request, settings)
        if redirect := await _without_slash(request):
            return redirect
        access(settings).check(request)
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise Problem(415, "send the body without Content-Encoding")
        _check_query(request)
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as error:
        return problem_of(error).response()
    except ConnectionError:
        raise
    except KafkaError as error:
        _failing.warn("%s %s: %r", request.method, printable(request.path), error)
        return Problem(503, "Kafka does not answer", {"Retry-After": "5"}).response()
    except Exception as error:  # a bug of ours: it is logged, and the client gets an answer that it can read
        if is_machine_error(error):
            _lacking.warn("%s %s: %r", request.method, printable(request.path), error)
            return Problem(503, "the worker lacks files or memory", {"Retry-After": "5"}).response()
        log.exception("%s %s", request.method, printable(request.path))
        return Problem(500, f"an error in the worker ({type(error).__name__}); its log has the details").response()


def application_options(settings: Settings) -> dict[str, Any]:
    """The options of Faust's aiohttp application."""

    rate, unread, addresses = CallRate(REQUESTS, PER_SECOND), Unread(), ClientAddresses(settings.trusted_proxies)

    def complete(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        if not response.prepared:
            for name, value in common_headers(request, settings).items():
                response.headers.setdefault(name, value)
        return response

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            client = addresses.of(request)
            if request.path not in PROBES:
                await rate.pace(client, MAX_WAIT)
            response = complete(request, await _answer(request, handler, settings))
            if isinstance(response, web.Response) and (size := size_of(response)) > SMALL:
                with unread.answer(client, size):
                    await response.prepare(request)
                    await response.write_eof()  # ends when the client has read it
            return response
        except Problem as problem:
            return complete(request, problem.response())

    return {
        "middlewares": [middleware],
        # A compressed body of 1 MiB would unpack to 1 GiB in the loop, before a handler could refuse it.
        "handler_args": {"handler_cancellation": True, "auto_decompress": False},
        "client_max_size": MAX_BODY,
    }
