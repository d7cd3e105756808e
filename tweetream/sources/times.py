"""Reads the time of a post, in any form that networks, libraries and spreadsheets write it.

`read_time(value, day_first)` gives milliseconds since 1970, or None for what cannot be read. `day_comes_first(values)`
decides for a whole file how its `03/04/2016` are meant; without that decision such a date cannot be read.

It reads ISO 8601, RFC 2822, ctime, dates in digits, dates with an English or Indonesian month, Excel's serial dates,
and the time since 1970 in s, ms, µs or ns. A time without a zone is in UTC. Nothing is guessed: an unknown word or
zone, or a date without its year, makes a time unreadable.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

from tweetream.sources.fields import unwrapped

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 80  # characters
_MS = timedelta(milliseconds=1)
_DAY = 86_400_000

_ZONES = {name: hours * 3600 for names, hours in (
    ("UT UTC GMT Z WET", 0), ("CET WEST", 1), ("CEST EET", 2), ("EEST MSK", 3), ("WIB", 7), ("WITA SGT MYT HKT PHT", 8),
    ("WIT JST KST", 9), ("AEST", 10), ("AEDT", 11), ("EDT", -4), ("EST CDT", -5), ("CST MDT", -6), ("MST PDT", -7),
    ("PST AKDT", -8), ("AKST", -9), ("HST", -10),
) for name in names.split()}  # fmt: skip
_MONTHS = {name: english for english, names in {
    "Jan": "jan january januari", "Feb": "feb february februari peb pebruari", "Mar": "mar march maret",
    "Apr": "apr april", "May": "may mei", "Jun": "jun june juni", "Jul": "jul july juli",
    "Aug": "aug august agu ags agt agustus", "Sep": "sep sept september", "Oct": "oct october okt oktober",
    "Nov": "nov november nop nopember", "Dec": "dec december des desember",
}.items() for name in names.split()}  # fmt: skip
_NUMBERS = {english: number for number, english in enumerate(dict.fromkeys(_MONTHS.values()), 1)}
_SILENT = frozenset("""
    mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun sunday
    senin sen selasa sel rabu rab kamis kam jumat jum sabtu sab minggu min at on of th st nd rd pukul jam t
