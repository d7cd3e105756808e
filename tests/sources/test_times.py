"""A time is read as it was meant, or is unknown: no time is made up."""

import time
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetream.sources.times import day_comes_first, read_time

OCTOBER = 1477423316000  # 2016-10-25 19:21:56 UTC
MINUTE, DAY = 1477423260000, 1477353600000


@pytest.mark.parametrize(
    "value, moment",
    [
        ("Mon Apr 06 22:19:45 PDT 2009", 1239081585000),
        ("2020-03-14 22:37:36 UTC", 1584225456000),
        ("25/10/2016 19.21", MINUTE),
        ("1477423316.0", OCTOBER),
        ("Tue, 25 Oct 2016 19:21:56 GMT", OCTOBER),
        ("Tue, 25 Oct 2016 19:21:56 +0700", OCTOBER - 7 * 3_600_000),
        ("25 Oct 16 14:21:56 EST", OCTOBER),
        ("Tue Oct 25 19:21:56 2016", OCTOBER),
        ("2016-10-26 02:21:56 +0700 WIB", OCTOBER),
        ("7:21 PM - 25 Oct 2016", MINUTE),
        ("Wed Oct  5 19:21:56 2016", OCTOBER - 20 * 86_400_000),
        ("Tue Oct 25 19:21:56 +0000 2016", OCTOBER),
        *((kind(OCTOBER // 1000 * scale), OCTOBER) for kind in (int, str) for scale in (1, 10**3, 10**6, 10**9)),
        (1477423316.25, OCTOBER + 250),
        ("1.47E+12", 1470000000000),
        (1.47e12, 1470000000000),
        (42668, DAY),
        ("42668.5", DAY + 43_200_000),
        ("42668,5", DAY + 43_200_000),
        ("20161025", DAY),
        (20161025, DAY),
        ("20161025192156", OCTOBER),
        ("201610251921", MINUTE),
        ("20161025T192156Z", OCTOBER),
        ("2016-10-25T19:21:56.000Z", OCTOBER),
        ("2016-10-25 19:21:56+00:00", OCTOBER),
        ("2016-10-26 02:21:56 +0700", OCTOBER),
        ("2016-10-25T19:21:56.123456789Z", OCTOBER + 123),
        ("2016-10-25 19.21", MINUTE),
        ("2016-10-26T02:21:56+07:00[Asia/Jakarta]", OCTOBER),
        (f"/Date({OCTOBER})/", OCTOBER),
        ("2016/10/25 19:21:56", OCTOBER),
        ("2016-10-25", DAY),
        ("2016年10月25日 19:21", MINUTE),
        ("10/25/2016 7:21 PM", MINUTE),
        ("10/25/16 19:21", MINUTE),
        ("25.10.2016, 19:21:56", OCTOBER),
        ("04.03.2016", 1457049600000),
        ("03/03/2016", 1456963200000),
        ("25-Oct-16", DAY),
        ("25-Oct-16 07.21.56.000 PM", OCTOBER),
        ("25/Oct/2016:19:21:56 +0000", OCTOBER),
        ("7:21 PM · Oct 25, 2016", MINUTE),
        ("October 25th, 2016 at 07:21PM", MINUTE),
        ("Rabu, 26 Oktober 2016 pukul 02.21 WIB", MINUTE),
        ("Wed Oct 26 2016 02:21:56 GMT+0700 (Western Indonesia Time)", OCTOBER),
        ({"$date": "2016-10-25T19:21:56Z"}, OCTOBER),
        ({"$date": {"$numberLong": str(OCTOBER)}}, OCTOBER),
        ({"$numberLong": str(OCTOBER)}, OCTOBER),
        (datetime(2016, 10, 25, 19, 21, 56), OCTOBER),
        (datetime(2016, 10, 26, 2, 21, 56, tzinfo=timezone(timedelta(hours=7))), OCTOBER),
        (date(2016, 10, 25), DAY),
    ],
)
def test_a_time_is_read_in_every_form(value: object, moment: int) -> None:
    assert read_time(value) == moment


@pytest.mark.parametrize(
    "value",
    ["", "yesterday", "1 hour ago", "19:21", "May", "May 2016", "2016", "Oct 25", "25 Oct 19:21", "Oct 12 11 10:00"]
    + ["2016-13-45", "31/02/2016", "10/25/2016 13:21 PM", "16-10-25", "Mon Apr 06 22:19:45 XYZ 2009", "25 Foo 2016"]
    + ["25-26 Oct 2016", "10 25 Oct 2016", "5 - 25 Oct 2016", "1/25 Oct 2016"]
    + ["2020-03-14 22:37:36 IST", "0", "-5", "nan", "inf", "9" * 5000, "1e999", 0, -1, 10**400, True, None, [], {}]
    + [float("nan"), float("inf"), {"$date": None}, {"$date": {"$date": {"$date": {}}}}, "2016-10-25T19:21:56 XYZ"],
)
def test_a_time_that_cannot_be_read_is_unknown(value: object) -> None:
    assert read_time(value) is None


def test_day_and_month_are_told_apart_by_the_file_and_not_by_a_guess() -> None:
    assert read_time("03/04/2016") is None
    assert read_time("03/04/2016", True) == 1459641600000 and read_time("03/04/2016", False) == 1457049600000
    assert read_time("25/10/2016", False) is None  # the file has decided
    assert day_comes_first(["03/04/2016", None, 5, "x", "25/10/2016 19.21"]) is True
    assert day_comes_first(["03/04/2016", "10/25/16"]) is False
    assert day_comes_first(["03/04/2016", "2016-10-25", "25.10.2016"]) is None
    assert day_comes_first(["10/25/2016", "25/10/2016", "26/10/2016"]) is True


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.dictionaries(st.text(), inner)
)
PARTS = "Oct May 25 2016 19:21 19.21 PM +0700 WIB / - , . : T Tue 1e9 0 99999999999".split()  # noqa: SIM905


@given(
    JSON | st.lists(st.sampled_from(PARTS), max_size=9).map(" ".join) | st.lists(st.sampled_from(PARTS)).map("".join)
)
def test_no_value_raises_an_error(value: object) -> None:
    found = read_time(value)
    assert found is None or isinstance(found, int)


@given(st.datetimes(datetime(2006, 1, 2), datetime(2099, 1, 1), timezones=st.just(UTC)))
def test_each_form_of_a_time_gives_the_same(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    wanted = round(moment.timestamp() * 1000)
    for form in (
        "%a %b %d %H:%M:%S %Y",
        "%a, %d %b %Y %H:%M:%S GMT",
        "%d/%m/%Y %H.%M.%S",
        "%Y%m%d%H%M%S",
        "%d %B %Y %X",
    ):
        assert read_time(moment.strftime(form), True) == wanted, form
    assert all(read_time(wanted * scale // 1000) == wanted for scale in (1, 10**3, 10**6, 10**9))


def test_a_long_or_odd_text_takes_no_time() -> None:
    began = time.process_time()
    for text in ("(" * 100_000, " " * 100_000 + "x", "1." * 50_000, "Oct " * 30_000, "1/1/2016" + " " * 100_000):
        assert read_time(text) in (None, 1451606400000)
    assert time.process_time() - began < 0.5
