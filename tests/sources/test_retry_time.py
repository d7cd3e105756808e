"""The time of the next request, as servers write it: two headers in three forms, and what an attacker may write."""

import time
from email.utils import formatdate

import pytest
from multidict import CIMultiDict

from tweetream.sources.retry_time import LONGEST, retry_time


def wait(**headers: str) -> float:
    """Seconds from now; a large negative number if the headers name no time."""
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return retry_time(named) - time.time()


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ("5", 5),
        (" 120 ", 120),
        ("1000000000", LONGEST),
        ("9" * 20, LONGEST),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST),
    ],
)
def test_a_time_is_seconds_or_a_date_and_at_most_a_day_away(after: str, seconds: float) -> None:
    assert abs(wait(retry_after=after) - seconds) < 20


@pytest.mark.parametrize(
    "after",
    [
        *("", "-5", "1e9", "5.5", "²", "٣", "inf", "nan", "9" * 5000, "soon", "\x1b[5", "0x10"),
        *("Mon, 01 Jan 99999 00:00:00 GMT", "Mon, 01 Jan 2026 99:99:99 GMT", "Mon, 99 Foo 2026"),
    ],
)
def test_anything_else_is_no_time(after: str) -> None:
    assert retry_time(CIMultiDict({"Retry-After": after})) == 0


def test_a_date_is_read_too() -> None:
    assert abs(wait(retry_after=formatdate(time.time() + 600, usegmt=True)) - 600) < 2


def test_a_date_without_a_zone_or_of_long_ago_waits_for_nothing() -> None:
    for after in ("Mon, 01 Jan 0001 00:00:00 -0000", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00"):
        assert wait(retry_after=after) < 0


def test_a_limit_counts_only_when_it_is_used_up_and_the_later_time_wins() -> None:
    later = f"{time.time() + 900:.0f}"
    assert abs(wait(x_rate_limit_reset=later) - 900) < 2
    assert abs(wait(x_ratelimit_reset=later, x_ratelimit_remaining="0", retry_after="5") - 900) < 2
    assert abs(wait(x_rate_limit_reset=later, x_rate_limit_remaining="3", retry_after="5") - 5) < 2
    assert wait(x_rate_limit_reset=later, x_rate_limit_remaining="3") < -1e6
    assert wait(x_rate_limit_reset="99999999999") <= 1, "not readable: now"
