"""X's filtered stream through tweepy, with a local server of its protocol: its messages, and its ends."""

import asyncio
import logging
import time

import pytest
from support.networks.x_messages import DISCONNECT, line
from support.networks.x_reading import context, ended, reading, source
from support.networks.x_server import TOKEN, XServer

from tweetream.models.drop import Drop
from tweetream.sources import open_source
from tweetream.sources.base import MAX_LINE, Chunk, Disconnected, FailureKind, SourceError
from tweetream.sources.x.source import X


async def test_posts_with_a_word_of_a_topic_come_with_author_and_link() -> None:
    async with XServer() as server, reading(source(server, {"a": ("macet",), "b": ("dki jakarta",)})) as reader:
        assert reader.chunks == [Chunk([], "")]
        assert await server.post("Hujan di Bogor") == []
        assert await server.post("Macet! &amp; lama", number=42)
        assert await server.post("DKI Jakarta")
        first, second = await reader.read(2)
        assert (first.id, first.source, first.text, first.author) == ("x:42", "x", "Macet! & lama", "rina")
        assert first.url == "https://x.com/rina/status/42" and first.lang == "in"
        assert second.text == "DKI Jakarta" and not reader.dropped
        assert all(chunk.position == "" for chunk in reader.chunks)


async def test_long_texts_are_whole_repeats_expanded_and_quotes_appended() -> None:
    users = [{"id": "7", "username": "rina"}, {"id": "8", "username": "budi"}]
    other = {"id": "5", "text": "cut…", "author_id": "8", "note_tweet": {"text": "semua kata"}}
    async with XServer() as server, reading(source(server, {"a": ("macet",)})) as reader:
        await server.post("macet cut…", note_tweet={"text": "macet " * 100})
        for kind in ("retweeted", "quoted"):
            references = [{"type": kind, "id": "5"}]
            await server.post("macet", referenced_tweets=references, includes={"users": users, "tweets": [other]})
        long, repeated, quoting = await reader.read(3)
        assert long.text == "macet " * 100
        assert (repeated.text, repeated.author) == ("semua kata", "rina")
        assert quoting.text == "macet\n\n@budi: semua kata"


async def test_what_is_no_post_is_counted_and_the_stream_goes_on() -> None:
    good = {"data": {"id": "1", "text": "macet"}, "matching_rules": [{"id": "9"}]}
    edited = {"data": {"id": "3", "text": "macet", "edit_history_tweet_ids": ["1", "3"]}}
    unseen = {"data": {"id": "5", "text": "macet", "edit_history_tweet_ids": ["4", "5"]}}
    long = line(good | {"includes": {"tweets": [], "x": "y" * MAX_LINE}})
    bad = [b"{\r\n", b'{"data": 5}\r\n', b"[]\r\n", b"{}\r\n", b"\xff\r\n"]
    records = [line({"errors": [{"title": "Not Found Error", "detail": "x"}]}), line({"errors": [{"title": "other"}]})]
    async with XServer() as server, reading(source(server, {"a": ("macet",)})) as reader:
        await server.send(*bad, b"\r\n\r\n", *records, long, line(good), line(good)[:20], line(good)[20:])
        await server.send(line(edited), line(unseen))
        posts = await reader.read(len(bad) + 7)
        assert [post.id for post in posts] == ["x:1", "x:5"], "the first text that we have stays"
        assert reader.dropped == {
            Drop.MALFORMED: len(bad), Drop.NOT_A_POST: 2, Drop.EDITED: 1, Drop.TOO_LONG: 1, Drop.DUPLICATE: 1
        }  # fmt: skip


async def test_languages_are_asked_for_by_the_names_x_has_and_others_dropped() -> None:
    async with XServer() as server, reading(source(server, {"a": ("macet",)}, "&lang=id,en")) as reader:
        assert [rule["value"] for rule in server.rules.values()] == ["(macet) (lang:en OR lang:in)"]
        assert not await server.post("macet", lang="nl")
        await server.send(line({"data": {"id": "1", "text": "macet", "lang": "nl"}}))
        for lang in ("in", "en"):
            assert await server.post("macet", lang=lang)
        assert [post.lang for post in await reader.read(3)] == ["in", "en"]
        assert reader.dropped == {Drop.LANGUAGE: 1}


