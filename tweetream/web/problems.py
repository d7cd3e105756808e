"""Errors as HTTP answers: `application/problem+json` (RFC 9457)."""

from http import HTTPStatus

import msgspec
from aiohttp import web

from tweetream.web.schemas import ProblemAnswer

_DETAILS = {404: "this path does not exist", 405: "this path does not take this method", 413: "the body is too large"}


class Problem(Exception):
    """An error as an answer: its status, and in words what is wrong."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}

    def response(self) -> web.Response:
        body = ProblemAnswer("about:blank", HTTPStatus(self.status).phrase, self.status, self.detail)
        response = web.Response(
            body=msgspec.json.encode(body),
            status=self.status,
            content_type="application/problem+json",
            headers=self.headers,
        )
        if self.status == HTTPStatus.REQUEST_TIMEOUT:
            response.force_close()
        return response


def problem_of(error: web.HTTPException) -> Problem:
    """aiohttp's own error (no such path, method not allowed, body too large) as a Problem."""
    kept = {name: error.headers[name] for name in ("Allow", "Location", "Retry-After") if name in error.headers}
    return Problem(error.status, _DETAILS.get(error.status, error.reason), kept)
