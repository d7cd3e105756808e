"""The rule by which a topic gives alerts, and the alerts, as the records of the alerts topic have them."""

import re
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

MAX_LABEL = 100
FACTOR, MINUTES, LEAST = 3.0, 10, 10  # of a surge, by default: three times the usual in ten minutes
MOST_FACTOR, MOST_MINUTES, MOST_LEAST = 100.0, 30, 100_000  # the counts by minute cover an hour, half of it the usual
_QUIET = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


class BadAlert(ValueError):
    """A rule that no topic can have; the message gives the reason."""


class AlertRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a topic gives an alert: at `every` post, or at a `surge`. Without `label`, posts of all labels count.

    A surge is `factor` times the usual number of posts in `minutes`, and at least `least` posts. In the `quiet` hours
    of the day (`22:00-06:00`, by the clock of `zone`) there is no alert.
    """

    when: Literal["every", "surge"]
    label: str | None = None
    factor: float | None = None
    minutes: int | None = None
    least: int | None = None
    quiet: str | None = None
    zone: str = "UTC"


def check_alert(rule: AlertRule) -> AlertRule:
    """The rule with all that a surge needs. Raises BadAlert with the reason if no topic can have it."""
    if rule.label is not None and not 1 <= len(rule.label) <= MAX_LABEL:
        raise BadAlert(f"label has 1 to {MAX_LABEL} characters")
    if rule.quiet is not None and ((match := _QUIET.fullmatch(rule.quiet)) is None or match[0][:5] == match[0][6:]):
        raise BadAlert("quiet is two different times of the day, such as 22:00-06:00")
    numbers = (rule.factor, rule.minutes, rule.least)
    if rule.when == "every":
        if numbers != (None, None, None):
            raise BadAlert("factor, minutes and least belong to a surge: leave them out, or set when to surge")
        return rule
    factor, minutes, least = (
        default if given is None else given for given, default in zip(numbers, (FACTOR, MINUTES, LEAST), strict=True)
    )
    if not 1 < factor <= MOST_FACTOR:  # also refuses NaN
        raise BadAlert(f"factor is above 1, and {MOST_FACTOR:g} at most")
    if not 1 <= minutes <= MOST_MINUTES:
        raise BadAlert(f"minutes is 1 to {MOST_MINUTES}")
    if not 1 <= least <= MOST_LEAST:
        raise BadAlert(f"least is 1 to {MOST_LEAST}")
    return msgspec.structs.replace(rule, factor=float(factor), minutes=int(minutes), least=int(least))


def is_zone(name: str) -> bool:
    """Whether this machine knows the time zone. Another one may not, so the topics table may have any name."""
    if name == "UTC":  # also where the machine has no list of zones
        return True
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # KeyError: there is none of that name; the others: no name can be so
        return False
    return True


def is_quiet(rule: AlertRule, at: int) -> bool:
    """Whether a time (ms since 1970) is in the quiet hours. A zone that this machine does not know counts as UTC."""
    if rule.quiet is None:
        return False
    zone = ZoneInfo(rule.zone) if rule.zone != "UTC" and is_zone(rule.zone) else UTC
    start, end = rule.quiet.split("-")
    clock = datetime.fromtimestamp(at / 1000, zone).strftime("%H:%M")
    return start <= clock < end if start < end else clock >= start or clock < end


class Alert(msgspec.Struct, frozen=True):
    """An alert: its id, which it has for ever, and the body that the receiver gets."""

    id: str
    body: bytes
    made_at: int  # ms since 1970


class AlertState(msgspec.Struct, frozen=True):
    """How far the alerts of a feed are. `alert` is the last one: it may have been received, or not.

    `rule` names the log of the feed and the time of the rule: what follows is of these alone. Every post before
    `offset` was looked at. `surge` is the minute (since 1970) in which the present surge was found, 0 if there is none.
    """

    epoch: int
    rule: str = ""
    offset: int = -1
    surge: int = 0
    alert: Alert | None = None
