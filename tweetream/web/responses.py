"""JSON answers, and answers that a client may keep as long as they do not change."""

import hashlib
from typing import Any

import msgspec
from aiohttp import web


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """`value` (structs too) as JSON that no cache keeps."""
    return json_body(msgspec.json.encode(value), status, headers)


def json_body(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """As `json_response`, of JSON."""
    return web.Response(
        body=body,
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def tag_of(body: bytes) -> str:
    """The ETag of a body: a hash, so all workers give the same."""
    return hashlib.sha256(body).hexdigest()[:32]


def unless_known(request: web.Request, answer: web.Response) -> web.Response:
    """The answer, or 304 in its place if the client has the one with this ETag."""
    tag = answer.etag
    assert tag is not None
    if not any(known.value in (tag.value, "*") for known in request.if_none_match or ()):
        return answer
    headers = {name: answer.headers[name] for name in ("Cache-Control", "ETag")}
    return web.Response(status=304, headers=headers)
