"""Who may read and change: by token, by role, from the loopback, through a proxy, and from a page of which site."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from tweetream.models.token import Role, new_token, read_key
from tweetream.settings import Settings
from tweetream.web.auth import access, authorize_change
from tweetream.web.middleware import application_options

TOKEN = "a-token-of-the-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
Ask = Callable[..., Awaitable[ClientResponse]]


@asynccontextmanager
async def a_worker(**given: Any) -> AsyncIterator[Ask]:
    """The middleware of a worker with these settings, before handlers that say who was let in."""
    settings = Settings(**given)

    async def read(request: web.Request) -> web.Response:
        return web.json_response("read")

    async def change(request: web.Request) -> web.Response:
        return web.json_response(list(authorize_change(request, settings)))

    async def administer(request: web.Request) -> web.Response:
        return web.json_response(list(access(settings).authorize(request, Role.ADMIN)))

    application = web.Application(middlewares=application_options(settings)["middlewares"])
    application.router.add_post("/topics", change)
    application.router.add_get("/changes", administer)
    for path in ("/", "/static/app.js", "/topics", "/feeds/x", "/livez", "/readyz", "/metrics"):
        application.router.add_get(path, read)
    async with TestClient(TestServer(application)) as client:

        async def ask(path: str = "/topics", *, post: bool = False, **headers: str) -> ClientResponse:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await (client.post if post else client.get)(path, headers=named)

        yield ask


async def statuses(ask: Ask, *cases: dict[str, str], post: bool = True) -> list[int]:
    return [(await ask(post=post, **case)).status for case in cases]


async def test_with_a_token_set_a_change_needs_it_also_from_the_loopback() -> None:
    """Against a proxy on the same machine that hides its clients: nginx's default makes them all the loopback."""
    async with a_worker(api_token=TOKEN) as ask:
        answer = await ask(post=True)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.content_type == "application/problem+json"
        assert await statuses(ask, {"Host": "localhost"}, {"Host": "127.0.0.1:6066"}, {"Host": "[::1]"}) == [401] * 3
        assert await (await ask(post=True, **BEARER)).json() == ["token", "127.0.0.1"]
        wrong = ["Bearer wrong", "Bearer", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"]
        assert await statuses(ask, *({"Authorization": given} for given in wrong)) == [403] * len(wrong)


async def test_without_a_token_the_loopback_may_change_and_nobody_else() -> None:
    async with a_worker(hosts="desk.example") as ask:
        for host in ("localhost", "127.0.0.1:7", "[::1]:7", "LOCALHOST", "desk.example"):
            assert await (await ask(post=True, Host=host)).json() == ["loopback", "127.0.0.1"], host
        refused = [
            *({header: "1"} for header in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Via")),
            {"X-Forwarded-Server": "1"}, {"CF-Connecting-IP": "1"}, {"True-Client-IP": "1"},
            {"Host": "10.0.0.1"}, {"Host": "0.0.0.0"},
        ]  # fmt: skip
        assert await statuses(ask, *refused) == [401] * len(refused)
        foreign = [
            {"Origin": "null"}, {"Origin": "http://localhost"},
            {"Origin": "https://localhost:7", "Host": "localhost:7"},
            {"Host": "attacker.example", "Origin": "http://attacker.example"}, {"Host": "attacker@localhost"},
            {"Authorization": "Bearer x"}, {"Authorization": "Bearer"},
        ]  # fmt: skip
        assert await statuses(ask, *foreign) == [403] * len(foreign)
        assert await statuses(ask, {"Host": "localhost:7", "Origin": "http://localhost:7"}) == [200]


async def test_without_a_token_reading_needs_a_known_host_or_an_address() -> None:
    """Against DNS rebinding: another site's name leads here, and its page reads as if it were ours."""
    async with a_worker(hosts="desk.example,[2001:db8::1]") as ask:
        known = [
            "localhost:6066",
            "127.0.0.1",
            "[::1]:6066",
            "192.0.2.7:6066",
            "[fd00::7]",
            "desk.example:80",
            "Desk.Example",
        ]
        assert await statuses(ask, *({"Host": host} for host in known), post=False) == [200] * len(known)
        unknown = [
            "attacker.example",
            "attacker.example:6066",
            "localhost.attacker.example",
            "127.0.0.1.attacker.example",
        ]
        unknown += ["localhost@attacker.example", "x.desk.example", "2130706433", ""]
        assert await statuses(ask, *({"Host": host} for host in unknown), post=False) == [403] * len(unknown)
        answer = await ask("/feeds/x", Host="attacker.example")
        assert "TWEETREAM_HOSTS" in (await answer.json())["detail"]
        for path in ("/metrics", "/livez", "/readyz"):
            assert (await ask(path, Host="worker-0.tweetream:6066")).status == 200, "Prometheus and probes use any name"
    async with a_worker(api_token=TOKEN) as ask:
        assert (await ask(Host="posts.example")).status == 200, "with a token, a proxy may serve it under any name"
    async with a_worker(api_token=TOKEN, hosts="posts.example") as ask:
        assert (await ask(Host="attacker.example")).status == 403, "a list that is given holds"


PAGE = {"Host": "posts.example", "Origin": "https://posts.example"}
PROXIED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize("proxies", ["127.0.0.1", ""])
async def test_behind_tls_the_pages_own_token_is_right(proxies: str) -> None:
    async with a_worker(api_token=TOKEN, trusted_proxies=proxies) as ask:
        own = [
            PAGE | PROXIED, PAGE, PAGE | {"Host": "posts.example:443"},
            {"Host": "posts.example:8443", "Origin": "https://posts.example:8443"} | PROXIED,
            {"Host": "posts.example", "Origin": "http://posts.example"},
            {"Host": "[fd00::7]:8443", "Origin": "https://[fd00::7]:8443"},
        ]  # fmt: skip
        assert await statuses(ask, *(case | BEARER for case in own)) == [200] * len(own)
        foreign = [
            PAGE | PROXIED | {"Origin": "https://posts.example:8443"}, PAGE | {"Origin": "https://attacker.example"},
            PAGE | {"Origin": "https://posts.example.attacker.example"}, PAGE | {"Origin": "https://x@posts.example"},
            PAGE | {"Host": "posts.example:80"}, PAGE | {"Origin": "ftp://posts.example"},
            PAGE | {"Origin": "https://posts.example/"}, PAGE | {"Origin": "https://posts.example:x"},
            PAGE | {"Origin": "null"}, PAGE | {"Origin": ""},
        ]  # fmt: skip
        assert await statuses(ask, *(case | BEARER for case in foreign)) == [403] * len(foreign)
        caller = await (await ask(post=True, **PAGE, **PROXIED, **BEARER)).json()
        assert caller == ["token", "203.0.113.9" if proxies else "127.0.0.1"]


async def test_the_scheme_and_the_host_count_as_a_trusted_proxy_gives_them() -> None:
    plain = {"Host": "posts.example", "Origin": "http://posts.example"} | PROXIED
    renamed = PAGE | PROXIED | {"Host": "worker:6066", "X-Forwarded-Host": "posts.example"}
    async with a_worker(api_token=TOKEN, trusted_proxies="127.0.0.0/8") as ask:
        assert await statuses(ask, plain | BEARER, renamed | BEARER) == [403, 200]
    async with a_worker(api_token=TOKEN, trusted_proxies="10.0.0.0/8") as ask:
        assert await statuses(ask, plain | BEARER, renamed | BEARER) == [200, 403], "anyone can write a header"


async def test_each_role_allows_what_it_says(tmp_path: Path) -> None:
    made = {role: new_token(role.name.lower(), role) for role in Role}
    (tmp_path / "tokens").write_text("".join(f"{named.line}\n" for _, named in made.values()))
    async with a_worker(tokens=tmp_path / "tokens", read="token") as ask:
        for role, (token, named) in made.items():
            bearer = {"Authorization": f"Bearer {token}"}
            found = [(await ask(**bearer)).status, (await ask(post=True, **bearer)).status]
            found.append((await ask("/changes", **bearer)).status)
            assert found == [200 if role >= needed else 403 for needed in Role], role
            if role >= Role.EDIT:
                assert await (await ask(post=True, **bearer)).json() == [named.name, "127.0.0.1"]
        refused = await ask(post=True, Authorization=f"Bearer {made[Role.READ][0]}")
        assert (await refused.json())["detail"] == "the token read has the role read; this needs edit"


async def test_where_reading_needs_a_token_only_the_page_and_the_probes_are_open() -> None:
    async with a_worker(api_token=TOKEN, read="token") as ask:
        for path in ("/", "/static/app.js", "/livez", "/readyz"):
            assert (await ask(path)).status == 200
        for path in ("/topics", "/feeds/x", "/metrics", "/changes", "/nothing"):
            answer = await ask(path)
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), path
            assert answer.content_type == "application/problem+json"
        assert (await ask("/feeds/x", **BEARER)).status == (await ask("/metrics", **BEARER)).status == 200
        assert (await ask(Authorization="Bearer wrong")).status == 403


async def test_a_browsers_cookie_reads_and_changes_nothing() -> None:
    """Against a page of another site that makes a visitor's browser send a change with its cookies."""
    cookie = {"Cookie": f"tweetream-session={read_key(TOKEN.encode())}"}
    async with a_worker(api_token=TOKEN, read="token") as ask:
        assert (await ask("/feeds/x", **cookie)).status == 200
        assert (await ask("/changes", **cookie)).status == 401
        assert (await ask(post=True, **cookie)).status == 401
        assert (await ask(Origin="http://attacker.example", **cookie)).status == 401
        assert (await ask(Cookie=f"tweetream-session={TOKEN}")).status == 401
    async with a_worker(api_token="another", read="token") as ask:
        assert (await ask(**cookie)).status == 401, "a token that is no longer valid opens nothing"


async def test_metrics_on_a_port_of_their_own_are_not_on_the_other() -> None:
    async with a_worker(metrics_port=9100) as ask:
        answer = await ask("/metrics")
        assert answer.status == 404 and "TWEETREAM_METRICS_PORT" in (await answer.json())["detail"]


async def test_the_name_that_a_worker_listens_on_is_its_own_and_an_address_adds_none() -> None:
    async with a_worker(web_host="Box.lan") as ask:
        assert await statuses(ask, {"Host": "box.lan:6066"}, {"Host": "other.lan"}) == [200, 403]
        assert await statuses(ask, {"Host": "box.lan:6066"}, {"Host": "other.lan"}, post=False) == [200, 403]
    async with a_worker(web_host="0.0.0.0") as ask:
        assert await statuses(ask, {"Host": "0.0.0.0:6066"}) == [401]
