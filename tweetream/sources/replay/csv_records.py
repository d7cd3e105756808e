"""The records of a CSV file, from its lines, with a limit on the length of a record."""

import re
from collections.abc import Iterable, Iterator

from tweetream.models.drop import Drop
from tweetream.sources.base import MAX_LINE
from tweetream.sources.lines import without_cr

CsvRecord = tuple[int, int, list[bytes] | Drop]  # the numbers of its first and last line, and its fields

# A field and the delimiter after it. The module csv is not used: it cannot tell whether a record goes on in the next
# line, it ends a record at a lone CR, and its limit is global.
_FIELD = {
    mark: re.compile(rb'(?:"([^"]*+(?:""[^"]*+)*+)("?)([^%b]*+)|([^%b]*+))(%b|\Z)' % (mark, mark, mark))
    for mark in (b",", b"\t")
}


def records(blocks: Iterable[list[bytes | None]], after: int, mark: bytes) -> Iterator[CsvRecord | None]:
    """The first record of a CSV file, and the records after line `after`. None stands between two blocks of lines.

    A quoted field may contain newlines. A quote that is never closed takes the following lines into its record, up to
    MAX_LINE or the end of the file; the record is then too long or malformed.
    """
    number, begin, size = 0, 0, 0
    held: list[bytes] = []
    for block in blocks:
        yield None
        for line in block:
            number += 1
            if begin and not held and number <= after:
                continue
            begin, inside = (begin, True) if held else (number, False)
            size += len(line or b"") + 1
            if line is None or size > MAX_LINE + 1:
                held, size = [], 0
                yield begin, number, Drop.TOO_LONG
                continue
            held.append(line)
            if _ends_inside(line, inside, mark):
                continue
            record = without_cr(b"\n".join(held))
            held, size = [], 0
            if not record or record.isspace():
                yield begin, number, Drop.BLANK
            else:
                yield begin, number, _fields(record, mark) or Drop.MALFORMED
    if held:
        yield begin, number, Drop.MALFORMED


def _matches(line: bytes, mark: bytes) -> Iterator[re.Match[bytes]]:
    for found in _FIELD[mark].finditer(line):
        yield found
        if not found[5]:
            return


def _fields(record: bytes, mark: bytes) -> list[bytes] | None:
    """The fields of a record; None if its quotes are wrong."""
    if b'"' not in record:
        return record.split(mark)
    fields = []
    for found in _matches(record, mark):
        quoted, closed, after, bare = found.group(1, 2, 3, 4)
        if quoted is not None and (not closed or after):
            return None
        fields.append(bare if quoted is None else quoted.replace(b'""', b'"'))
    return fields


def _ends_inside(line: bytes, inside: bool, mark: bytes) -> bool:
    """Whether a line ends inside a quoted field. `inside` says whether it begins inside one."""
    if b'"' not in line:
        return inside
    *_, last = _matches(b'"' + line if inside else line, mark)
    return last[1] is not None and not last[2]
