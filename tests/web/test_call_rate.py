"""How often a client may call."""

import pytest

from tweetream.web.call_rate import CallRate
from tweetream.web.problems import Problem


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(rate: CallRate, client: str, calls: int) -> int:
    """How many of so many calls are allowed."""
    allowed = 0
    for _ in range(calls):
        try:
            rate.take(client)
        except Problem as problem:
            assert problem.status == 429 and int(problem.headers["Retry-After"]) >= 1
        else:
            allowed += 1
    return allowed


def test_a_client_has_a_burst_and_then_so_many_calls_a_second() -> None:
    clock = Clock()
    rate = CallRate(10, 2.0, clock)
    assert taken(rate, "a", 100) == 10
    clock.now += 3
    assert taken(rate, "a", 100) == 6
    clock.now += 1000
    assert taken(rate, "a", 100) == 10


def test_clients_do_not_share() -> None:
    rate = CallRate(10, 2.0, Clock())
    assert taken(rate, "a", 100) == taken(rate, "b", 100) == 10


def test_the_time_to_wait_is_told() -> None:
    rate = CallRate(1, 0.1, Clock())
    rate.take("a")
    with pytest.raises(Problem, match=r"0\.1 such calls a second") as late:
        rate.take("a")
    assert late.value.headers["Retry-After"] == "10"


def test_clients_that_may_call_again_are_forgotten() -> None:
    """Stops a client with many addresses from filling the memory."""
    clock = Clock()
    rate = CallRate(5, 10.0, clock)
    for number in range(50_000):
        rate.take(str(number))
        clock.now += 0.01
    assert len(rate._full_at) < 2_000


async def test_calls_that_are_too_many_wait_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops an address with many connections from taking the loop with cheap calls."""
    rate, waits = CallRate(10, 100.0, Clock()), list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("tweetream.web.call_rate.asyncio.sleep", sleep)
    for _ in range(60):
        await rate.pace("a", 0.5)
    assert waits == pytest.approx([number / 100 for number in range(1, 51)])
    with pytest.raises(Problem, match="too many requests") as refused:
        await rate.pace("a", 0.5)
    assert refused.value.status == 429 and len(waits) == 50
    await rate.pace("b", 0.5)
    assert len(waits) == 50
