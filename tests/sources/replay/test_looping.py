"""The times of a file that loops move on together: none is made up, and none lies in the future."""

from pathlib import Path

import pytest

from tweetream.sources.replay.source import Replay

NOW = 1_800_000_000_000


class Clock:
    """Time that passes only while something sleeps."""

    now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now

    def wall(self) -> int:
        return NOW + round(self.now * 1000)


async def ages(path: Path, query: str, number: int, position: str | None = None) -> list[int | None]:
    """How old each post is when it is given, in seconds; None if its time is not known."""
    clock, found = Clock(), list[int | None]()
    source = Replay(f"replay:{path}?loop=true&{query}", clock=clock, sleep=clock.sleep, wall=clock.wall)
    chunks = source.chunks(position)
    while len(found) < number:
        posts = (await anext(chunks)).posts
        found += [None if post.created_at is None else (clock.wall() - post.created_at) // 1000 for post in posts]
    await chunks.aclose()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text("text,created_at\na,1577836800\nb,1577836860\nc,?\nd,1577836830\n")
    return path


async def test_the_newest_post_is_of_now_and_the_others_keep_their_distance(path: Path) -> None:
    assert await ages(path, "rate=0", 8) == [60, 0, None, 30] * 2


async def test_with_a_rate_no_post_comes_before_its_time(path: Path) -> None:
    assert await ages(path, "rate=1", 8) == [59, 0, None, 32] * 2  # each is given a second after the one before
    assert await ages(path, "rate=0.01", 4) == [0, 40, None, 270]


async def test_a_round_that_begins_in_the_middle_moves_on_too(path: Path) -> None:
    assert await ages(path, "rate=0", 5, "4") == [0, 60, 0, None, 30]
