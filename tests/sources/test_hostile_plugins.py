"""A source of another package that does everything wrong ends itself, and neither the worker nor the other sources."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_POSTS, Post
from tweetream.settings import Settings
from tweetream.sources import supervisor
from tweetream.sources.base import Chunk, Context
from tweetream.sources.plugins import MAX_COUNT, MAX_RETRACTED, PluginSource
from tweetream.sources.status import State, Status
from tweetream.sources.supervisor import Supervisor

NOW = 1_800_000_000_000
Chunks = Callable[[str | None], AsyncGenerator[Any, None]]


def plugin(chunks: Chunks) -> PluginSource:
    """The source of a package whose `chunks` is this function."""
    made = SimpleNamespace(url="guest:", unpaced=False, chunks=chunks)
    point: Any = SimpleNamespace(name="guest", value="guest:make", load=lambda: lambda url, context: made)
    return PluginSource(point, "guest:", Context(Settings(_env_file=None), dict))


def gives(*chunks: Any) -> Chunks:
    async def given(position: str | None) -> AsyncGenerator[Any, None]:
        for chunk in chunks:
            yield chunk

    return given


async def taken(chunk: Chunk) -> None:
    """Take every chunk."""


class BrokenError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


async def _cancelled() -> None:
    inner = asyncio.ensure_future(asyncio.sleep(60))
    inner.cancel()
    await inner


async def _raises(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (lambda: _raises(SystemExit("bye")), "it exits: bye"),
        (_cancelled, "was cancelled"),
        (lambda: _raises(asyncio.CancelledError()), "was cancelled"),
        (lambda: _raises(BrokenError()), "BrokenError"),
        (lambda: _raises(ValueError("\x1b[31mred\x1b]0;x\x07\nforged " * 1000)), r"\x1b[31mred"),
        (lambda: _raises(ExceptionGroup("many", [ValueError("x")])), "many"),
    ],
)
async def test_whatever_ends_it_the_others_go_on_and_it_is_tried_again(ends: Any, said: str) -> None:
    reasons: list[str] = []

    async def chunks(position: str | None) -> AsyncGenerator[Chunk, None]:
        yield Chunk([Post("g:1", "g", "one", NOW, NOW)], "1")
        await ends()

    async def sleep(seconds: float) -> None:
        reasons.append(guest.status.reason)
        await asyncio.Event().wait()

    guest = Supervisor(plugin(chunks), sleep=sleep)
    other = Supervisor(plugin(gives(*(Chunk([Post(f"g:{n}", "g", "x", NOW, NOW)], "") for n in range(50)))))
    running = [asyncio.create_task(one.run(None, taken)) for one in (guest, other)]
    async with asyncio.timeout(5):
        await running[1]
        while not reasons:
            await asyncio.sleep(0.001)
    assert other.status.state is State.ENDED and other.status.posts == 50
    assert guest.status.state is State.BACKING_OFF and said in reasons[0]
    assert reasons[0].isprintable() and len(reasons[0]) <= 300 and not running[0].done()
    running[0].cancel()
    await asyncio.wait(running)


async def test_one_that_never_waits_leaves_time_for_others() -> None:
    given = 0

    async def chunks(position: str | None) -> AsyncGenerator[Chunk, None]:
        nonlocal given
        while True:
            given += 1
            yield Chunk([Post("g:1", "g", "one", NOW, NOW)], "1")

    task = asyncio.create_task(Supervisor(plugin(chunks)).run(None, taken))
    for _ in range(10):
        await asyncio.sleep(0)
    assert 5 <= given <= 10, "a chunk for each turn of the others"
    task.cancel()
    await asyncio.wait({task})


async def test_one_that_never_closes_does_not_keep_the_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "CLOSE_TIMEOUT", 0.05)

    async def chunks(position: str | None) -> AsyncGenerator[Chunk, None]:
        try:
            yield Chunk([], "1")
        finally:
            await asyncio.Event().wait()

    async def take(chunk: Chunk) -> None:
        raise OSError("the disk is full")

    async with asyncio.timeout(2):
        with pytest.raises(OSError, match="disk is full"):
            await Supervisor(plugin(chunks)).run(None, take)
    assert "did not close" in caplog.text


@pytest.mark.parametrize(
    "fields",
    [
        {"source": "\x1b[31mred"},
        {"source": "a\nb"},
        {"source": "\u202eg"},
        {"source": ""},
        {"id": ""},
        {"text": "x" * 70_000},
        {"author": "x" * 300},
        {"received_at": "now"},
    ],
)
async def test_a_post_beyond_the_limits_counts_as_malformed(fields: dict[str, Any]) -> None:
    known: dict[str, Any] = {"id": "g:1", "source": "g", "text": "x", "created_at": NOW, "received_at": NOW}
    post = Post(**known | fields)
    [chunk] = [chunk async for chunk in plugin(gives(Chunk([post], "p"))).chunks(None)]
    assert not chunk.posts and chunk.dropped == {Drop.MALFORMED: 1}


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "https://a\x1b[31m", "x"]
)
async def test_a_link_that_a_browser_should_not_follow_is_left_out(url: str) -> None:
    post = Post("g:1", "g", "x", NOW, NOW, url)
    [chunk] = [chunk async for chunk in plugin(gives(Chunk([post], "p"))).chunks(None)]
    assert [post.url for post in chunk.posts] == [""]


async def test_thousands_of_posts_and_deletions_come_in_parts_and_each_once() -> None:
    ids = [f"g:{n}" for n in range(2 * MAX_RETRACTED + 7)]
    posts = [Post(id, "g", "x", NOW, NOW) for id in ids]
    whole = Chunk(posts, "p", Counter({Drop.BLANK: 3}), list(ids))
    chunks = [chunk async for chunk in plugin(gives(whole)).chunks(None)]
    assert [id for chunk in chunks for id in chunk.retracted] == ids
    assert [post.id for chunk in chunks for post in chunk.posts] == ids
    assert all(len(chunk.retracted) <= MAX_RETRACTED and len(chunk.posts) <= MAX_POSTS for chunk in chunks)
    assert [chunk.position for chunk in chunks] == [""] * (len(chunks) - 1) + ["p"]
    assert sum((chunk.dropped for chunk in chunks), Counter()) == {Drop.BLANK: 3}


async def test_counts_and_positions_that_cannot_be_end_the_connection() -> None:
    for wrong in (Counter({Drop.BLANK: MAX_COUNT + 1}), Counter({Drop.BLANK: 2**70}), {"no reason": 1}):
        with pytest.raises((ValueError, OverflowError)):
            _ = [chunk async for chunk in plugin(gives(Chunk([], "p", wrong))).chunks(None)]  # type: ignore[arg-type]


def test_a_report_from_kafka_is_printable_before_it_is_shown() -> None:
    from tweetream.models import codec
    from tweetream.sources.status import SourceStatuses, StatusReport

    statuses = SourceStatuses()
    forged = Status("guest:", State.REFUSED, "\x1b[2J\nforged " * 1000)
    statuses.update(codec.encode(StatusReport(1, forged)), NOW)
    shown = statuses.last("guest:")
    assert shown is not None and shown.reason.isprintable() and len(shown.reason) <= 500
