"""The rules at X follow the topics while the stream runs, within X's limits; foreign rules are never changed.

The tests run in virtual time (conftest.py), since X's limits are per 15 minutes.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from support.networks.x_reading import ended, reading, source
from support.networks.x_server import LIMITS, WINDOW, XServer
from support.virtual_time import now
from support.waiting import until_async

from tweetream.sources.base import Disconnected, SourceError
from tweetream.sources.x.rules import Form
from tweetream.sources.x.source import SILENCE
from tweetream.sources.x.token_bucket import TokenBucket

OURS = "tweetream:t:"


def words(server: XServer, ids: Iterable[str] | None = None) -> list[str]:
    """The words of our rules, or of our rules with these ids; a word in two rules is listed twice."""
    rules = server.rules.values() if ids is None else [server.rules[id] for id in ids]
    ours = [rule["value"] for rule in rules if rule.get("tag", "").startswith(OURS)]
    return sorted(term for value in ours for term in Form().terms(value) or [f"no rule of ours: {value}"])


def timed(**options: Any) -> tuple[XServer, dict[str, Any]]:
    """A server and options for a source, both with the time of the test's loop."""
    return XServer(clock=now, **options), {"clock": now, "wall": now, "silence": SILENCE}


async def later(condition: Callable[..., bool]) -> None:
    """Let seconds pass until this is true."""
    await until_async(condition, 30, pause=0.5)


async def test_topics_come_change_and_go_while_the_stream_stays() -> None:
    server, options = timed()
    tracks: dict[str, tuple[str, ...]] = {"a": ("macet",)}
    async with server, reading(source(server, tracks, **options)) as reader:
        foreign = server.others("macet -is:retweet", "somebody")
        tracks["b"] = ("dki jakarta", "hujan")
        await later(lambda: words(server) == ["dki jakarta", "hujan", "macet"])
        assert await server.post("hujan lebat")
        del tracks["a"], tracks["b"]
        await later(lambda: not words(server))
        assert [*server.rules] == [foreign]
        tracks["c"] = ("banjir",)
        await later(lambda: words(server) == ["banjir"])
        assert await server.post("banjir")
        tracks["c"] = ("tol",)
        await later(lambda: words(server) == ["tol"])
        assert await server.post("tol")
        assert [post.text for post in await reader.read(3)] == ["hujan lebat", "banjir", "tol"]
        assert len(server.calls["connects"]) == 1


async def test_500_topics_added_and_deleted_quickly_stay_within_the_limits_and_no_word_is_without_a_rule() -> None:
    """If requests exceeded X's limits, X would end the stream or reject the words of new topics."""
    server, options = timed(delay=20.0)
    tracks: dict[str, tuple[str, ...]] = {
        f"topic{number}": (f"kata{number}", f"dua kata{number}") for number in range(20)
    }
    always = {term for track in tracks.values() for term in track}
    uncovered: list[set[str]] = []
    async with server, reading(source(server, tracks, **options)) as reader:
        await later(lambda: set(words(server, server.in_effect)) == always)
        server.changed = lambda: uncovered.append(always - set(words(server, server.in_effect)))
        server.others("kucing has:images")
        names = [f"baru{number}" for number in range(500)]
        for name in names:
            tracks[name] = (name, f"dki {name}")
            await asyncio.sleep(0.2)
        random.Random(1).shuffle(names)
        for name in names[:490]:
            del tracks[name]
            await asyncio.sleep(0.2)
        wanted = sorted(term for track in tracks.values() for term in track)
        await later(lambda: words(server) == wanted)
        assert not reader.task.done() and len(server.calls["connects"]) == 1
    assert not server.refused and not any(uncovered) and len(uncovered) > 20
    assert 20 < len(server.calls["writes"]) <= LIMITS["writes"] and server.most_at_once < 1000
    times = server.calls["writes"]
    assert all(later - sooner > WINDOW for sooner, later in zip(times, times[LIMITS["writes"] :], strict=False))


async def test_right_rules_are_not_written_again_and_old_rules_of_ours_are_deleted() -> None:
    async with XServer() as server:
        others = [server.others("macet lang:nl", "tweetream:t2:"), server.others("jalan"), server.others("a", "mine")]
        stale = [server.others("lama OR usang", OURS), server.others("(macet) lang:in", OURS)]
        for _ in range(2):
            async with reading(source(server, {"a": ("macet",)})):
                assert words(server) == ["macet"]
        assert server.added == ["macet"] and len(server.calls["writes"]) == 2
        assert {*others} < server.rules.keys() and server.rules.keys().isdisjoint(stale)