""".split())  # fmt: skip  # noqa: SIM905

_DIGITS = re.compile(r"\d+(?:[.,]\d*)?(?:[eE]\+?\d{1,3})?", re.ASCII)
# Wed Oct 10 20:19:24 +0000 2018, as X writes it; much the most common form after ISO 8601
_X = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d) (\d\d:\d\d:\d\d) ([+-]\d{4}) (\d{4})", re.ASCII)
# 2016/10/25, 25-10-2016 19:21, 10/25/16 7:21:56 PM +0700; a clock may have full stops, as in Indonesia
_DATE = re.compile(
    r"(\d{4}|\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{1,2})"
    r"(?:[\sT,]+(\d{1,2})[:.](\d\d)(?:[:.](\d\d)(?:[.,](\d{1,9}))?)?\s*(?:([AaPp])\.?[Mm]\.?)?)?"
    r"\s*([+-]\d\d?:?(?:\d\d)?|[A-Za-z]{1,5})?",
    re.ASCII,
)
_WRAPPED = re.compile(r"/Date\((\d+)\)/|(.*\d[Z\d])\[[A-Za-z/_]+\]")  # as .NET and Java write it
_WORD = re.compile(r"[^\W\d_]+")
_CLOCK = re.compile(r"(?<![\d.])(\d{1,2})\.(\d\d)(?:\.(\d\d))?(?![\d:])", re.ASCII)
_YEAR = re.compile(r"(?<!\d)(?:19|20|21)\d\d(?![\d:])|^\d{1,2}[ -][A-Z][a-z]{2}[ -]\d\d(?![\d:])", re.ASCII)


def read_time(value: object, day_first: bool | None = None) -> int | None:
    """A time in ms since 1970; None if it cannot be read. `day_first` says what the 3 of 03/04/2016 is."""
    if isinstance(value, str) and value[4:5] == "-" and value[13:14] != ".":  # ISO 8601, as most write it
        try:
            return _ms(datetime.fromisoformat(value))
        except ValueError:
            pass
    value = unwrapped(value)
    try:
        if isinstance(value, str):
            return _from_text(value.strip(), day_first)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _from_number(value)
        if isinstance(value, datetime):
            return _ms(value)
        if isinstance(value, date):
            return _ms(datetime(value.year, value.month, value.day))
    except (ValueError, OverflowError):
        pass
    return None


def day_comes_first(values: Iterable[object]) -> bool | None:
    """Whether the dates of a file are written day/month or month/day; None if they do not show it.

    A number over 12 shows it. If the dates contradict one another, the greater part decides.
    """
    votes = 0
    for value in values:
        found = _DATE.match(value.strip()[:_LONGEST]) if isinstance(value, str) else None
        if found and len(found[1]) < 4 and found[2] != ".":
            votes += (int(found[1]) > 12) - (int(found[3]) > 12)
    return votes > 0 if votes else None


def _ms(moment: datetime) -> int:
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MS


def _from_text(text: str, day_first: bool | None) -> int | None:
    if _DIGITS.fullmatch(text, 0, _LONGEST):
        return _from_number(int(text) if text.isdigit() else float(text.replace(",", ".")))
    if text[13:14] != ".":  # it takes the 21 of 19.21 for a fraction
        try:
            return _ms(datetime.fromisoformat(text))
        except ValueError:
            pass
    if found := _X.fullmatch(text):
        month, day, clock, zone, year = found.groups()
        return _ms(datetime.fromisoformat(f"{year}-{_NUMBERS.get(month, 0):02}-{day}T{clock}{zone}"))
    return _from_words(text, day_first) if len(text) <= _LONGEST else None


def _from_number(number: float) -> int | None:
    """Excel's serial date, digits of a date, or the time since 1970: only one of these is after 2005 for a number."""
    if not 38_000 < number < 1e20:  # nan too
        return None
    if number < 100_000:
        return round((number - 25_569) * _DAY)  # days since 30 December 1899
    for digits, low, high in (("%Y%m%d", 2e7, 1e8), ("%Y%m%d%H%M", 2e11, 2.2e11), ("%Y%m%d%H%M%S", 2e13, 1e14)):
        if low <= number < high:
            return _ms(datetime.strptime(str(int(number)), digits))
    if number < 1e11:
        return round(number * 1000)
    scale = 1 if number < 1e14 else 1000 if number < 1e17 else 1_000_000
    return int(number // scale)


@lru_cache(maxsize=4096)  # the lines of a spreadsheet have the same minutes
def _from_words(text: str, day_first: bool | None) -> int | None:
    if found := _WRAPPED.fullmatch(text):
        return _from_text(found[1] or found[2], day_first)
    text = re.sub(r"\([^()]*\)", "", text).strip()  # (Western Indonesia Time)
    text = re.sub(r"^(\d{4})年(\d\d?)月(\d\d?)日", r"\1-\2-\3", text)
    text = re.sub(r"^(\d\d?/[A-Za-z]{3}/\d{4}):", r"\1 ", text)  # a web server's log
    text = re.sub(r"(?:UTC|GMT)\s*(?=[+-]\d)", "", text)
    text = re.sub(r"([+-]\d{4}) [A-Z]{2,5}$", r"\1", text)  # as Go writes it: the zone's name after its offset
    text = re.sub(r"(:\d\d(?: [AaPp][Mm])?) - (?=\d)", r"\1 ", text)  # 7:21 PM - 25 Oct 2016, of X's old page
    found = _DATE.fullmatch(text)
    return _ms(_in_digits(found, day_first)) if found else _with_month(text)


def _in_digits(found: re.Match[str], day_first: bool | None) -> datetime:
    first, mark, second, last, hour, minute, seconds, fraction, half, zone = found.groups()
    if len(first) == 4:
        year, month, day = int(first), int(second), int(last)
    else:
        if day_first is None:
            if mark != "." and int(first) <= 12 and int(second) <= 12 and first != second:
                raise ValueError("day or month")
            day_first = mark == "." or int(first) > 12 or first == second
        day, month = (int(first), int(second)) if day_first else (int(second), int(first))
        if len(last) not in (2, 4) or (mark == "-" and len(last) == 2):  # 16-10-25 may begin with the year
            raise ValueError("no year")
        year = int(last) + 2000 * (len(last) == 2)
    hours = int(hour or 0)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError("no hour")
        hours = hours % 12 + 12 * (half in "pP")
    micros = int((fraction or "0").ljust(6, "0")[:6])
    return datetime(year, month, day, hours, int(minute or 0), int(seconds or 0), micros, tzinfo=_zone(zone))


def _zone(written: str | None) -> timezone:
    if not written:
        return UTC
    if written[0] not in "+-":
        if written.upper() not in _ZONES:
            raise ValueError("unknown zone")
        return timezone(timedelta(seconds=_ZONES[written.upper()]))
    hours, minutes = re.fullmatch(r"(\d\d?):?(\d\d)?", written[1:]).groups()  # type: ignore[union-attr]
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(-offset if written[0] == "-" else offset)


def _with_month(text: str) -> int | None:
    """A date with the name of its month. dateutil fills in what is missing, so nothing may be missing."""
    from dateutil import parser  # it takes 20 ms to import, and few files need it

    months = 0

    def known(found: re.Match[str]) -> str:
        nonlocal months
        word = found[0].lower()
        if word in _MONTHS:
            months += 1
            return _MONTHS[word]
        if word in ("am", "pm") or word.upper() in _ZONES:
            return word.upper()
        if word not in _SILENT:
            raise ValueError("unknown word")
        return " "

    text = " ".join(_WORD.sub(known, text.replace("'", "").replace("·", " ")).split())
    text = _CLOCK.sub(lambda clock: ":".join(filter(None, clock.groups())), text)
    year = _YEAR.search(text)
    if months != 1 or not year or not re.search(r"(?<![\d:])\d{1,2}(?![\d:])", text):
        return None
    try:
        found = parser.parse(text, default=datetime(2000, 1, 1), tzinfos=_ZONES, dayfirst=True)
        # Of 25-26 Oct 2016 it makes 2025, at 20:16.
        return _ms(found) if len(year[0]) != 4 or int(year[0]) == found.year else None
    except (ValueError, OverflowError, TypeError, ArithmeticError, LookupError):  # its own errors on odd texts
        return None
