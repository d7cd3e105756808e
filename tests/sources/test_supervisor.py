"""A supervisor connects a source again: at the right time and from the right position. Time passes only in sleep()."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest
from typing_extensions import override

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import Chunk, Disconnected, FailureKind, SourceError
from tweetream.sources.status import State, Status
from tweetream.sources.supervisor import LONGEST, MAX_NOT_BEFORE, STABLE, Supervisor

NOW = 1_800_000_000.0
Step = Chunk | Exception | Callable[[], None]


def chunk(*ids: int, position: str = "") -> Chunk:
    return Chunk([Post(f"x:{i}", "x", "text", 1, 1) for i in ids], position)


class World:
    """A source with scripted connections, its supervisor, and a clock that only they advance."""

    def __init__(self, *connections: Sequence[Step], chance: float = 0.0, last: Status | None = None) -> None:
        self.url, self.unpaced = "test:", False
        self.now, self.waits, self.states = 0.0, list[float](), list[State]()
        self.begun_at, self.taken = list[str | None](), list[Chunk]()
        self._script = list(connections)
        self.supervisor = Supervisor(
            self,
            last=last,
            changed=lambda: self.states.append(self.supervisor.status.state),
            clock=lambda: self.now,
            wall=lambda: NOW + self.now,
            sleep=self._sleep,
            chance=lambda: chance,
        )

    def check(self) -> None: ...

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        self.begun_at.append(position)
        for step in self._script.pop(0):
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Chunk):
                yield step
            else:
                step()

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def passes(self, seconds: float) -> Callable[[], None]:
        def step() -> None:
            self.now += seconds

        return step

    async def run(self, position: str | None = None) -> Status:
        async def take(given: Chunk) -> None:
            self.taken.append(given)

        await self.supervisor.run(position, take)
        return self.supervisor.status


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FailureKind.NETWORK, [0.25, 0.5, 0.75, 1.0]),
        (FailureKind.HTTP, [5, 10, 20, 40]),
        (FailureKind.RATE, [60, 120, 240, 480]),
    ],
)
async def test_each_kind_of_failure_has_its_own_waits_and_their_limit(kind: FailureKind, expected: list[float]) -> None:
    world = World(*([Disconnected("over", kind)] for _ in range(80)), [])
    assert (await world.run()).reconnects == 80
    assert world.waits[:4] == expected and world.waits[-1] == LONGEST[kind] == max(world.waits)


async def test_each_kind_of_failure_is_counted_separately() -> None:
    kinds = [FailureKind.HTTP, FailureKind.NETWORK, FailureKind.HTTP, FailureKind.NETWORK, FailureKind.RATE]
    world = World(*([Disconnected("over", kind)] for kind in kinds), [])
    await world.run()
    assert world.waits == [5, 0.25, 10, 0.5, 60]


async def test_waits_are_spread_by_a_fifth_and_never_shorter() -> None:
    world = World([Disconnected("over", FailureKind.HTTP)], [], chance=0.5)
    await world.run()
    assert world.waits == [pytest.approx(5.5)]


async def test_it_waits_as_long_as_the_network_asks_but_an_hour_at_most() -> None:
    world = World(
        [Disconnected("later", FailureKind.RATE, NOW + 300)],
        [Disconnected("that is over", FailureKind.RATE, NOW - 5)],
        [Disconnected("misread", FailureKind.RATE, NOW * 1000)],
        [],
    )
    await world.run()
    assert world.waits == [300, 120, MAX_NOT_BEFORE]


async def test_while_it_waits_its_status_has_the_reason_and_the_time() -> None:
    seen: list[Status] = []
    world = World([chunk(1), Disconnected("the line broke")], [chunk(2)])
    world.supervisor._changed = lambda: seen.append(world.supervisor.status)
    await world.run()
    waits = [status for status in seen if status.state is State.BACKING_OFF]
    assert [(s.reason, s.retry_at) for s in waits] == [("the line broke", round((NOW + 0.25) * 1000))]
    again = seen[seen.index(waits[0]) + 1 :]
    assert [(s.state, s.reason) for s in again[:2]] == [(State.CONNECTING, "the line broke"), (State.STREAMING, "")]
    assert all(s.retry_at is None for s in again)


async def test_a_stable_connection_resets_the_failures_and_a_short_one_does_not() -> None:
    world = World()
    over = Disconnected("over")
    short, long = world.passes(STABLE - 1), world.passes(STABLE)
    world._script = [[over], [over], [chunk(1), short, over], [chunk(2), long, over], [over], [long, over], []]
    await world.run()
    # The last connection was long but gave nothing, so it was never stable.
    assert world.waits == [0.25, 0.5, 0.75, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("connected", [True, False])
async def test_a_refused_source_is_not_tried_again(connected: bool) -> None:
    world = World([*([chunk()] if connected else []), SourceError("401: make a new token")])
    status = await world.run()
    assert (status.state, status.reason, status.reconnects) == (State.REFUSED, "401: make a new token", 0)
    assert not world.waits and status.retry_at is None


async def test_a_source_that_has_ended_is_not_started_again() -> None:
    world = World([chunk(1, position="1")])
    status = await world.run()
    assert status.state is State.ENDED and world.states == [State.CONNECTING, State.STREAMING, State.ENDED]
    assert len(world.begun_at) == 1


async def test_it_goes_on_after_the_last_position() -> None:
    over = Disconnected("over")
    world = World([over], [chunk(1, position="a"), chunk(2, position="b"), over], [chunk(), over], [chunk(3)])
    await world.run("inherited")
    assert world.begun_at == ["inherited", "inherited", "b", "b"]
    # A chunk without a position does not delete the stored one.
    assert [given.position for given in world.taken] == ["a", "b", "b"]


async def test_a_position_that_was_never_given_is_none() -> None:
    world = World([chunk(1), Disconnected("over")], [])
    await world.run("")
    assert world.begun_at == [None, None]


async def test_an_empty_chunk_is_passed_on_only_with_a_new_position_or_counts() -> None:
    counted = Chunk([], "b", Counter({Drop.LANGUAGE: 3}))
    world = World([chunk(), chunk(position="a"), chunk(position="a"), counted])
    await world.run()
    assert [given.position for given in world.taken] == ["a", "b"] and world.states[1] is State.STREAMING


async def test_a_retraction_is_passed_on_with_any_chunk() -> None:
    world = World([chunk(1, position="a"), Chunk([], "a", retracted=["x:1"])])
    await world.run()
    assert [given.retracted for given in world.taken] == [[], ["x:1"]]


@pytest.mark.parametrize("final", [True, False])
async def test_the_reason_is_one_line_without_a_password(final: bool, caplog: pytest.LogCaptureFixture) -> None:
    why = "no posts from\nhttps://me:hunter2@host/x, nor http://hunter2@there " + "x" * 5000
    world = World([SourceError(why) if final else Disconnected(why)], [])
    shown: list[Any] = []
    changed = world.supervisor._changed

    def note() -> None:
        changed()
        shown.append(world.supervisor.status.reason)

    world.supervisor._changed = note
    await world.run()
    reason = max(shown, key=len)
    assert reason.startswith("no posts from https://host/x, nor http://there x") and len(reason) < 1000
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("error", [ValueError("no number"), KeyError("x"), RecursionError(), StopAsyncIteration()])
async def test_a_source_that_raises_any_error_is_started_again_and_stops_no_other(error: Exception) -> None:
    connections: list[list[Step]] = [[chunk(n, position=str(n)), error] for n in range(3)]
    broken = World(*connections, [])
    sound = World([chunk(*range(5))])
    async with asyncio.TaskGroup() as sources:
        sources.create_task(sound.run())
        status = await sources.create_task(broken.run())
    assert status.state is State.ENDED and sound.supervisor.status.posts == 5
    assert broken.waits == [5, 10, 20] and broken.begun_at == [None, "0", "1", "2"]


async def test_an_error_of_the_consumer_ends_the_run_and_closes_the_source() -> None:
    closed: list[bool] = []

    class Source(World):
        @override
        async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
            try:
                while True:
                    yield chunk(1)
            finally:
                closed.append(True)

    async def take(given: Chunk) -> None:
        raise OSError("the disk is full")

    world = Source()
    with pytest.raises(OSError, match="the disk is full"):
        await world.supervisor.run(None, take)
    assert closed == [True] and not world.waits


async def test_a_source_that_fails_to_close_can_still_be_stopped(caplog: pytest.LogCaptureFixture) -> None:
    class Source(World):
        @override
        async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
            try:
                yield chunk(1)
            finally:
                raise ValueError("closing goes wrong")

    taking = asyncio.Event()

    async def take(given: Chunk) -> None:
        taking.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(Source().supervisor.run(None, take))
    await taking.wait()
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled() and "failed when it was closed" in caplog.text


async def test_posts_a_minute_are_those_of_the_last_minute_and_posts_are_all() -> None:
    world = World()
    per_minute: list[int] = []

    def note() -> None:
        per_minute.append(world.supervisor.status.posts_per_minute)

    seconds: list[Step] = [step for n in range(90) for step in (chunk(2 * n, 2 * n + 1), world.passes(1))]
    world._script = [[*seconds, note, world.passes(31), note, world.passes(30), note]]
    status = await world.run()
    assert status.posts == 180 and per_minute == [120, 58, 0]
    assert status.last_post_at == round((NOW + 89) * 1000)


async def test_it_goes_on_with_the_counts_of_the_worker_before() -> None:
    last = Status("test:", State.BACKING_OFF, "over", posts=7, last_post_at=5, reconnects=3, retry_at=9, time_unknown=2)
    untimed = Chunk([Post("x:1", "x", "text", None, 1)], "1")
    world = World([Disconnected("over")], [untimed], last=last)
    first = world.supervisor.status
    assert (first.state, first.reason, first.retry_at) == (State.CONNECTING, "", None)
    assert (first.posts, first.last_post_at, first.reconnects) == (7, 5, 3)
    status = await world.run()
    assert (status.posts, status.reconnects, status.time_unknown) == (8, 4, 3)


async def test_repeated_failures_are_logged_more_and_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    world = World(*([Disconnected("away")] for _ in range(40)), [])
    await world.run()
    said = [record.getMessage() for record in caplog.records]
    assert [line.partition("failure ")[2].split()[0] for line in said] == ["1", "2", "4", "8", "16", "32"]
    assert all(line.startswith("test:: away; again in ") for line in said)


async def test_a_source_is_not_refused_because_this_machine_has_no_files_left() -> None:
    try:
        try:
            raise OSError(24, "Too many open files")
        except OSError:
            raise SourceError("posts.txt: cannot be read (Too many open files)") from None
    except SourceError as error:
        lacking = error
    world = World([lacking], [chunk(1)])
    await world.run()
    assert [len(taken.posts) for taken in world.taken] == [1] and State.REFUSED not in world.states
