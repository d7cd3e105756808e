"""What reading the past may cost: a budget that fills by the second, and calls that spend it."""

import pytest

from tweetream.feeds.budget import OverBudget, PacedScan, ReadBudget, Scan


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def scan(clock: Clock, *, own: float = 100, of_all: float = 1000, free: int = 0, paced: bool = False) -> Scan:
    kind = PacedScan if paced else Scan
    return kind(ReadBudget(10, own, clock), ReadBudget(10, of_all, clock), filtered=True, free=free)


def test_a_call_may_overdraw_the_budget_and_the_next_one_waits() -> None:
    clock = Clock()
    budget = ReadBudget(10, 100, clock)
    assert budget.wait == 0 and budget.full
    budget.spend(150)
    assert budget.wait == pytest.approx(5.1) and not budget.full
    clock.now = 5.2
    assert budget.wait == 0
    clock.now = 1e6
    assert budget.full


def test_a_call_that_may_not_begin_says_for_how_long_and_for_whom() -> None:
    clock = Clock()
    alone, together = scan(clock), scan(clock, own=1000, of_all=100)
    for one, everywhere in ((alone, False), (together, True)):
        one.begin()
        one.spend([1] * 150)
        one.begin()  # never refused halfway
        one._spent = 0  # the next call
        with pytest.raises(OverBudget) as raised:
            one.begin()
        assert raised.value.everywhere is everywhere and raised.value.wait == pytest.approx(5.1)


def test_large_records_cost_more_and_the_first_units_may_be_free() -> None:
    clock = Clock()
    one = scan(clock, free=50)
    one.spend([0] * 40)
    assert one._own.wait == 0 and one._own.full
    one.spend([1024 * 99])
    assert one._own._now() == 100 - (40 + 100 - 50)


def test_a_stream_is_slowed_down_and_never_refused() -> None:
    one = scan(Clock(), paced=True)
    one.spend([1] * 200)
    one._spent = 0
    one.begin()
    assert one.wait > 0


def test_records_of_a_ring_cost_a_tenth() -> None:
    one = scan(Clock(), paced=True)
    one.spend_ringed(9)
    assert one._own.full
    one.spend_ringed(1000)
    assert one.wait > 0 and one._own._now() == 0 < one._of_all._now()
