"""A hostile server in X's place: no token leaves for another host, is logged or shown, and nothing stops a worker."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from support.networks.contract import Reading, one_line
from support.networks.hostile_server import HostileServer, response, stream
from support.networks.x_messages import DISCONNECT
from support.networks.x_reading import context
from support.networks.x_server import TOKEN

from tweetream.sources.base import Disconnected, FailureKind, SourceError
from tweetream.sources.supervisor import MAX_NOT_BEFORE, Supervisor
from tweetream.sources.x import client
from tweetream.sources.x.rules import Form
from tweetream.sources.x.source import MAX_DROPPED, X

RULES, STREAM = "/2/tweets/search/stream/rules", "/2/tweets/search/stream"
VALUE = Form(()).value(frozenset({"macet"}))
OURS = json.dumps({"data": [{"id": "1", "value": VALUE, "tag": "tweetream:t:"}]}).encode()
FOUND: dict[str, Any] = {RULES: response(OURS), STREAM: stream(content_type="application/json")}


def source(server: HostileServer, silence: float = 2.0) -> X:
    return X(f"x:?api=http://127.0.0.1:{server.port}", context({"a": ("macet",)}), silence=silence)


async def end(answers: Mapping[str, Any]) -> Exception:
    """The error that ends the connection, which has one printable line without the token."""
    async with HostileServer(**answers) as server, Reading(source(server)) as got:
        error = one_line(await got.over())
        assert str(error).isprintable() and TOKEN not in str(error), error
        return error


@pytest.mark.parametrize("path", [RULES, STREAM])
async def test_a_redirect_is_not_followed_and_the_line_names_the_other_host(path: str) -> None:
    async with HostileServer() as there:
        for status in ("301 Moved", "302 Found", "307 Temporary", "308 Permanent"):
            away = f"Location: http://localhost:{there.port}/?token={TOKEN}"
            error = await end(FOUND | {path: response(b"", away, status=status)})
            assert isinstance(error, Disconnected) and error.kind is FailureKind.HTTP
            assert f"redirects to http://localhost:{there.port}" in str(error)
        assert not there.heard


@pytest.mark.parametrize("path", [RULES, STREAM])
async def test_a_packed_response_that_nobody_asked_for_is_refused(path: str) -> None:
    error = await end(FOUND | {path: response(b"x", "Content-Encoding: gzip")})
    assert isinstance(error, Disconnected) and "sends gzip" in str(error)


@pytest.mark.parametrize("status", ["400 Bad", "401 No", "403 No", "409 No", "422 No", "429 Slow", "500 Oops"])
async def test_an_error_that_holds_the_token_or_a_terminal_code_shows_neither(
    status: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = f"{'x' * 140} your token is {TOKEN}, \x1b[31mred\x1b[0m\r\nforged \u202eline"
    for body in (
        {"title": said},
        {"detail": said},
        {"errors": [{"message": said, "value": said}]},
        {"detail": said * 999},
    ):
        for path in (RULES, STREAM):
            answer = response(json.dumps(body).encode(), status=status)
            error = await end(FOUND | {path: answer})
            assert isinstance(error, Disconnected | SourceError) and status[:3] in str(error)
            assert "xxx" in str(error) or len(answer) > client.MAX_ERROR
    assert TOKEN not in caplog.text


async def test_a_problem_with_a_rule_that_holds_the_token_is_logged_without_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    problems = {"errors": [{"detail": f"\x1b[31m{TOKEN}", "value": value} for value in (VALUE, "other")]}

    async def rules(writer: asyncio.StreamWriter) -> None:
        writer.write(response(json.dumps(problems).encode(), status="201 Created" if asked else "200 OK"))
        asked.append(True)
        await writer.drain()

    asked: list[bool] = []
    async with HostileServer(**{RULES: rules}) as server, Reading(source(server)) as got:
        assert isinstance(await got.over(), Disconnected) and len(asked) >= 2
    said = [record.message for record in caplog.records if record.name.startswith("tweetream")]
    assert said and all(line.isprintable() and "***" in line for line in said) and TOKEN not in caplog.text


async def test_the_last_words_of_a_stream_have_no_token(caplog: pytest.LogCaptureFixture) -> None:
    line = json.dumps({"errors": [DISCONNECT | {"detail": f"{'x' * 150}{TOKEN}\x1b[2J"}]}).encode()
    error = await end(FOUND | {STREAM: stream(line + b"\r\n")})
    assert "X ends the stream" in str(error) and "AAAA" not in str(error) + caplog.text


async def test_a_response_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_BODY", 1000)
    assert "over 1000 bytes" in str(await end({RULES: response(OURS + b" " * 1000)}))
    assert "cannot be read" in str(await end({RULES: response(b'{"data":' + b"[" * 900)}))
    endless = response(b"{" * 10_000_000, status="401 No")
    assert isinstance(await end({RULES: endless}), SourceError)


@pytest.mark.parametrize(
    "header",
    [
        *("Retry-After: 1e9", "Retry-After: 999999999", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"),
        *("x-rate-limit-reset: 99999999999", "x-rate-limit-reset: -1"),
    ],
)
async def test_an_absurd_time_to_wait_is_bounded_for_the_stream_and_for_the_rules(header: str) -> None:
    slow = response(b"{}", header, status="429 Slow")
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if seconds >= 15:
            raise asyncio.CancelledError

    async with HostileServer(**{RULES: slow}) as server:
        with pytest.raises(asyncio.CancelledError):
            await Supervisor(source(server), sleep=sleep).run(None, lambda chunk: asyncio.sleep(0))
        assert 60 <= waits[-1] <= MAX_NOT_BEFORE
        here = source(server)
        async with client.Client(TOKEN, here._options.api, here._options.hosts, 2.0) as opened:
            with pytest.raises(asyncio.CancelledError):
                await here._rules.run(opened, sleep)
        assert 15 <= waits[-1] <= MAX_NOT_BEFORE


@pytest.mark.parametrize("line", [b"{\n", b"{}\n", b"5\n"])
async def test_a_flood_of_tiny_lines_leaves_time_for_others(line: bytes) -> None:
    """256 KiB of `{` and a line end were one chunk, for which nothing else ran in four seconds."""
    async with HostileServer(**FOUND | {STREAM: stream(line * 50_000)}) as server, Reading(source(server)) as got:
        while got.read < 10_000:
            assert (await got.chunk()).dropped.total() <= MAX_DROPPED


async def test_a_cookie_is_never_sent_back() -> None:
    async with HostileServer(**FOUND | {RULES: response(OURS, "Set-Cookie: a=b; Path=/")}) as server:
        async with Reading(source(server)) as got:
            await got.chunk()
        assert len(server.heard) == 2 and "cookie" not in "".join(server.heard).lower()
