"""A rule for alerts is complete and possible, or it is refused with the reason."""

from datetime import datetime
from typing import Any

import pytest

from tweetream.models.alert import AlertRule, BadAlert, check_alert, is_quiet, is_zone

BAD_HOURS = (
    "",
    "22:00",
    "22:00-22:00",
    "24:00-06:00",
    "22:60-06:00",
    "2:00-6:00",
    "22:00-06:00\n",
    "\u0662\u0662:00-06:00",
)


def test_a_surge_is_three_times_the_usual_in_ten_minutes_unless_the_rule_says_otherwise() -> None:
    rule = check_alert(AlertRule("surge"))
    assert (rule.factor, rule.minutes, rule.least) == (3.0, 10, 10)
    assert check_alert(rule) == rule
    own = AlertRule("surge", "traffic", 1.5, 30, 1, "22:00-06:00", "Asia/Jakarta")
    assert check_alert(own) == own
    assert check_alert(AlertRule("every", "traffic", quiet="06:00-05:59")).factor is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"when": "every", "factor": 3.0}, "belong to a surge"),
        ({"when": "every", "least": 1}, "belong to a surge"),
        *(({"factor": factor}, "factor") for factor in (1.0, 0.0, -3.0, 100.1, float("nan"), float("inf"))),
        *(({"minutes": minutes}, "minutes") for minutes in (0, -1, 31)),
        *(({"least": least}, "least") for least in (0, -1, 100_001)),
        *(({"label": label}, "label") for label in ("", "x" * 101)),
        *(({"quiet": quiet}, "quiet") for quiet in BAD_HOURS),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused_with_the_field_that_is_wrong(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadAlert, match=reason):
        check_alert(AlertRule(**{"when": "surge", **fields}))


def test_a_zone_is_a_name_and_never_a_file() -> None:
    assert is_zone("UTC") and is_zone("Asia/Jakarta")
    for name in ("", "Mars/Base", "../../etc/passwd", "/etc/localtime", "x" * 300, "Asia", "a\x00b"):
        assert not is_zone(name)


@pytest.mark.parametrize(
    ("quiet", "zone", "clock", "expected"),
    [
        (None, "UTC", "2026-11-28T23:00+00:00", False),
        ("22:00-06:00", "UTC", "2026-11-28T21:59:59+00:00", False),
        ("22:00-06:00", "UTC", "2026-11-28T22:00+00:00", True),
        ("22:00-06:00", "UTC", "2026-11-28T05:59:59+00:00", True),
        ("22:00-06:00", "UTC", "2026-11-28T06:00+00:00", False),
        ("12:00-13:00", "UTC", "2026-11-28T12:30+00:00", True),
        ("12:00-13:00", "UTC", "2026-11-28T13:00+00:00", False),
        ("22:00-06:00", "Asia/Jakarta", "2026-11-28T22:00+07:00", True),
        ("22:00-06:00", "Asia/Jakarta", "2026-11-28T22:00+00:00", True),
        ("22:00-06:00", "Asia/Jakarta", "2026-11-28T23:00+00:00", False),
        ("22:00-06:00", "Not/Here", "2026-11-28T23:00+00:00", True),
        ("02:30-03:30", "Europe/Berlin", "2026-03-29T01:15+00:00", True),  # 03:15 after the clock was put forward
    ],
)
def test_quiet_hours_go_by_the_clock_of_their_zone(quiet: str | None, zone: str, clock: str, expected: bool) -> None:
    at = round(datetime.fromisoformat(clock).timestamp() * 1000)
    assert is_quiet(AlertRule("every", quiet=quiet, zone=zone), at) is expected
