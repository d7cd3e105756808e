"""`GET /openapi.json`: the OpenAPI 3.1 document, made from the operations and the structs of bodies and answers.

It is made at the first request and kept. A test compares it with the routes.
"""

from functools import cache
from inspect import cleandoc
from typing import Any

import msgspec
from aiohttp import web
from faust.web import View
from typing_extensions import override

from tweetream import __version__
from tweetream.app import app, settings
from tweetream.models.feed import FeedEntry
from tweetream.web import schemas
from tweetream.web.operation import Operation, Parameter
from tweetream.web.operations import OPERATIONS
from tweetream.web.responses import json_response

REF = "#/components/schemas/{name}"
# The events of a stream, as an extension, since OpenAPI 3.1 cannot describe them. `message` is a post, without a name.
EVENTS = {
    "message": FeedEntry,
    "gap": schemas.GapEvent,
    "deleted": schemas.DeletedEvent,
    "retracted": schemas.RetractedEvent,
    "position": schemas.PositionEvent,
}
PROBLEMS = {
    400: "The request is not valid; `detail` says why",
    401: "The request needs a token and has none",
    403: "The token is wrong or its role is too low, pages of this origin may not do this, or the host is unknown",
    404: "Not found",
    409: "The topic exists with another track, or there would be more topics or words than the settings allow",
    413: "The body or a text is too large",
    415: "The body is compressed",
    429: "Too many requests, changes, open streams or searches from this address; try again after Retry-After",
    503: "The worker cannot do this now; try again after Retry-After",
}
SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "TWEETREAM_API_TOKEN, or one of TWEETREAM_TOKENS"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": f"{settings.namespace}-session",
        "description": "from POST /session",
    },
}
GOOD = {200: "OK", 201: "Created", 204: "No content", 304: "Not modified"}
HEADERS = {
    201: ("Location", "the path of the topic"),
    401: ("WWW-Authenticate", "the scheme: Bearer"),
    429: ("Retry-After", "seconds to wait"),
    503: ("Retry-After", "seconds to wait"),
}
ABOUT = """Live, classified topics. Errors are `application/problem+json` (RFC 9457). Changing topics needs a token.
Only where none is set, programs and the worker's own page on the worker's own machine need none. Reading needs a token,
or a session, where TWEETREAM_READ=token. A worker without a token answers only to the names that it knows. Pages of the
origins in TWEETREAM_CORS_ORIGINS may call this API too: their preflight (OPTIONS) gets 204. HEAD answers as GET does,
without a body. An unknown parameter of the query, and one that is given twice, is 400. A path with a slash at its end
answers 308 with the path without it. Requests that are not HTTP, or have lines longer than 8 KiB, are refused in plain
text."""


def _types() -> list[Any]:
    found = [schemas.ProblemAnswer, *EVENTS.values()]
    for operations in OPERATIONS.values():
        for operation in operations.values():
            for kind in (*operation.ok.values(), operation.body):
                kinds = kind if isinstance(kind, tuple) else (kind,)
                found += [one for one in kinds if one and not isinstance(one, str)]
    return list(dict.fromkeys(found))


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    types = _types()
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    for component in components.values():
        component["description"] = cleandoc(component["description"])
    of_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {}
    for path, operations in OPERATIONS.items():
        paths[path] = {method: _operation(operation, of_type) for method, operation in operations.items()}
        if "get" in operations:
            paths[path]["head"] = _operation(operations["get"], of_type, bodies=False)
    paths["/feeds/{names}"]["get"]["x-events"] = {name: of_type[kind] for name, kind in EVENTS.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tweetream", "version": __version__, "description": ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": "."}],  # where the document is, also under a proxy's path
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": SECURITY,
        },
    }


def _operation(operation: Operation, of_type: dict[Any, Any], bodies: bool = True) -> dict[str, Any]:
    described: dict[str, Any] = {"summary": operation.summary}
    if operation.about:
        described["description"] = operation.about
    if operation.parameters:
        described["parameters"] = [_parameter(one) for one in operation.parameters]
    if operation.body is not None:
        content = {"application/json": {"schema": of_type[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    problem = {"application/problem+json": {"schema": of_type[schemas.ProblemAnswer]}}
    responses: dict[str, Any] = {}
    for status, kind in operation.ok.items():
        responses[str(status)] = _response(status, GOOD[status], _content(kind, of_type) if bodies else {})
    strict = () if operation.any_query else (400,)
    reading = () if operation.public else (401,)
    for status in sorted({*operation.problems, *strict, *reading, 403, 429}):
        responses[str(status)] = _response(status, PROBLEMS[status], problem if bodies else {})
    described["responses"] = responses
    if operation.token:
        described["security"] = [{"token": []}, {}]  # from the loopback it needs none, where none is set
    elif not operation.public:
        described["security"] = [{}, {"token": []}, {"session": []}]
    return described


def _content(kind: Any, of_type: dict[Any, Any]) -> dict[str, Any]:
    if kind is None:
        return {}
    if isinstance(kind, str):
        return {kind: {"schema": {"type": "string"} if kind.startswith("text/") else {}}}
    kinds = [of_type[one] for one in kind] if isinstance(kind, tuple) else [of_type[kind]]
    return {"application/json": {"schema": kinds[0] if len(kinds) == 1 else {"anyOf": kinds}}}


def _response(status: int, about: str, content: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": about}
    if status in HEADERS:
        name, what = HEADERS[status]
        response["headers"] = {name: {"description": what, "required": True, "schema": {"type": "string"}}}
    return response | ({"content": content} if content else {})


def _parameter(one: Parameter) -> dict[str, Any]:
    described = {
        "name": one.name,
        "in": one.location,
        "required": one.location == "path",
        "description": one.about,
        "schema": one.schema,
    }
    return described | ({"style": "simple", "explode": False} if one.commas else {})


@app.page("/openapi.json")
class OpenAPI(View):
    """This document."""

    @override
    async def get(self, request: Any) -> web.StreamResponse:
        return json_response(document())
