"""Budgets for reading the past: each address has one, and all together."""

import pytest

from tweetream.feeds.budget import OverBudget
from tweetream.web.limits import (
    CALLS,
    FREE_CALLS,
    FREE_UNITS,
    MAX_BUDGETS,
    OPENED,
    READ_BURST,
    ClientAddresses,
    ConnectionCounts,
    ReadLimits,
    over_budget,
)
from tweetream.web.problems import Problem


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def refused(limits: ReadLimits, client: str, *, filtered: bool = True) -> int:
    """The status of a call that begins now; 200 if it may."""
    try:
        limits.scan(client, filtered=filtered).begin()
    except OverBudget as over:
        problem = over_budget(over)
        assert int(problem.headers["Retry-After"]) >= 1
        return problem.status
    return 200


def test_one_address_is_refused_with_429_and_others_are_not() -> None:
    clock = Clock()
    limits = ReadLimits(clock)
    limits.scan("a", filtered=True).spend([1] * READ_BURST)
    assert refused(limits, "a") == 429 and refused(limits, "b") == 200
    clock.now = 1.0
    assert refused(limits, "a") == 200


def test_all_addresses_together_are_refused_with_503_and_pages_without_a_filter_are_not() -> None:
    limits = ReadLimits(Clock())
    for client in ("a", "b", "c"):
        limits.scan(client, filtered=True).spend([1] * (READ_BURST - 1))
    assert refused(limits, "d") == 503
    assert refused(limits, "d", filtered=False) == 200


def test_a_page_without_a_filter_is_free_as_long_as_it_reads_little() -> None:
    limits = ReadLimits(Clock())
    for _ in range(1000):
        limits.scan("a", filtered=False).spend([500] * FREE_UNITS)
    assert refused(limits, "a", filtered=False) == refused(limits, "a") == 200
    for _ in range(2):
        limits.scan("a", filtered=False).spend([500] * (READ_BURST // 2 + FREE_UNITS))
    assert refused(limits, "a") == refused(limits, "a", filtered=False) == 429
    assert refused(limits, "b", filtered=False) == 200


def test_pages_have_a_rate_and_free_units_a_lower_one() -> None:
    """Stops pages of old posts, or streams opened again and again, that together cost a whole core."""
    clock = Clock()
    limits = ReadLimits(clock)
    free = [limits.page("a", filtered=False).wait == 0 for _ in range(FREE_CALLS)]
    limits.scan("a", filtered=True).spend([1] * (READ_BURST + 1))
    assert all(free) and limits.page("b", filtered=False).wait == limits.stream("b", filtered=False).wait == 0
    assert limits.page("a", filtered=False).wait > 0 and limits.stream("a", filtered=False).wait > 0
    limits.stream("a", filtered=False).begin()  # waits, and is never refused
    with pytest.raises(Problem) as refused:
        for _ in range(CALLS):
            limits.page("a", filtered=True)
    assert refused.value.status == 429 and int(refused.value.headers["Retry-After"]) >= 1
    clock.now = 60.0
    assert limits.page("a", filtered=False).wait == limits.stream("a", filtered=False).wait == 0


@pytest.mark.parametrize("spent", [0, 10])
def test_addresses_do_not_accumulate(spent: int) -> None:
    clock = Clock()
    limits = ReadLimits(clock)
    for number in range(3 * MAX_BUDGETS):
        limits.scan(str(number), filtered=True).spend([1] * spent)
        clock.now += 0.01
    assert len(limits._of) <= MAX_BUDGETS + 1


def test_an_address_that_opens_and_closes_connections_in_a_loop_is_refused() -> None:
    """Stops a client whose connections are never too many at once, but cost a worker all its time."""
    counts = ConnectionCounts(1_000, 10, ClientAddresses(["10.0.0.0/8"]))
    said = [counts.refusal("192.0.2.1") for _ in range(3 * OPENED)]
    assert not any(said[:OPENED]) and any("a second" in line for line in said)
    assert not any(counts.refusal("10.0.0.1") for _ in range(3 * OPENED)), "a proxy has the connections of many clients"
    assert not counts.refusal("192.0.2.2")
