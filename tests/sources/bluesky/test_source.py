"""Posts of Bluesky from a Jetstream server: both versions, positions, and unreadable messages."""

import logging
import time
from collections.abc import AsyncIterator, Callable

import pytest
from support.networks.contract import Reading
from support.networks.jetstream_reading import SECOND, connected, first, id, retracted, source
from support.networks.jetstream_server import DID, JetstreamServer

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_POSTS
from tweetream.sources.base import MAX_LINE, Disconnected
from tweetream.sources.bluesky.websocket import MAX_MESSAGE

ServerAndUrl = tuple[JetstreamServer, str]


@pytest.fixture(params=[1, 2], ids=["v1", "v2"])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[ServerAndUrl]:
    """A server, and its address in this version of the protocol."""
    async with JetstreamServer() as server:
        yield server, server.url if request.param == 1 else server.url_v2


def has_given(reading: Reading, post: str) -> Callable[[], bool]:
    return lambda: post in reading.ids


async def test_posts_come_with_what_they_are_and_all_else_is_counted(both: ServerAndUrl) -> None:
    server, url = both
    async with await connected(source(url)) as reading:
        server.post("3a", "Macet & <banjir> di Jakarta 🌧\u2028", langs=["id"])
        server.post("3b", "", embed={"$type": "app.bsky.embed.images"})
        server.post("3a", "Macet, sudah lancar", edit=True)
        server.delete("3a")
        server.account()
        server.post("3c", "lagi")
        await first(reading, 6)
        assert reading.ids == [id("3a"), id("3c")] and retracted(reading) == [id("3a")]
        assert reading.dropped == {Drop.BLANK: 1, Drop.EDITED: 1, Drop.NOT_A_POST: 2}
        post = reading.got[1].posts[0]
        assert (post.text, post.lang, post.source) == ("Macet & <banjir> di Jakarta 🌧\u2028", "id", "bluesky")
        assert (post.author, post.url) == (DID, f"https://bsky.app/profile/{DID}/post/3a")
        assert post.created_at == 1779719008757 and abs(post.received_at / 1000 - time.time()) < 5
        last = server.log[-1]
        assert reading.position == str(last.seq if url == server.url_v2 else last.time_us)


async def test_nothing_but_posts_is_asked_for() -> None:
    async with JetstreamServer() as server:
        for url in (server.url, server.url_v2, server.url.replace("subscribe", "")):
            async with await connected(source(url)) as reading:
                server.commit("create", "3x", collection="app.bsky.feed.like", record={"subject": {}})
                server.post("3a", "halo")
                assert (await first(reading, 1)).ids == [id("3a")] and not reading.dropped
        v1, v2, bare = server.asked
        assert (
            v1["wantedCollections"] == v2["collections"] == "app.bsky.feed.post" and "cursor" not in v1 and v1 == bare
        )


async def test_posts_in_a_language_of_the_url_or_without_one_are_kept(both: ServerAndUrl) -> None:
    server, url = both
    async with await connected(source(url, "&lang=ID,en,pt-br")) as reading:
        claims: list[list[str] | None]
        claims = [["id"], ["en-GB"], ["fr", "en"], ["pt-BR"], None, [], ["fr"], ["pt"], ["idx"]]
        for number, langs in enumerate(claims):
            if langs is None:
                server.post(str(number), "halo")
            else:
                server.post(str(number), "halo", langs=langs)
        await first(reading, 9)
        assert reading.ids == [id(str(number)) for number in range(6)] and reading.dropped == {Drop.LANGUAGE: 3}


async def test_it_goes_on_after_its_position_and_gives_no_post_twice(both: ServerAndUrl) -> None:
    server, url = both
    bluesky = source(url)
    async with await connected(bluesky) as one:
        for number in range(5):
            server.post(str(number), "halo")
        await first(one, 5)
    for number in range(5, 9):
        server.post(str(number), "halo")
    async with await connected(bluesky, one.position) as second:
        await second.until(lambda: len(second.ids) == 4)
        assert one.ids + second.ids == [id(str(number)) for number in range(9)]
        assert set(second.dropped) == {Drop.DUPLICATE}
    # Another worker does not know the posts that this one gave, and misses no post.
    async with await connected(source(url), one.position) as other:
        await other.until(lambda: id("8") in other.ids)
        assert set(second.ids) <= set(other.ids) and not other.dropped


async def test_what_a_position_does_not_cover_is_given_again(both: ServerAndUrl) -> None:
    server, url = both
    bluesky = source(url)
    async with await connected(bluesky) as one:
        server.post("1", "halo")
        await first(one, 1)
        covered = one.position
        server.post("2", "halo")
        await first(one, 2)
    async with await connected(bluesky, covered) as second:
        assert (await first(second, 2)).ids == [id("2")]


async def test_version_1_goes_back_a_few_seconds_since_clocks_differ() -> None:
    async with JetstreamServer() as server:
        now = time.time_ns() // 1000
        for seconds in (20, 8, 4, 2):
            server.post(str(seconds), "halo", time_us=now - seconds * SECOND)
        async with await connected(source(server.url), str(now - 5 * SECOND)) as reading:
            assert (await first(reading, 3)).ids == [id("8"), id("4"), id("2")]
            # The rewind does not move the position back.
            assert reading.got[1].position == str(now - 2 * SECOND)


