"""What is understood of a file from its begin: format, encoding, separator and columns. It is said in one line.

The choices of a person come first, then the content, then the name. Content counts more than the name: a file `.csv`
or `.txt` that holds JSON is read as JSON.
"""

import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from msgspec import Raw
from msgspec.json import Decoder

from tweetream.sources.base import SourceError
from tweetream.sources.lines import LineSplitter
from tweetream.sources.repairs import decode
from tweetream.sources.replay import columns
from tweetream.sources.replay.choices import SEPARATORS, Choices
from tweetream.sources.replay.csv_records import NoRow, records
from tweetream.sources.replay.encoding import in_one_line
from tweetream.sources.replay.files import STANDARD_INPUT
from tweetream.sources.replay.json_values import is_document, without_assignment
from tweetream.sources.replay.kinds import SUFFIXES
from tweetream.sources.times import day_comes_first, read_time

_FORMATS = {".csv": "csv", ".tsv": "csv", ".tab": "csv", ".xlsx": "xlsx", ".parquet": "parquet"}
_FORMATS |= dict.fromkeys((".jsonl", ".ndjson", ".json", ".js"), "jsonl")
_SAMPLE = 20  # records that decide the separator
_DATED = 500  # records that decide whether the day comes first
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)  # Excel takes it as the separator of the file
_OBJECT = Decoder(dict[str, Raw])
_JSON_DATE = re.compile(rb'"(\d{1,2}(?:\\?/|-)\d{1,2}(?:\\?/|-)\d{2,4}[ -.0-:A-Za-z]{0,30})"')
_JSON_TEXT = re.compile(rb'\[\s*\{\s*"|\{\s*\n\s*"')
_OUR_NAMES = {"time": "created_at"}  # as our own events call it


class Layout(NamedTuple):
    """What is understood of a file.

    The format is text, csv, jsonl (a value a line), json (a document), xlsx or parquet.
    """

    format: str
    encoding: str = "utf-8"
    separator: str = ""
    first: int = 0  # lines before the first row
    header: bool = True  # the first row has the names
    names: tuple[str, ...] = ()  # of the columns
    columns: dict[str, str] = {}  # by meaning
    day_first: bool | None = None
    unread: str = ""  # a date that cannot be read before a person says whether the day comes first
    unexpected: bool = False  # the format is another one than the name tells

    def said(self, shown: str, rows: int | None, command_line: bool = False) -> str:
        """One line for a person."""
        option = "--day-first or --no-day-first" if command_line else "?day_first=true or ?day_first=false"
        parts = [f"{meaning} from {in_one_line(column)}" for meaning, column in self.columns.items()]
        if self.day_first is not None and "time" in self.columns:
            parts.append(f"dates with the {'day' if self.day_first else 'month'} first")
        if self.unread:
            parts.append(f"no dates such as {in_one_line(self.unread)[:40]}: add {option}")
        if self.separator not in ("", ",") and len(self.names) > 1:
            name = "tab" if self.separator == "\t" else self.separator
            parts.append(f"{name} as separator")
        if not self.columns:
            parts.append({"text": "a post a line", "jsonl": "JSON, a value a line"}.get(self.format, "JSON"))
        if self.encoding != "utf-8":
            parts.append(f"{self.encoding} as encoding")
        if rows is not None:
            parts.append("1 row" if rows == 1 else f"{rows:,} rows")
        return f"{os.path.basename(shown)}: {', '.join(parts)}"

    @property
    def plain(self) -> bool:
        """Whether all is as its name tells, and each column has the name of what it holds."""
        own = all(column in (meaning, _OUR_NAMES.get(meaning)) for meaning, column in self.columns.items())
        return (
            own and self.separator in ("", ",") and self.encoding == "utf-8" and not self.unexpected and not self.unread
        )


def suffix_of(path: str) -> str:
    """The suffix of a file before that of its packing, in lower case."""
    stem, suffix = os.path.splitext(path.lower())
    return os.path.splitext(stem)[1] if suffix in SUFFIXES else suffix


def format_of(path: str, head: bytes, choices: Choices) -> tuple[str, bool]:
    """The format of a file that begins with `head`, and whether it is another one than its name tells."""
    told = choices.format or _FORMATS.get(suffix_of(path))
    if told is None:
        told = "csv" if path == STANDARD_INPUT and (choices.columns or choices.names) else choices.fallback
    if told == "jsonl" or (choices.format is None and _is_json(head)):
        found = "json" if is_document(head) else "jsonl"
        return found, told != "jsonl"
    if told in ("xlsx", "parquet"):  # it begins like neither, so it may be CSV with a wrong name
        return "csv", True
    if told == "text" and choices.format is None and _is_table(head):
        return "csv", True
    if told == "text" and (choices.columns or choices.names):
        option = choices.option("format", "csv")
        raise SourceError(f"{path}: columns are chosen, but a text file has none; if it is a table, add {option}")
    return told, False


