"""What a dry run answers, and that it ends its work whoever leaves."""

import asyncio
from typing import Any

import pytest

from tweetream.kafka.recent import Recent
from tweetream.models.post import Post
from tweetream.settings import Settings
from tweetream.web import preview
from tweetream.web.preview import WAITING, Previews, answer
from tweetream.web.problems import Problem


def post(number: int, text: str) -> Post:
    return Post(f"x:{number}", "x", text, 1_480_000_000_000, 1_480_000_000_000 + number)


POSTS = [post(number, "Macet di tol" if number % 2 else "hujan") for number in range(20)]


def test_the_newest_five_of_the_posts_that_match_are_shown() -> None:
    found = answer(["macet", "gempa"], Recent(POSTS, 1.0), [])
    assert (found.matches, found.warnings) == (10, [])
    assert [shown.id for shown in found.posts] == ["x:19", "x:17", "x:15", "x:13", "x:11"]
    assert found.posts[0].text == "Macet di tol" and found.posts[0].created_at == "2016-11-24T15:06:40.000Z"
    assert answer(["*"], Recent(POSTS, 1.0), []).matches == 20


def test_a_sample_is_an_estimate_and_says_so() -> None:
    found = answer(["macet"], Recent(POSTS, 0.1), ["of a term"])
    assert found.matches == 100
    assert found.warnings == ["of a term", "this is an estimate from 20 posts, 10.0% of the last hour"]
    assert answer(["macet"], Recent([], 0.0), []).matches == 0


def test_an_hour_without_posts_and_a_network_that_sends_what_was_asked_for_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert answer(["macet"], Recent([], 1.0), []).warnings == [
        "no post was read in the last hour, so nothing can match"
    ]
    monkeypatch.setattr(preview, "settings", Settings(sources="x: bluesky:"))
    assert "X sends only posts that match" in answer(["macet"], Recent(POSTS, 1.0), []).warnings[0]


class Kafka:
    """Stands for the reading of posts: it ends when it is let go on, and counts how many read at a time."""

    def __init__(self) -> None:
        self.go, self.reading, self.most, self.done = asyncio.Event(), 0, 0, 0

    async def recent_posts(self, *_: Any) -> Recent:
        self.reading += 1
        self.most = max(self.most, self.reading)
        await self.go.wait()
        self.reading -= 1
        self.done += 1
        return Recent(POSTS, 1.0)


async def test_one_preview_reads_at_a_time_and_clients_that_leave_free_nothing_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Against a client that sends and leaves, again and again: each would leave its reading behind."""
    kafka, previews = Kafka(), Previews()
    monkeypatch.setattr(preview, "recent_posts", kafka.recent_posts)
    callers = [asyncio.create_task(previews.of(["macet"])) for _ in range(WAITING + 1)]
    await asyncio.sleep(0)
    for caller in callers[:4]:
        caller.cancel()
    await asyncio.sleep(0.01)
    with pytest.raises(Problem) as refused:
        await previews.of(["macet"])
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "5")
    kafka.go.set()
    assert {found.matches for found in await asyncio.gather(*callers[4:])} == {10}
    assert (kafka.most, kafka.done) == (1, WAITING + 1)


@pytest.mark.parametrize("track", [[], ["x"] * 101])
async def test_a_track_that_no_topic_can_have_is_400(track: list[str]) -> None:
    with pytest.raises(Problem) as refused:
        await Previews().of(track)
    assert refused.value.status == 400


async def test_without_an_answer_of_kafka_a_preview_is_503_and_at_the_stop_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing(*_: Any) -> Recent:
        return Recent()

    monkeypatch.setattr(preview, "recent_posts", nothing)
    with pytest.raises(Problem, match="could not be read in time"):
        await Previews().of(["macet"])
    kafka, previews = Kafka(), Previews()
    monkeypatch.setattr(preview, "recent_posts", kafka.recent_posts)
    caller = asyncio.create_task(previews.of(["macet"]))
    await asyncio.sleep(0.01)
    previews.stop()
    with pytest.raises(asyncio.CancelledError):
        await caller
