"""`POST /classify`: who may call it, how often, and with which texts."""

import zlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tweetream.app import settings
from tweetream.web import classify
from tweetream.web.middleware import application_options

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    service = classify._Service()
    monkeypatch.setattr(classify, "_service", lambda: service)
    application = web.Application(**application_options(settings))
    nothing: Any = None
    application.router.add_post("/classify", partial(classify.Classify.post, classify.Classify(nothing, nothing)))
    async with TestClient(TestServer(application)) as client:
        yield client


async def ask(client: Client, texts: object, **headers: str) -> tuple[int, Any]:
    async with client.post("/classify", json={"texts": texts}, headers=headers) as answer:
        if answer.status in (429, 503):
            assert int(answer.headers["Retry-After"]) > 0
        return answer.status, await answer.json(content_type=None)


async def test_a_text_has_64_kib_at_most(client: Client) -> None:
    for text in ("a" * 65_536, "é" * 32_768):
        assert (await ask(client, [text]))[0] == 200
        status, problem = await ask(client, ["macet", text + "a"])
        assert (status, problem["detail"]) == (413, "text 2 has more than 64 KiB")


async def test_a_compressed_body_is_refused_unread(client: Client) -> None:
    """Stops a megabyte that unpacked to a gigabyte in the loop, and stalled every stream for a second."""
    bomb = zlib.compress(bytes(64 * 1024 * 1024), 9)
    async with client.post("/classify", data=bomb, headers={"Content-Encoding": "deflate"}) as answer:
        assert answer.status == 415 and (await answer.json(content_type=None))["detail"]


async def test_marks_that_froze_a_worker_are_too_long(client: Client) -> None:
    """Stops a text of 256 KB of combining marks, which took 12 s."""
    assert (await ask(client, ["a" + "\u0301\u0316" * 64_000]))[0] == 413


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "x"])
async def test_a_page_of_another_site_may_not_classify(client: Client, origin: str) -> None:
    """Stops a page that spends the CPU of its visitors' workers: the call needs no preflight."""
    assert (await ask(client, ["macet"], Origin=origin))[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost@evil.example"])
async def test_a_name_that_leads_here_by_dns_rebinding_may_not_classify(client: Client, host: str) -> None:
    assert (await ask(client, ["macet"], Host=host))[0] == 403
    assert (await ask(client, ["macet"], Host=host, Origin=f"http://{host}"))[0] == 403


async def test_the_workers_own_page_may_classify(client: Client) -> None:
    own = str(client.make_url("/")).rstrip("/")
    assert (await ask(client, ["macet"], Origin=own))[0] == 200


async def test_an_address_has_a_rate(client: Client) -> None:
    statuses = [(await ask(client, []))[0] for _ in range(2 * classify.BURST)]
    assert set(statuses) == {200, 429} and statuses[: classify.BURST] == [200] * classify.BURST


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b'{"texts":["\\ud800"]}', b'{"texts":' + b"[" * 100_000], ids=["", "byte", "half", "deep"]
)
async def test_a_body_that_is_no_list_of_texts_is_400(client: Client, body: bytes) -> None:
    async with client.post("/classify", data=body) as answer:
        assert answer.status == 400 and (await answer.json(content_type=None))["detail"]