async def test_a_bad_position_is_said_and_it_goes_on_from_now(
    both: ServerAndUrl, caplog: pytest.LogCaptureFixture
) -> None:
    server, url = both
    server.post("1", "halo")
    async with await connected(source(url), "17x") as reading:
        server.post("2", "halo")
        assert (await first(reading, 1)).ids == [id("2")]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] and "'17x'" in caplog.text


async def test_a_cursor_that_the_server_has_forgotten_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async with JetstreamServer(window=3600) as server:
        now = time.time_ns() // 1000
        server.post("old", "halo", time_us=now - 7200 * SECOND)
        server.post("new", "halo", time_us=now - 60 * SECOND)
        async with await connected(source(server.url), str(now - 7000 * SECOND)) as reading:
            assert (await first(reading, 1)).ids == [id("new")]
    (record,) = caplog.records
    assert "posts may be missing" in record.getMessage()


async def test_version_2_refuses_such_a_cursor_and_is_asked_for_its_oldest_event() -> None:
    async with JetstreamServer(window=3600) as server:
        now = time.time_ns() // 1000
        for age in (7200, 7100, 60):
            server.post(str(age), "halo", time_us=now - age * SECOND)
        bluesky = source(server.url_v2)
        error = await Reading(bluesky, "1").over()
        assert isinstance(error, Disconnected) and "posts are missing" in str(error)
        async with await connected(bluesky, "1") as reading:
            await reading.until(lambda: bool(reading.ids))
            assert reading.ids == [id("60")] and reading.position == "3"


async def test_the_last_posts_of_a_removed_account_are_retracted(both: ServerAndUrl) -> None:
    server, url = both
    other = "did:plc:other"
    async with await connected(source(url)) as reading:
        for number in range(3):
            server.post(str(number), "halo")
        server.post("9", "halo", did=other)
        server.account("deactivated")
        server.account("suspended")
        await first(reading, 6)
        assert not retracted(reading)
        server.account("takendown")
        server.account("deleted", did=other)
        server.account("deleted", did="did:plc:nobody")
        await first(reading, 9)
        assert retracted(reading) == [id("0"), id("1"), id("2"), id("9", other)]


async def test_many_at_once_are_few_chunks_of_bounded_size(both: ServerAndUrl) -> None:
    server, url = both
    for number in range(1000):
        server.post(str(number), "halo " * 60)
    cursor = str(server.log[0].time_us)
    async with await connected(source(url), cursor) as reading:
        await first(reading, 1000)
        assert reading.ids == [id(str(number)) for number in range(1000)]
        assert len(reading.got) < 60 and all(len(chunk.posts) <= MAX_POSTS for chunk in reading.got)


async def test_what_is_no_event_is_counted_and_the_stream_goes_on(both: ServerAndUrl) -> None:
    server, url = both
    bad = (b"{", b"[1]", b"{}", b'"x"', b"", b"\xff\xfe", b'{"did":5,"kind":"commit"}', b"[" * 5000)
    async with await connected(source(url)) as reading:
        for message in bad:
            server.raw(message)
        server.post("x" * 200, "halo")
        server.post("1", "halo", langs=[5])
        server.post("2", "baik")
        await first(reading, len(bad) + 3)
        assert reading.ids == [id("1"), id("2")] and reading.dropped == {Drop.MALFORMED: len(bad) + 1}


async def test_a_time_that_cannot_be_is_no_position() -> None:
    async with JetstreamServer() as server, await connected(source(server.url)) as reading:
        known = server.post("1", "halo")
        for absurd in (-1, 0, 10**14, 2**63):
            server.add("commit", DID, server.log[0].content | {"rkey": str(absurd)}).time_us = absurd
        await first(reading, 5)
        assert reading.position == str(known.time_us)


async def test_a_long_message_is_counted_and_the_position_moves_past_it(both: ServerAndUrl) -> None:
    server, url = both
    async with await connected(source(url)) as reading:
        event = server.add("commit", DID, server.post("1", "halo").content | {"rkey": "2", "filler": "x" * MAX_LINE})
        event.raw = event.v1() if url == server.url else event.v2()
        if url == server.url:
            event.raw = event.raw.replace(b'"rkey":"2"', b'"filler":"%s","rkey":"2"' % (b"x" * MAX_LINE))
        await first(reading, 2)
        assert reading.ids == [id("1")] and reading.dropped == {Drop.TOO_LONG: 1}
        assert reading.position == str(event.seq if url == server.url_v2 else event.time_us)


async def test_a_message_over_4_mib_is_skipped_and_does_not_come_again(both: ServerAndUrl) -> None:
    server, url = both
    now = time.time_ns() // 1000
    server.post("1", "halo", time_us=now - 60 * SECOND)
    server.raw(b"x" * MAX_MESSAGE, now - 40 * SECOND)
    server.post("2", "halo", time_us=now - 1 * SECOND)
    bluesky, position, lives = source(url), "1" if url == server.url_v2 else str(now - 60 * SECOND), 0
    found: list[str] = []
    while id("2") not in found:
        lives += 1
        assert lives < 12
        reading = Reading(bluesky, position)
        try:
            await reading.until(has_given(reading, id("2")))
        except Disconnected as error:
            assert "sent a message over" in str(error) and reading.dropped[Drop.TOO_LONG] == 1
            assert int(reading.position or 0) > int(position)
        finally:
            await reading.close()
        found, position = found + reading.ids, reading.position or ""
    assert found == [id("1"), id("2")]
