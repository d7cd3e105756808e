"""Mastodon's stream and timeline make one sequence of posts: each post once, also after a broken connection."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from support.networks.contract import Reading
from support.networks.mastodon_harness import reading, source
from support.networks.mastodon_server import MastodonServer, count, snowflake, status

from tweetream.models.drop import Drop
from tweetream.sources.base import Disconnected, FailureKind
from tweetream.sources.mastodon.source import order

NOW = round(time.time() * 1000)
HOST = "mastodon:127.0.0.1/"

Status = dict[str, Any]


async def read(got: Reading, number: int) -> None:
    """Read until this number of messages has arrived."""
    await got.until(lambda: got.read >= number)


def numbers(got: Reading) -> list[str]:
    return [id.removeprefix(HOST) for id in got.ids]


def some(first: int, last: int, **fields: Any) -> list[Status]:
    """Statuses with one second between their ids; the last is a minute old."""
    return [status(snowflake(NOW - 3_600_000 + n * 1000), f"post {n}", **fields) for n in range(first, last + 1)]


def has_posts(reading: Reading, count: int) -> Callable[[], bool]:
    return lambda: len(reading.posts) >= count


def ids(found: Iterable[Status]) -> list[str]:
    return [one["id"] for one in found]


async def test_posts_come_as_they_are_said_with_this_servers_number_and_plain_text() -> None:
    async with MastodonServer() as server, reading(source(server)) as got:
        far = {"acct": "budi@other.example", "id": "8", "username": "budi"}
        one = status(
            snowflake(NOW, 1), "macet &amp; <b>banjir</b><br>lagi", host="other.example", account=far, language="id"
        )
        await server.post(one)
        await read(got, 1)
        (post,) = got.posts
        assert (post.id, post.source) == (HOST + one["id"], "mastodon")
        assert (post.text, post.author, post.lang) == ("macet & banjir\nlagi", "budi@other.example", "id")
        assert (post.url, post.created_at) == (one["url"], NOW)
        assert server.asked[-1] == "/api/v1/streaming/public"


async def test_what_was_missed_comes_first_and_in_order_then_the_stream_each_once() -> None:
    gap = some(1, 130)
    async with MastodonServer() as server:
        server.keep(*gap[:10])
        async with reading(source(server), gap[9]["id"]) as got:
            await server.wait()
            server.keep(*gap[10:])
            await server.post(*gap[125:])  # the stream repeats posts of the timeline
            await read(got, len(gap) + 5)
            after = some(131, 133)
            await server.post(*after)
            await read(got, len(gap) + 5 + 3)
            assert numbers(got) == ids(gap + after)
            assert got.dropped == {Drop.DUPLICATE: 5}
            assert count(server.asked)["/api/v1/timelines/public"] == 5


async def test_a_stop_at_any_chunk_loses_nothing_also_while_the_gap_is_filled() -> None:
    missed = some(1, 90)
    async with MastodonServer() as server:
        server.keep(*missed)
        async with reading(source(server), missed[4]["id"]) as got:
            await server.post(*some(91, 95))
            await read(got, 5 + 90)
            whole = ids(missed[5:] + some(91, 95))
            assert numbers(got) == ids(missed) + whole[-5:]
        for n, chunk in enumerate(got.got, 1):
            had = ids(missed[:5]) + [post.id.removeprefix(HOST) for given in got.got[:n] for post in given.posts]
            async with reading(source(server), chunk.position) as again:
                while set(whole) - set(had) - set(numbers(again)):
                    await again.chunk()
            assert [id for id in numbers(again) if id not in had] == [id for id in whole if id not in had]


async def test_a_post_that_comes_later_than_its_id_says_is_not_missed() -> None:
    on_time, late = some(10, 20), some(5, 5)
    async with MastodonServer() as server:
        async with reading(source(server)) as got:
            await server.post(*on_time)
            await server.post(*late)
            await read(got, 12)
            assert numbers(got) == ids(on_time + late) and got.got[-1].position == on_time[-1]["id"]
        server.keep(*some(6, 6))
        async with reading(source(server), got.got[-1].position) as again:
            await again.until(lambda: HOST + some(6, 6)[0]["id"] in again.ids)


async def test_started_again_it_drops_only_posts_given_before_the_position() -> None:
    async with MastodonServer() as server:
        again = source(server)
        async with reading(again) as got:
            for n in range(1, 5):
                await server.post(*some(n, n))
                await read(got, n)
        for n, chunk in reversed([*enumerate(got.got)][1:]):
            async with reading(again, chunk.position) as more:
                await read(more, 4)
                assert numbers(more) == ids(some(n + 1, 4)) and more.dropped[Drop.DUPLICATE] == n


async def test_before_the_first_post_there_is_a_position_to_go_on_from() -> None:
    posts: list[list[Any]] = [[], some(1, 3)]
    for there in posts:
        async with MastodonServer() as server:
            server.keep(*there)
            async with reading(source(server)) as got:
                position = got.got[0].position
            assert position == (there[-1]["id"] if there else "0")
            server.keep(*some(4, 5))
            async with reading(source(server), position) as again:
                await again.until(has_posts(again, len(there) + 2))


async def test_a_gap_that_is_too_wide_is_filled_partly_and_one_line_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async with MastodonServer() as server:
        server.keep(*some(1, 200))
        async with reading(source(server, pages=3), some(1, 1)[0]["id"]) as got:
            await read(got, 120)
            await server.post(*some(300, 300))
            await read(got, 121)
            assert numbers(got) == ids(some(1, 120) + some(300, 300))
    assert [record.message.partition(": ")[2] for record in caplog.records] == [
        f"more than 120 posts were missed: those after {some(120, 120)[0]['id']} are lost"
    ]


async def test_a_server_that_shows_no_timeline_streams_nevertheless(caplog: pytest.LogCaptureFixture) -> None:
    async with MastodonServer() as server:
        server.shown = False
        async with reading(source(server), "5") as got:
            await server.post(*some(1, 1))
            await read(got, 1)
            assert numbers(got) == ids(some(1, 1)) and len(caplog.records) == 1
        async with reading(source(server)) as got:
            assert got.got[0].position == ""


async def test_deletes_edits_and_other_events_are_counted_and_a_deleted_post_named() -> None:
    async with MastodonServer() as server, reading(source(server)) as got:
        first, second = some(1, 2)
        await server.post(first, second)
        await server.edit(second["id"], "changed")
        await server.delete(first["id"])
        await server.say("filters_changed", "undefined")
        await server.say("delete", "../1")
        await server.say("update", "{")
        await server.say("update", json.dumps(first | {"id": "a b"}))
        await read(got, 8)
        assert numbers(got) == ids([first, second])
        assert got.dropped == {Drop.EDITED: 1, Drop.NOT_A_POST: 2, Drop.MALFORMED: 3}
        assert [id for chunk in got.got for id in chunk.retracted] == [HOST + first["id"]]


async def test_languages_not_asked_for_are_counted_and_move_the_position() -> None:
    async with MastodonServer() as server, reading(source(server, "&lang=id,en")) as got:
        said = [some(n, n, language=language)[0] for n, language in enumerate(("id", "EN-gb", None, "de", "zh-TW"), 1)]
        await server.post(*said)
        await read(got, 5)
        assert numbers(got) == ids(said[:3]) and got.dropped == {Drop.LANGUAGE: 2}
        assert got.got[-1].position == said[-1]["id"]


async def test_a_missing_heartbeat_ends_it_and_one_that_comes_does_not() -> None:
    async with MastodonServer(thump=0.05) as server, reading(source(server, silence=0.3)) as got:
        quiet = asyncio.ensure_future(got.chunk())
        await asyncio.sleep(0.8)
        assert not quiet.done()
        server.thump = 60.0
        with pytest.raises(Disconnected, match="has sent nothing for 0.3 s"):
            await quiet


async def test_a_cut_in_the_middle_of_an_event_gives_nothing_of_it() -> None:
    async with MastodonServer() as server, reading(source(server)) as got:
        await server.post(*some(1, 1))
        await read(got, 1)
        await server.send(b"event: update\ndata: " + json.dumps(some(2, 2)[0]).encode() + b"\n")
        quiet = asyncio.ensure_future(got.chunk())
        await asyncio.sleep(0.05)
        server.cut()
        with pytest.raises(Disconnected) as over:
            await quiet
        assert over.value.kind is FailureKind.NETWORK and numbers(got) == ids(some(1, 1))


async def test_an_id_from_the_future_is_given_and_hides_no_later_post() -> None:
    async with MastodonServer() as server, reading(source(server)) as got:
        await server.post(*some(1, 1), status("9" * 19, "of the year 6000"), status("x" * 64, "of no time at all"))
        await read(got, 3)
        assert got.got[-1].position == some(1, 1)[0]["id"]


def test_ids_are_compared_as_their_servers_do() -> None:
    assert sorted(["10", "9", "0", "112"], key=order) == ["0", "9", "10", "112"]
    assert max("AhS3b", "AhS3a", key=order) == "AhS3b"
