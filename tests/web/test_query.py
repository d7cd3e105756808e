"""What a query may ask for; all else is a Problem with 400."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from tweetream.feeds.record import EVERY_POST, Filter
from tweetream.models.feed import Position
from tweetream.web import query
from tweetream.web.problems import Problem


def request(text: str) -> web.Request:
    return make_mocked_request("GET", f"/?{text}")


@pytest.mark.parametrize(("text", "number"), [("", 7), ("last=1", 1), ("last=0009", 9), ("last=10", 10)])
def test_a_whole_number_within_its_bounds(text: str, number: int) -> None:
    assert query.whole_number(request(text), "last", 7, most=10, least=1) == number


@pytest.mark.parametrize("text", ["", "0", "11", "-1", "1.0", "1e1", "%D9%A1", "9" * 19])
def test_no_other_number(text: str) -> None:
    with pytest.raises(Problem) as raised:
        query.whole_number(request(f"last={text}"), "last", 7, most=10, least=1)
    assert (raised.value.status, raised.value.detail) == (400, "last is a whole number from 1 to 10")


def test_a_filter_by_label_and_score() -> None:
    assert query.post_filter(request("")) == EVERY_POST
    assert query.post_filter(request("label=traffic&min_score=0.75")) == Filter("traffic", 0.75)
    for text in ("1.1", "-0", "nan", "1e-1", ".5", "0,5", "0." + "1" * 21):
        with pytest.raises(Problem):
            query.post_filter(request(f"min_score={text}"))


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0),
        ("1480000000000", 1_480_000_000_000),
        ("2016-11-24T15:06:40Z", 1_480_000_000_000),
        ("2016-11-24T22:06:40+07:00", 1_480_000_000_000),  # its "+" arrives as a blank
        ("2016-11-24T15:06:40", 1_480_000_000_000),
        ("1900-01-01", 0),
    ],
)
def test_a_time_as_iso_8601_or_in_ms(text: str, ms: int) -> None:
    assert query.since(request(f"since={text}")) == ms


def test_no_other_time() -> None:
    assert query.since(request("")) is None
    for text in ("", "yesterday", "9" * 16, "2016-13-01"):
        with pytest.raises(Problem):
            query.since(request(f"since={text}"))


def test_positions_and_names() -> None:
    assert query.positions("a@1:2") == {"a": Position("a", "1", 2)}
    assert query.topic_name("a") == "a"
    for read, text in ((query.positions, "a@1"), (query.topic_name, "A")):
        with pytest.raises(Problem):
            read(text)


def test_a_flag_is_true_or_false_and_a_parameter_is_known_and_given_once() -> None:
    assert [query.flag(request(text), "dry_run") for text in ("", "dry_run=false", "dry_run=true")] == [0, 0, 1]
    with pytest.raises(Problem, match="dry_run is true or false"):
        query.flag(request("dry_run=1"), "dry_run")
    query.only(request("dry_run=true"), "dry_run")
    for text in ("dryrun=true", "dry_run=true&x", "dry_run=true&dry_run=true"):
        with pytest.raises(Problem) as raised:
            query.only(request(text), "dry_run")
        assert raised.value.status == 400
