"""Another site's page can neither reach a worker by a name of its own (DNS rebinding), nor make it work."""

import re

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tweetream.settings import Settings
from tweetream.web.middleware import application_options
from tweetream.web.operations import OPERATIONS

PROBES = {"/livez", "/readyz", "/metrics"}  # asked by programs, by any name


async def answered(request: web.Request) -> web.Response:
    return web.Response(text="answered")


def application(settings: Settings) -> web.Application:
    """Each operation that a worker has, behind its middleware."""
    found = web.Application(**application_options(settings))
    for path, methods in OPERATIONS.items():
        for method in methods:
            found.router.add_route(method.upper(), path.replace("{path}", "{path:.+}"), answered)
    return found


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "a@localhost", ""]
)
async def test_a_host_that_is_not_the_workers_gets_nothing_of_any_operation(host: str) -> None:
    """Also of those that are added later: `POST /classify` needs no token, and a model is not for everybody."""
    async with TestClient(TestServer(application(Settings()))) as client:
        for path, methods in OPERATIONS.items():
            for method in methods:
                there = re.sub(r"{\w+}", "macet", path)
                async with client.request(method, there, headers={"Host": host}) as answer:
                    assert answer.status == (200 if path in PROBES else 403), (method, path)
                    assert path in PROBES or answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:6066", "127.0.0.1:1", "[::1]:6066", "10.0.0.7", "desk.example"]
)
async def test_a_host_that_is_the_workers_gets_an_answer(host: str) -> None:
    async with TestClient(TestServer(application(Settings(hosts="desk.example")))) as client:
        for method, path in (("POST", "/classify"), ("GET", "/topics"), ("GET", "/")):
            async with client.request(method, path, headers={"Host": host}) as answer:
                assert answer.status == 200
