"""The requests to a Mastodon server, the meaning of its responses, and the URL of the source."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from support.networks.contract import Reading
from support.networks.mastodon_harness import reading, source
from support.networks.mastodon_server import MastodonServer, status

from tweetream.settings import Settings
from tweetream.sources import open_source
from tweetream.sources.base import Context, Disconnected, FailureKind, SourceError
from tweetream.sources.mastodon.source import Mastodon


@pytest.mark.parametrize(
    "query, stream, timeline",
    [
        ("&stream=local", "/api/v1/streaming/public/local", "/api/v1/timelines/public?limit=1&local=true"),
        ("&tag=macet", "/api/v1/streaming/hashtag?tag=macet", "/api/v1/timelines/tag/macet?limit=1"),
        (
            "&tag=%23macet&stream=local",
            "/api/v1/streaming/hashtag/local?tag=macet",
            "/api/v1/timelines/tag/macet?limit=1&local=true",
        ),
    ],
)
async def test_local_streams_and_hashtags_get_only_their_posts(query: str, stream: str, timeline: str) -> None:
    async with MastodonServer() as server, reading(source(server, query)) as got:
        assert server.asked == ["/api/v2/instance", timeline, stream]
        far = {"acct": "budi@other.example"}
        await server.post(status("1", "a", account=far), status("2", "b", tags=[{"name": "Macet"}]))
        await got.until(lambda: got.read >= 1)
        assert got.ids == ["mastodon:127.0.0.1/2"]


async def test_it_uses_the_streaming_address_of_the_server_or_else_its_own() -> None:
    async with MastodonServer() as there, MastodonServer() as server:
        server.instance = {"configuration": {"urls": {"streaming": f"ws://127.0.0.1:{there.port}"}}}
        async with reading(source(server)):
            assert there.asked == ["/api/v1/streaming/public"]
        answers: list[Any] = [
            None,
            {"configuration": {}},
            {"configuration": {"urls": {"streaming": "javascript:x"}}},
        ]
        for instance in answers:
            server.instance = instance
            async with reading(source(server)):
                assert server.asked[-1] == "/api/v1/streaming/public"


async def test_a_token_is_sent_to_its_server_and_without_one_a_refusal_is_final() -> None:
    async with MastodonServer(token="secret") as server:
        async with reading(source(server, token="secret")):
            pass
        for token, why in (("", "needs a user's token"), ("old", "does not accept the token")):
            with pytest.raises(SourceError, match=f"{why}.*TWEETREAM_MASTODON_TOKEN"):
                await Reading(source(server, token=token)).chunk()
        server.answers["/api/v1/streaming"] = [web.Response(status=403)]
        with pytest.raises(SourceError, match="TWEETREAM_MASTODON_TOKEN"):
            await Reading(source(server, token="secret")).chunk()


@pytest.mark.parametrize(
    ("token", "found"),
    [
        ("abc", "abc"),
        ("abc==", "abc=="),
        ("a.b=x,c.d=y", "x"),
        ("c.d=y", ""),
        ("a.b=x=", "x="),
        (" a.b=x , c.d=y ", "x"),
    ],
)
def test_each_of_several_servers_has_its_own_token(token: str, found: str) -> None:
    settings = Settings(_env_file=None, mastodon_token=token, sources="mastodon://a.b mastodon://a.b?tag=x")
    one: Any = open_source("mastodon://A.b", Context(settings, dict))
    one.check()
    assert isinstance(one, Mastodon) and one._token == found


def test_one_token_for_two_servers_is_refused() -> None:
    for token, fine in (("secret", False), ("a.b=secret", True), ("", True)):
        settings = Settings(_env_file=None, mastodon_token=token, sources="mastodon://a.b MASTODON://c.d")
        one = open_source("mastodon://a.b", Context(settings, dict))
        if fine:
            one.check()
            continue
        with pytest.raises(SourceError, match="a.b and c.d") as error:
            one.check()
        assert "secret" not in str(error.value)


@pytest.mark.parametrize("path", ["/api/v2/instance", "/api/v1/timelines", "/api/v1/streaming"])
async def test_too_many_requests_say_when_they_may_go_on(path: str) -> None:
    async with MastodonServer() as server:
        soon, late = (datetime.fromtimestamp(time.time() + s, UTC).isoformat() for s in (60, 7200))
        for reset, seconds in ((soon, 60), (late, 7200), (f"{time.time() + 90:.0f}", 90), ("soon", 0)):
            server.answers[path] = [web.Response(status=429, headers={"X-RateLimit-Reset": reset})]
            with pytest.raises(Disconnected) as over:
                await Reading(source(server)).chunk()
            assert over.value.kind is FailureKind.RATE and abs(over.value.not_before - time.time() - seconds) < 2


async def test_wrong_answers_are_of_the_kind_that_waits_long() -> None:
    async with MastodonServer() as server:
        for answer in (
            web.Response(status=503),
            web.Response(status=404),
            web.Response(text="<html>", content_type="text/html"),
        ):
            server.answers["/api/v1/streaming"] = [answer]
            with pytest.raises(Disconnected) as over:
                await Reading(source(server)).chunk()
            assert over.value.kind is FailureKind.HTTP and "\n" not in str(over.value)
        server.answers["/api/v1/timelines"] = [web.json_response({"a": 1}), web.Response(status=500)]
        for _ in range(2):
            with pytest.raises(Disconnected) as over:
                await Reading(source(server)).chunk()
            assert over.value.kind is FailureKind.HTTP


async def test_a_failed_connection_has_a_clear_reason() -> None:
    async with MastodonServer() as server, reading(source(server)) as got:
        await server.wait()
        server.cut()
        assert str(await got.over()) == "127.0.0.1 broke off in the middle of a response"
    async with Reading(source(server)) as nobody:
        assert str(await nobody.over()).startswith("no connection to 127.0.0.1: Connect call failed")


@pytest.mark.parametrize(
    "url, why",
    [
        ("mastodon:", "write mastodon://HOST"),
        ("mastodon://", "write mastodon://HOST"),
        ("mastodon://h/path", "write mastodon://HOST"),
        ("mastodon://h:99999", "write mastodon://HOST"),
        ("mastodon://u:secret@h", "TWEETREAM_MASTODON_TOKEN"),
        ("mastodon://u:secret[@h", "TWEETREAM_MASTODON_TOKEN"),
        ("mastodon://u:secret@h?\x7f", "TWEETREAM_MASTODON_TOKEN"),
        ("mastodon://h?stream=home", "public or local"),
        ("mastodon://h?scheme=ftp", "https or http"),
        ("mastodon://h?tag=a%20b", "one hashtag"),
        ("mastodon://h?lang=", "codes such as"),
        ("mastodon://h?rate=5", "unknown option 'rate'"),
        ("mastodon://h?tag=a&tag=b", "twice"),
    ],
)
def test_a_url_that_cannot_be_is_one_line(url: str, why: str) -> None:
    with pytest.raises(SourceError, match=why) as error:
        open_source(url, Context(Settings(_env_file=None), dict))
    assert "secret" not in str(error.value) and "\n" not in str(error.value)
