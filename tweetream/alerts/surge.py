"""Whether a topic has far more posts than usual, from its counts by minute. Knows no Kafka and no clock."""

from typing import NamedTuple

from tweetream.models.alert import AlertRule
from tweetream.models.counts import Counts

HOUR = 60  # minutes: what the counts cover


class Measure(NamedTuple):
    """The posts of the last minutes, and how many there usually are in that time."""

    posts: int
    usual: float


def measure(counts: Counts, rule: AlertRule, now: int, born: int) -> Measure | None:
    """The measure at the minute `now` of a topic that was added in the minute `born` (both since 1970).

    The usual number is the mean of the rest of the last hour. None while the topic is too young to have one.
    """
    assert rule.minutes is not None
    recent = range(now - rule.minutes + 1, now + 1)  # with the minute that runs
    before = range(max(now - HOUR, born + 1), recent.start)
    if len(before) < rule.minutes:
        return None
    usual = sum(_posts(counts, rule, minute) for minute in before) / len(before) * rule.minutes
    return Measure(sum(_posts(counts, rule, minute) for minute in recent), usual)


def _posts(counts: Counts, rule: AlertRule, minute: int) -> int:
    labels = counts.minutes.get(minute, {})
    return sum(labels.values()) if rule.label is None else labels.get(rule.label, 0)


def is_surge(rule: AlertRule, measured: Measure) -> bool:
    """Whether that is a surge by the rule."""
    assert rule.least is not None and rule.factor is not None
    return measured.posts >= max(rule.least, rule.factor * measured.usual)