@pytest.mark.parametrize("status", [401, 403])
async def test_a_token_that_x_refuses_is_final_and_the_setting_named(status: int) -> None:
    for where in ("script", "rule_script"):
        async with XServer() as server:
            getattr(server, where).append(str(status))
            error = await ended(source(server, {"a": ("macet",)}))
            assert isinstance(error, SourceError) and "TWEETREAM_X_BEARER_TOKEN" in str(error)
            assert TOKEN not in str(error)
    async with XServer() as server:
        wrong = X(f"x:?api={server.url}", context({"a": ("macet",)}, "wrong"))
        assert isinstance(await ended(wrong), SourceError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, FailureKind.HTTP), (409, FailureKind.HTTP), (503, FailureKind.HTTP), (429, FailureKind.RATE)],
)
async def test_other_answers_are_tried_again_when_x_allows_it(status: int, kind: FailureKind) -> None:
    for where in ("script", "rule_script"):
        async with XServer() as server:
            kinds = "connects" if where == "script" else "reads"
            if status == 429:
                server.limits[kinds] = 0
            else:
                getattr(server, where).append(str(status))
            error = await ended(source(server, {"a": ("macet",)}))
            assert isinstance(error, Disconnected) and error.kind is kind and str(status) in str(error)
            reset = time.time() + 900 if kind is FailureKind.RATE else 0
            assert abs(error.not_before - reset) < 5


async def test_a_second_connection_is_one_too_many() -> None:
    async with XServer() as server, reading(source(server, {"a": ("macet",)})):
        error = await ended(source(server, {"a": ("macet",)}))
        assert isinstance(error, Disconnected) and error.kind is FailureKind.RATE and "maximum" in str(error)
        assert not error.not_before, "the quarter of an hour has nothing to do with it"


async def test_a_disconnect_in_the_stream_ends_it_after_the_posts_before_it() -> None:
    async with XServer() as server, reading(source(server, {"a": ("macet",)})) as reader:
        post = line({"data": {"id": "1", "text": "macet"}})
        await server.send(post + line({"errors": [DISCONNECT]}) + post)
        error = await reader.over()
        assert isinstance(error, Disconnected) and "operational reasons" in str(error)
        assert [post.id for post in reader.posts] == ["x:1"]


async def test_closed_at_once_cut_in_half_or_silent_it_is_interrupted() -> None:
    tracks = {"a": ("macet",)}
    async with XServer() as server:
        server.script.append("close")
        assert isinstance(await ended(source(server, tracks)), Disconnected)
        async with reading(source(server, tracks)) as reader:
            await server.halve(line({"data": {"id": "1", "text": "macet"}}))
            assert isinstance(await reader.over(), Disconnected) and not reader.posts
        server.script.append("silence")
        error = await ended(source(server, tracks, silence=0.3))
        assert isinstance(error, Disconnected) and "not even a keep-alive" in str(error)


async def test_kept_alive_a_quiet_stream_stays() -> None:
    async with XServer(alive=0.05) as server, reading(source(server, {"a": ("macet",)}, silence=0.4)) as reader:
        await asyncio.sleep(0.8)
        assert await server.post("macet") and await reader.read(1)


async def test_more_connections_than_x_allows_are_not_tried() -> None:
    async with XServer() as server:
        server.script.extend(["close"] * 30)
        here = source(server, {"a": ("macet",)})
        errors = [await ended(here) for _ in range(25)]
        assert len(server.calls["connects"]) == 20 and isinstance(errors[-1], Disconnected) and errors[-1].not_before
        assert not server.refused


async def test_no_log_has_the_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with XServer() as server, reading(source(server, {"a": ("macet",)})) as reader:
        await server.post("macet")
        await reader.read(1)
    assert "AAAA" not in caplog.text


def test_a_wrong_url_of_x_is_one_line() -> None:
    for url in ("x:path", "x:?api=ftp://h", "x:?api=http://h/p", "x:?lang=indonesian", "x:?lang=", "x:?rate=1",
                "x:?lang=id&lang=en", "x:?api=", "x://host", "x:?api=http://h:99999"):  # fmt: skip
        with pytest.raises(SourceError, match=r"^[^\n]+$"):
            open_source(url, context({}))
    for url in ("x:?api=http://me:hunter2@h", "x:?api=http://me:hunter2@h&rate=1", "x:?api=http://me:hunter2%40h\x7f"):
        with pytest.raises(SourceError, match="TWEETREAM_X_BEARER_TOKEN") as error:
            open_source(url, context({}))
        assert "hunter2" not in str(error.value)
    open_source("x:", context({})).check()
    open_source("x://?lang=id", context({})).check()
    with pytest.raises(SourceError, match="TWEETREAM_X_BEARER_TOKEN"):
        open_source("x:", context({}, "")).check()