def _is_json(head: bytes) -> bool:
    begin = without_assignment(head).lstrip()
    if _JSON_TEXT.match(begin):
        return True
    try:
        return begin.startswith(b"{") and bool(decode(_OBJECT, begin.partition(b"\n")[0]))
    except (ValueError, RecursionError):
        return False


def _is_table(head: bytes) -> bool:
    """Whether a text begins with a header that has at least two known names, as Excel's "Unicode text" does."""
    for mark in ("\t", ";", "|", ","):
        sample = list(islice(_records(head, mark), 3))
        found = columns.find([name.strip() for name in sample[0]], {}) if len(sample) > 1 else {}
        if "text" in found and len(found) > 1 and len({len(row) for row in sample}) == 1:
            return True
    return False


def of_csv(path: str, shown: str, head: bytes, choices: Choices) -> Layout:
    """The layout of a CSV file that begins with `head`. Raises SourceError if its text cannot be found."""
    marks = [choices.separator] if choices.separator else [",", ";", "\t", "|"]
    if not choices.separator and suffix_of(path) in (".tsv", ".tab"):
        marks = ["\t", ",", ";", "|"]
    first = 0
    begin = head.removeprefix(b"\xef\xbb\xbf")
    if not begin.strip():
        raise SourceError(f"{shown} is empty: give a file with posts")
    if named := _SEPARATOR_LINE.match(begin[:8].decode("utf-8", "replace")):
        first, begin = 1, begin.partition(b"\n")[2]
        if not choices.separator and named[1] in SEPARATORS.values():
            marks = [named[1]]
    while (line := begin.partition(b"\n"))[1] and line[2] and not line[0].strip():  # blank lines before the header
        first, begin = first + 1, line[2]
    mark = max(marks, key=lambda mark: _score(list(islice(_records(begin, mark), _SAMPLE)), choices))
    sample = list(islice(_records(begin, mark), _DATED))
    names = choices.names or tuple(name.strip().strip("\ufeff") for name in next(iter(sample), ()))
    rows = sample if choices.names else sample[1:]
    found = _columns(f"{shown}, line {first + 1}", names, rows, choices)
    day_first, unread = _dates(rows, names, found, choices)
    return Layout("csv", "utf-8", mark, first, not choices.names, names, found, day_first, unread)


def of_rows(path: str, format: str, rows: Sequence[Sequence[str]], choices: Choices) -> Layout:
    """The layout of a workbook or a Parquet file that begins with `rows`. Raises SourceError as above."""
    names = choices.names or tuple(name.strip() for name in (rows[0] if rows else ()))
    found = _columns(f"{path}, row 1", names, rows[not choices.names :], choices)
    unexpected = _FORMATS.get(suffix_of(path)) != format
    header = not choices.names
    day_first, unread = _dates(rows[header:], names, found, choices)
    return Layout(format, "utf-8", "", 0, header, names, found, day_first, unread, unexpected)


def _records(begin: bytes, mark: str) -> Iterator[list[str]]:
    lines = LineSplitter().feed(begin if b"\n" in begin else begin + b"\n")
    for record in records([lines], 0, mark, recover=False):  # the last may be cut
        if record is not None and not isinstance(record[2], NoRow):
            yield record[2]


def _score(sample: list[list[str]], choices: Choices) -> tuple[float, ...]:
    """How well a separator fits the begin of a file."""
    if choices.names:
        return (sum(len(fields) == len(choices.names) for fields in sample),)
    header = sample[0] if sample else []
    regular = sum(len(fields) == len(header) for fields in sample)
    return ("text" in columns.find(header, choices.columns), len(header), regular)


def _columns(where: str, names: Sequence[str], rows: Sequence[Sequence[str]], choices: Choices) -> dict[str, str]:
    found = columns.find(names, choices.columns)
    columns.check(where, names, rows, found, choices)
    return found


def day_first_in_json(head: bytes, choices: Choices) -> bool | None:
    """Whether the dates of a JSON file that begins with `head` have the day first; None if they do not show it."""
    if choices.day_first is not None:
        return choices.day_first
    return day_comes_first(found.replace(b"\\", b"").decode() for found in _JSON_DATE.findall(head))


def _dates(
    rows: Sequence[Sequence[str]], names: Sequence[str], found: dict[str, str], choices: Choices
) -> tuple[bool | None, str]:
    """Whether the day comes first, and a date that cannot be read without knowing it."""
    if choices.day_first is not None or "time" not in found:
        return choices.day_first, ""
    place = list(names).index(found["time"])
    cells = [row[place] for row in rows if len(row) > place]
    if (day_first := day_comes_first(cells)) is not None:
        return day_first, ""
    return None, next((cell for cell in cells if read_time(cell) is None and read_time(cell, True) is not None), "")
