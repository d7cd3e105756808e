"""What a receiver gets, and what becomes of an alert that it does not take. In this process, over HTTP."""

import asyncio
import base64
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from tweetream.alerts import webhook
from tweetream.alerts.webhook import Outcome, Webhook, headers_of
from tweetream.models.alert import Alert

ALERT = Alert("macet@k3v1:7", b'{"id":"macet@k3v1:7"}', 1)
SECRET = "a-secret-of-the-tests"


class Receiver:
    """Answers with a status, and keeps what it gets."""

    def __init__(self) -> None:
        self.status, self.headers = 200, dict[str, str]()
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.wait = 0.0

    async def answer(self, request: web.Request) -> web.Response:
        self.got.append((request.path_qs, dict(request.headers), await request.read()))
        await asyncio.sleep(self.wait)
        return web.Response(status=self.status, headers=self.headers, text="no \x1b[2J")


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def server(receiver: Receiver) -> AsyncIterator[BaseTestServer]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.answer)
    async with TestServer(application) as server:
        yield server


class Clock:
    def __init__(self) -> None:
        self.now = 1_480_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hook(server: BaseTestServer, clock: Clock) -> AsyncIterator[Webhook]:
    hook = Webhook(str(server.make_url("/hook/T0PSECRET?chat=7")), SECRET, clock)
    yield hook
    await hook.stop()


async def test_the_receiver_gets_the_json_with_an_id_and_a_signature(hook: Webhook, receiver: Receiver) -> None:
    assert await hook.send(ALERT) is Outcome.DELIVERED
    ((path, headers, body),) = receiver.got
    assert (path, body, headers["Content-Type"]) == ("/hook/T0PSECRET?chat=7", ALERT.body, "application/json")
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (ALERT.id, "1480000000")
    assert headers["Idempotency-Key"] == f'"{ALERT.id}"'
    signed = f"{ALERT.id}.1480000000.".encode() + body
    digest = hmac.digest(SECRET.encode(), signed, hashlib.sha256)
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification."""
    alert = Alert("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', 0)
    headers = headers_of(alert, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert "webhook-signature" not in headers_of(alert, "", 1614265330)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 403, 404, 408, 429, 500, 502, 503])
async def test_a_receiver_that_fails_is_left_alone_for_a_while_and_asked_again(
    hook: Webhook, receiver: Receiver, clock: Clock, status: int, server: BaseTestServer
) -> None:
    receiver.status, receiver.headers = status, {"Location": str(server.make_url("/elsewhere"))}
    pauses: list[float] = []
    for _ in range(8):
        assert hook.ready and await hook.send(ALERT) is None and not hook.ready
        began = clock.now
        while not hook.ready:
            clock.now += 0.25
        pauses.append(clock.now - began)
    assert pauses[0] <= 1.25 and 30 <= pauses[-1] <= 60.25
    receiver.status = 204
    assert await hook.send(ALERT) is Outcome.DELIVERED
    assert len({(path, body, headers["webhook-id"]) for path, headers, body in receiver.got}) == 1, "no redirect"


async def test_the_receiver_may_say_when_it_wants_to_be_asked_again(
    hook: Webhook, receiver: Receiver, clock: Clock
) -> None:
    receiver.status = 429
    for given, least, most in (("90", 90, 90), ("86400", 300, 300), ("tomorrow", 0.5, 8), ("٣", 0.5, 16)):
        receiver.headers = {"Retry-After": given.encode().decode("latin-1")}
        await hook.send(ALERT)
        began = clock.now
        while not hook.ready:
            clock.now += 0.25
        assert least <= clock.now - began <= most + 0.25, given


@pytest.mark.parametrize("status", [400, 410, 413, 422])
async def test_an_alert_that_the_receiver_will_never_take_is_not_tried_again(
    hook: Webhook, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    assert await hook.send(ALERT) is Outcome.REFUSED
    assert hook.ready, "the next alert may be a better one"


async def raw(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]) -> tuple[asyncio.Server, int]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)  # type: ignore[arg-type]
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "said", [b"", b"\x00\xff\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a" * 99_999]
)
async def test_a_strange_answer_is_a_failure(said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    server, port = await raw(answer)
    hook = Webhook(f"http://127.0.0.1:{port}/", SECRET)
    assert await hook.send(ALERT) is None
    await hook.stop()
    server.close()


async def test_a_receiver_that_does_not_answer_is_not_waited_for(
    hook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT", 0.05)
    receiver.wait = 1.0
    assert await hook.send(ALERT) is None


async def test_no_line_shows_the_address_of_the_receiver_but_its_host(
    hook: Webhook, receiver: Receiver, server: BaseTestServer, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 500
    with caplog.at_level(logging.WARNING):
        await hook.send(ALERT)
        nowhere = Webhook("http://127.0.0.1:9/T0PSECRET", SECRET)
        await nowhere.send(ALERT)
        await nowhere.stop()
    assert len(caplog.messages) == 2 and all("127.0.0.1" in line for line in caplog.messages)
    assert "T0PSECRET" not in caplog.text and "\x1b" not in caplog.text
