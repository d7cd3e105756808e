"""Every operation takes the parameters that it names, each once, and refuses all others. In this process."""

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tweetream.settings import Settings
from tweetream.web.middleware import application_options
from tweetream.web.operations import OPERATIONS

Client = TestClient[web.Request, web.Application]
ALL = [(method, path) for path, operations in OPERATIONS.items() for method in operations]
OPEN = {"/", "/static/{path}", "/livez", "/readyz", "/metrics"}  # links and probes carry what is not for us
STRICT = [(method, path) for method, path in ALL if path not in OPEN]


def asked(path: str) -> str:
    """A path of this form."""
    return re.sub("{.*?}", "a", path)


async def well(request: web.Request) -> web.Response:
    return web.Response(text="well")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    application = web.Application(**application_options(Settings()))
    for method, path in ALL:
        route = path.replace("{path}", "{path:.+}")
        for one in ("GET", "HEAD") if method == "get" else (method.upper(),):
            application.router.add_route(one, route, well)
    async with TestClient(TestServer(application)) as client:
        yield client


async def detail(client: Client, method: str, path: str, query: str) -> str:
    """The words of a 400."""
    answer = await client.request(method, f"{asked(path)}?{query}")
    assert answer.status == 400 and answer.content_type == "application/problem+json", (method, path, query)
    found: str = (await answer.json())["detail"]
    return found


@pytest.mark.parametrize(("method", "path"), STRICT)
async def test_an_unknown_parameter_is_400_with_its_name_and_the_known_ones(
    client: Client, method: str, path: str
) -> None:
    known = OPERATIONS[path][method].query
    for query in ("query=tol", "format=csv", "Last=1", "last%20=1", "labels=traffic", "_=1", "=1"):
        said = await detail(client, method, path, query)
        assert all(name in said for name in known), "it says what there is"
    assert "'format'" in await detail(client, method, path, "format=csv")


@pytest.mark.parametrize(("method", "path"), STRICT)
async def test_a_parameter_given_twice_is_400_though_both_are_the_same(client: Client, method: str, path: str) -> None:
    for name in OPERATIONS[path][method].query:
        assert await detail(client, method, path, f"{name}=1&{name}=1") == f"{name} is given twice; give it once"
        assert (await client.request(method, f"{asked(path)}?{name}=1")).status == 200


async def test_two_headers_with_a_position_are_400(client: Client) -> None:
    """A proxy that adds its own must not decide which posts a client gets."""
    twice = [("Last-Event-ID", "a@1:2"), ("Last-Event-ID", "a@1:9")]
    answer = await client.get("/feeds/a", headers=twice)
    assert answer.status == 400 and "Last-Event-ID" in (await answer.json())["detail"]


@pytest.mark.parametrize(("method", "path"), [case for case in STRICT if case[0] == "get"])
async def test_head_refuses_what_get_refuses(client: Client, method: str, path: str) -> None:
    assert (await client.head(f"{asked(path)}?x=1")).status == 400
    assert (await client.head(asked(path))).status == 200


@pytest.mark.parametrize("path", sorted(OPEN))
async def test_the_page_and_the_probes_take_what_links_and_probes_add(client: Client, path: str) -> None:
    for query in ("view=x", "utm_source=a&utm_source=b", "verbose", "name[]=up&name[]=go"):
        assert (await client.get(f"{asked(path)}?{query}")).status == 200


def test_all_but_these_refuse_what_they_do_not_know() -> None:
    assert {path for path, found in OPERATIONS.items() for one in found.values() if one.any_query} == OPEN
