"""A surge is far more posts than usual, by the counts of the last hour."""

import pytest

from tweetream.alerts.surge import Measure, is_surge, measure
from tweetream.models.alert import AlertRule, check_alert
from tweetream.models.counts import Counts

NOW = 29_000_000
RULE = check_alert(AlertRule("surge", "traffic"))


def counts(usual: int, recent: int) -> Counts:
    """So many posts a minute before the last ten, and in them."""
    numbers = {NOW - ago: recent if ago < 10 else usual for ago in range(61)}
    return Counts(minutes={minute: {"traffic": number, "talk": 7} for minute, number in numbers.items()})


def test_the_last_minutes_are_compared_with_the_rest_of_the_hour() -> None:
    assert measure(counts(2, 6), RULE, NOW, 0) == Measure(60, 20.0)
    assert measure(counts(2, 6), check_alert(AlertRule("surge")), NOW, 0) == Measure(130, 90.0), "of any label"
    assert measure(Counts(), RULE, NOW, 0) == Measure(0, 0.0)


def test_a_young_topic_has_no_usual_number_until_it_is_twice_as_old_as_the_window() -> None:
    assert measure(counts(2, 6), RULE, NOW, NOW - 19) is None
    assert measure(counts(2, 6), RULE, NOW, NOW - 20) == Measure(60, 20.0)
    assert measure(counts(2, 6), RULE, NOW, NOW + 5) is None, "a clock that was ahead"


@pytest.mark.parametrize(
    ("posts", "usual", "expected"),
    [(30, 10.0, True), (29, 10.0, False), (10, 0.0, True), (9, 0.0, False), (10, 3.3, True), (10, 3.4, False)],
)
def test_it_is_a_surge_from_the_factor_and_the_least_number_on(posts: int, usual: float, expected: bool) -> None:
    assert is_surge(RULE, Measure(posts, usual)) is expected
