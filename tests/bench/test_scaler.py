"""The scaler of bench/autoscale.py decides as deploy/kubernetes/keda/scaler.yaml says."""

import sys

from support.paths import ROOT

sys.path.insert(0, str(ROOT / "bench"))
from scaler import Direction, Rules, Scaler  # noqa: E402

POSTS, TAGGED = "tweetream-posts", "tweetream-tagged"


def rules(up: float = 0, down: float = 0) -> Rules:
    """Thresholds of 200 records, and as many steps at once as it takes."""
    return Rules(1, 8, {POSTS: 200, TAGGED: 200}, Direction(up, 8, 1), Direction(down, 8, 1), 1)


def test_the_file_of_the_deployment_is_what_it_goes_by() -> None:
    found = Rules.read()
    assert (found.least, found.most, found.thresholds) == (1, 8, {POSTS: 200, TAGGED: 200})
    assert found.up == Direction(30, 2, 60) and found.down == Direction(300, 1, 120)
    assert Rules.read(pace=10).down == Direction(30, 1, 12)


def test_the_topic_that_lags_most_decides_within_the_bounds() -> None:
    scaler = Scaler(rules(), 1)
    assert scaler.wanted({POSTS: 0, TAGGED: 0, "other": 10**6}) == 1
    assert scaler.wanted({POSTS: 401, TAGGED: 900}) == 5
    assert scaler.wanted({POSTS: 10**6, TAGGED: 0}) == 8
    assert scaler.wanted({POSTS: 215, TAGGED: 0}) == 1, "so little changes nothing"


def test_it_goes_up_when_the_lag_has_lasted_and_down_when_it_is_long_gone() -> None:
    scaler = Scaler(rules(up=30, down=300), 1)
    assert [scaler.decide(at, {POSTS: lag, TAGGED: 0}) for at, lag in ((0, 0), (10, 900), (20, 900))] == [1, 1, 1]
    assert scaler.decide(41, {POSTS: 900, TAGGED: 0}) == 5
    assert scaler.decide(50, {POSTS: 0, TAGGED: 0}) == scaler.decide(340, {POSTS: 0, TAGGED: 0}) == 5
    assert scaler.decide(342, {POSTS: 0, TAGGED: 0}) == 1


def test_no_more_come_or_go_within_a_period_than_the_policy_allows() -> None:
    scaler = Scaler(Rules(1, 8, {POSTS: 200}, Direction(0, 2, 60), Direction(0, 1, 120), 10), 1)
    assert [scaler.decide(at, {POSTS: 10**6}) for at in (0, 10, 59, 61, 122)] == [3, 3, 3, 5, 7]
    assert [scaler.decide(at, {POSTS: 0}) for at in (300, 310, 421)] == [6, 6, 5]
