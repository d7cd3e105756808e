"""The records of a CSV file, from its lines, with a limit on the length of a record.

Bytes that are not UTF-8 stay in the fields as surrogates, as Python's `surrogateescape` writes them.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tweetream.models.drop import Drop
from tweetream.sources.base import MAX_LINE
from tweetream.sources.lines import without_cr


class NoRow(NamedTuple):
    """A record without fields: why, and its bytes, None if it is too long."""

    reason: Drop
    raw: bytes | None


CsvRecord = tuple[int, int, list[str] | NoRow]  # the numbers of its first and last line, and its fields

# A field and the separator after it. It decides where a record ends and what is malformed: the module csv cannot tell
# whether a record goes on in the next line, ends a record at a lone CR, and has one limit for the whole process. A
# record that is whole in its line is split by csv, which is faster.
_FIELD = {
    mark: re.compile(rb'(?:"([^"]*+(?:""[^"]*+)*+)("?)([^%b]*+)|([^%b]*+))(%b|\Z)' % ((re.escape(mark.encode()),) * 3))
    for mark in (",", ";", "\t", "|")
}


def records(blocks: Iterable[list[bytes | None]], after: int, mark: str) -> Iterator[CsvRecord | None]:
    """The first record of a CSV file, and the records after line `after`. None stands between two blocks of lines.

    A quoted field may contain newlines. A quote that is never closed takes the following lines into its record, up to
    MAX_LINE or the end of the file; the record is then too long or malformed.
    """
    number, begin, size = 0, 0, 0
    held: list[bytes] = []
    split = _Splitter(mark)
    for block in blocks:
        yield None
        for line in block:
            number += 1
            if begin and not held and number <= after:
                continue
            if not held and line and len(line) <= MAX_LINE and (fields := split.whole(line)) is not None:
                begin, size = number, 0
                yield number, number, fields
                continue
            begin, inside = (begin, True) if held else (number, False)
            size += len(line or b"") + 1
            if line is None or size > MAX_LINE + 1:
                held, size = [], 0
                yield begin, number, NoRow(Drop.TOO_LONG, None)
                continue
            held.append(line)
            if _ends_inside(line, inside, mark):
                continue
            record = without_cr(b"\n".join(held))
            held, size = [], 0
            if not record or record.isspace():
                yield begin, number, NoRow(Drop.BLANK, record)
            else:
                yield begin, number, _fields(record, mark) or NoRow(Drop.MALFORMED, record)
    if held:
        yield begin, number, NoRow(Drop.MALFORMED, b"\n".join(held))


class _Splitter:
    """Splits the records that need no closer look."""

    def __init__(self, mark: str) -> None:
        self._mark, self._encoded = mark, mark.encode()
        self._next: list[str] = []
        self._reader = csv.reader(iter(self._next.pop, None), delimiter=mark, strict=True)

    def whole(self, line: bytes) -> list[str] | None:
        """The fields of a record that is whole in its line; None if that is not certain."""
        if b'"' not in line:
            return None if line.isspace() else decode(without_cr(line)).split(self._mark)
        line = without_cr(line)
        if b"\r" in line or line.count(b'"') % 2:
            return None
        text = decode(line)
        # Most often just the text of the post is quoted.
        before, _, rest = text.partition('"')
        quoted, _, after = rest.partition('"')
        if '"' not in after and before.endswith(self._mark) and after.startswith(self._mark):
            return [*before[:-1].split(self._mark), quoted, *after[1:].split(self._mark)]
        self._next.append(text)
        try:
            return next(self._reader)
        except (csv.Error, IndexError):  # wrong quotes, or a quoted field that goes on in the next line
            return None


def decode(data: bytes) -> str:
    """A text in UTF-8. Bytes that are not become surrogates, which can be written as they came."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")


def _matches(line: bytes, mark: str) -> Iterator[re.Match[bytes]]:
    for found in _FIELD[mark].finditer(line):
        yield found
        if not found[5]:
            return


def _fields(record: bytes, mark: str) -> list[str] | None:
    """The fields of a record; None if its quotes are wrong."""
    fields = []
    for found in _matches(record, mark):
        quoted, closed, after, bare = found.group(1, 2, 3, 4)
        if quoted is not None and (not closed or after):
            return None
        fields.append(decode(bare if quoted is None else quoted.replace(b'""', b'"')))
    return fields


def _ends_inside(line: bytes, inside: bool, mark: str) -> bool:
    """Whether a line ends inside a quoted field. `inside` says whether it begins inside one."""
    if b'"' not in line:
        return inside
    *_, last = _matches(b'"' + line if inside else line, mark)
    return last[1] is not None and not last[2]