@pytest.mark.parametrize("all_or_nothing", [False, True])
async def test_a_word_that_x_refuses_is_named_once_and_the_others_have_rules(
    all_or_nothing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise a word that X rejects would affect all other topics in the same rule."""
    server, options = timed(forbidden=frozenset({"buruk", "jelek"}), all_or_nothing=all_or_nothing)
    good = [f"kata{number}" for number in range(150)]
    tracks = {word: (word,) for word in good} | {"x": ("buruk",), "y": ("kata jelek",)}
    async with server, reading(source(server, tracks, **options)) as reader:
        await later(lambda: words(server) == sorted(good))
        tracks["lagi"] = ("lagi",)
        await later(lambda: words(server) == sorted([*good, "lagi"]))
        assert not reader.task.done() and not server.refused
    assert caplog.text.count("X accepts no rule for 'buruk': buruk is not allowed") == 1
    assert caplog.text.count("X accepts no rule for 'kata jelek'") == 1


async def test_with_a_lower_limit_at_x_words_without_room_are_named(caplog: pytest.LogCaptureFixture) -> None:
    server, options = timed(most_rules=3)
    tracks = {str(number): (f"{number:03}{'x' * 90}",) for number in range(40)}
    async with server, reading(source(server, tracks, **options)) as reader:
        await later(lambda: "no room for" in caplog.text)
        assert len(words(server)) == 30 and len(server.rules) == 3
        await asyncio.sleep(10)
        writes = len(server.calls["writes"])
        await asyncio.sleep(25)
        assert len(server.calls["writes"]) <= writes + 1 and not reader.task.done()


async def test_without_topics_it_says_what_it_waits_for_and_does_not_hammer() -> None:
    server, options = timed()
    tracks: dict[str, tuple[str, ...]] = {"semua": ("*",)}
    async with server:
        left = server.others("lama", OURS)
        here = source(server, tracks, **options)
        error = await ended(here)
        assert isinstance(error, Disconnected) and "waits for a topic" in str(error) and "semua" in str(error)
        assert left not in server.rules
        async with reading(here, 25) as reader:
            assert not reader.chunks and not reader.task.done()
            assert not server.calls["connects"] and len(server.calls["reads"]) < 12
            tracks["a"] = ("macet",)
            await asyncio.wait_for(reader.connected.wait(), 5)
            assert words(server) == ["macet"]


async def test_a_foreign_rule_covers_its_word_until_it_is_deleted() -> None:
    server, options = timed()
    async with server:
        foreign = server.others("macet")
        async with reading(source(server, {"a": ("macet",)}, **options)) as reader:
            assert await server.post("macet") and await reader.read(1)
            await asyncio.sleep(30)
            assert not words(server) and len(server.calls["writes"]) == 1, "X has no rule twice, and is not asked again"
            server.gone(foreign)
            await later(lambda: words(server) == ["macet"])


async def test_rules_that_cannot_be_changed_now_are_changed_later_and_the_stream_goes_on() -> None:
    for status in ("503", "429"):
        server, options = timed(limits=LIMITS | {"writes": 3 if status == "429" else 100})
        tracks = {"a": ("macet",)}
        async with server, reading(source(server, tracks, **options)) as reader:
            if status == "429":
                server.calls["writes"] += server.calls["writes"] * 2
            else:
                server.rule_script.append(status)
            tracks["b"] = ("hujan",)
            await later(lambda server=server: {*words(server)} == {"hujan", "macet"})
            waited = max(server.calls["writes"]) - min(server.calls["writes"])
            assert waited > (890 if status == "429" else 10) and server.refused["writes"] <= 1
            assert await server.post("hujan") and await reader.read(1)


async def test_rules_that_x_does_not_delete_are_deleted_later_and_the_stream_goes_on() -> None:
    server, options = timed()
    tracks = {"a": ("macet",), "b": ("hujan",)}
    async with server, reading(source(server, tracks, **options)) as reader:
        await later(lambda: words(server) == ["hujan", "macet"])
        server.delete_script.append("400")
        del tracks["b"]
        await later(lambda: words(server) == ["macet"])
        assert not server.delete_script and len(server.calls["connects"]) == 1
        assert await server.post("macet") and await reader.read(1)


async def test_a_token_that_x_refuses_while_it_streams_is_final() -> None:
    server, options = timed()
    tracks: dict[str, tuple[str, ...]] = {"a": ("macet",)}
    async with server, reading(source(server, tracks, **options)) as reader:
        server.rule_script.append("403")
        tracks["b"] = ("hujan",)
        error = await reader.over()
        assert isinstance(error, SourceError) and "TWEETREAM_X_BEARER_TOKEN" in str(error)


async def test_rules_that_others_delete_are_written_again() -> None:
    server, options = timed()
    async with server, reading(source(server, {"a": ("macet",)}, **options)):
        server.gone(next(iter(server.rules)))
        await later(lambda: words(server) == ["macet"])


def test_a_token_bucket_never_allows_more_than_x_in_any_15_minutes() -> None:
    chance, now, taken = random.Random(3), [0.0], []
    budget = TokenBucket(40, 50, lambda: now[0])
    for _ in range(20_000):
        now[0] += chance.choice((0.0, 0.5, 5.0, 30.0))
        if budget.take():
            taken.append(now[0])
    times = LIMITS["writes"]
    assert len(taken) > 2_000
    assert all(later - sooner > WINDOW for sooner, later in zip(taken, taken[times:], strict=False))
