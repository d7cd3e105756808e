"""The OpenAPI 3.1 document of this worker, made from the table of operations and the structs that travel.

It is made once. What is not in the table is not in the document; a test compares it with the routes.
"""

from functools import cache
from inspect import cleandoc
from typing import Any

import msgspec
from aiohttp import web
from faust.web import View

from tweetream import __version__
from tweetream.app import app
from tweetream.models.feed import FeedEntry
from tweetream.web import schemas
from tweetream.web.operations import OPERATIONS, Operation, Parameter
from tweetream.web.responses import json_response

REF = "#/components/schemas/{name}"
# The events of a stream, for which OpenAPI 3.1 has no words of its own; the one without a name is a post.
EVENTS = {
    "message": FeedEntry,
    "gap": schemas.GapEvent,
    "deleted": schemas.DeletedEvent,
    "retracted": schemas.RetractedEvent,
    "position": schemas.PositionEvent,
}
PROBLEMS = {
    400: "The request cannot be understood; `detail` says why",
    401: "It needs the token, and none was given",
    403: "The token is wrong, or pages of this Origin may not do this",
    404: "It is not there",
    409: "It is there already, and another one",
    413: "The body is too large",
    429: "Too many streams from this address; to be tried again after Retry-After",
    503: "The worker cannot do it now; to be tried again after Retry-After",
}
GOOD = {200: "It is so", 201: "Made", 204: "Done; nothing to say"}
HEADERS = {
    201: ("Location", "where the topic is"),
    401: ("WWW-Authenticate", "the scheme: Bearer"),
    429: ("Retry-After", "seconds to wait"),
    503: ("Retry-After", "seconds to wait"),
}
ABOUT = """Live, classified topics. Errors are `application/problem+json` (RFC 9457). Reading is free. Changing topics
needs the token, unless it is done from the worker's own machine by its own page or by a program. Pages of the origins
in TWEETREAM_CORS_ORIGINS may call this too: their preflight (OPTIONS) gets 204. HEAD is what GET is, without a body.
What is not HTTP, or has lines of more than 8 KiB, is refused in plain text."""


def _types() -> list[Any]:
    found = [schemas.ProblemAnswer, *EVENTS.values()]
    for operations in OPERATIONS.values():
        for operation in operations.values():
            found += [kind for kind in (*operation.ok.values(), operation.body) if kind and not isinstance(kind, str)]
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
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "TWEETREAM_API_TOKEN"}},
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
    for status in operation.problems:
        responses[str(status)] = _response(status, PROBLEMS[status], problem if bodies else {})
    described["responses"] = responses
    if operation.token:
        described["security"] = [{"token": []}, {}]  # from the loopback nothing is needed
    return described


def _content(kind: Any, of_type: dict[Any, Any]) -> dict[str, Any]:
    if kind is None:
        return {}
    if isinstance(kind, str):
        return {kind: {"schema": {"type": "string"} if kind.startswith("text/") else {}}}
    return {"application/json": {"schema": of_type[kind]}}


def _response(status: int, about: str, content: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": about}
    if status in HEADERS:
        name, what = HEADERS[status]
        response["headers"] = {name: {"description": what, "required": True, "schema": {"type": "string"}}}
    return response | ({"content": content} if content else {})


def _parameter(one: Parameter) -> dict[str, Any]:
    described = {
        "name": one.name,
        "in": one.place,
        "required": one.place == "path",
        "description": one.about,
        "schema": one.schema,
    }
    return described | ({"style": "simple", "explode": False} if one.commas else {})


@app.page("/openapi.json")
class OpenAPI(View):
    """The document."""

    async def get(self, request: Any) -> web.StreamResponse:
        return json_response(document())
