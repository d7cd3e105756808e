"""The records of a CSV file, from its lines, with a limit on the length of a record.

Bytes that are not UTF-8 stay in the fields as surrogates, as Python's `surrogateescape` writes them.
"""

import csv
import re
from collections import deque
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
Waiting = deque[tuple[int, bytes | None]]  # numbers and lines
AGAIN_MOST = 8 * MAX_LINE  # bytes that are read again: a file of open quotes would take hours

# A field and the separator after it. It decides where a record ends and what is malformed: the module csv cannot tell
# whether a record goes on in the next line, ends a record at a lone CR, and has one limit for the whole process. A
# record that is whole in its line is split by csv, which is faster.
_FIELD = {
    mark: re.compile(rb'(?:"([^"]*+(?:""[^"]*+)*+)("?)([^%b]*+)|([^%b]*+))(%b|\Z)' % ((re.escape(mark.encode()),) * 3))
    for mark in (",", ";", "\t", "|")
}


def records(
    blocks: Iterable[list[bytes | None]], after: int, mark: str, *, recover: bool = True
) -> Iterator[CsvRecord | None]:
    """The first record of a CSV file, and the records after line `after`. None stands between two blocks of lines.

    A quoted field may contain newlines. Where its quote does not close rightly within MAX_LINE, or before the end of
    the file, the line with the quote is malformed, and the lines behind it are read again. Unless they are to `recover`
    so: then they are part of the malformed record.
    """
    number, joiner, split = 0, _Joiner(mark, recover), _Splitter(mark)
    for block in blocks:
        yield None
        for line in block:
            number += 1
            if joiner.held:
                yield from joiner.feed(number, line)
            elif number <= after and joiner.begun:
                continue
            elif line and len(line) <= MAX_LINE and (fields := split.whole(line)) is not None:
                joiner.begun = True  # here, since most lines are such
                yield number, number, fields
            else:
                yield from joiner.feed(number, line)
    while joiner.held:
        yield from joiner.finish()


class _Joiner:
    """Makes records of lines. `held` are the lines of the record that is not whole yet."""

    def __init__(self, mark: str, recover: bool) -> None:
        self._mark, self._recover, self._split = mark, recover, _Splitter(mark)
        self.begun = False
        self.held: list[bytes] = []
        self._begin, self._size = 0, 0  # of the record that is held
        self._again = 0  # bytes that were read again

    def feed(self, number: int, line: bytes | None) -> Iterator[CsvRecord]:
        """The records that are whole with this line."""
        self.begun = True
        waiting = deque([(number, line)])
        while waiting:
            number, line = waiting.popleft()
            if not self.held:
                if line and len(line) <= MAX_LINE and (fields := self._split.whole(line)) is not None:
                    yield number, number, fields
                    continue
                self._begin, self._size = number, 0
            self._size += len(line or b"") + 1
            if line is None or self._size > MAX_LINE + 1:
                if self.held and self._recover:
                    yield from self._give_up(waiting, (number, line))
                else:
                    self.held = []
                    yield self._begin, number, NoRow(Drop.TOO_LONG, None)
                continue
            inside = bool(self.held)
            self.held.append(line)
            if not _ends_inside(line, inside, self._mark):
                yield from self._end(waiting, number)

    def _end(self, waiting: Waiting, number: int) -> Iterator[CsvRecord]:
        """The record that is held ends with this line."""
        record = without_cr(b"\n".join(self.held))
        if not record or record.isspace():
            found: list[str] | NoRow = NoRow(Drop.BLANK, record)
        else:
            found = _fields(record, self._mark) or NoRow(Drop.MALFORMED, record)
        if len(self.held) > 1 and self._recover and isinstance(found, NoRow):
            yield from self._give_up(waiting)
        else:
            self.held = []
            yield self._begin, number, found

    def _give_up(self, waiting: Waiting, *more: tuple[int, bytes | None]) -> Iterator[CsvRecord]:
        """The first line that is held is malformed; those behind it wait again, or stand alone after many times."""
        (first, *others), begin, self.held = self.held, self._begin, []
        yield begin, begin, NoRow(Drop.MALFORMED, without_cr(first))
        lines = [*enumerate(others, begin + 1), *more]
        self._again += sum(len(line or b"") + 1 for _, line in lines)
        if self._again <= AGAIN_MOST:
            waiting.extendleft(reversed(lines))
            return
        for number, line in lines:
            if line is None or len(line) > MAX_LINE:
                yield number, number, NoRow(Drop.TOO_LONG, None)
            else:
                fields = self._split.whole(line) if line.strip() else None
                bad = Drop.MALFORMED if line.strip() else Drop.BLANK
                yield number, number, fields or NoRow(bad, without_cr(line))

    def finish(self) -> Iterator[CsvRecord]:
        """The record that the end of the file cuts, and those behind its first line, unless one of these is cut too."""
        if not self._recover:
            record, self.held = b"\n".join(self.held), []
            yield self._begin, self._begin + record.count(b"\n"), NoRow(Drop.MALFORMED, record)
            return
        waiting = Waiting()
        yield from self._give_up(waiting)
        while waiting:
            yield from self.feed(*waiting.popleft())


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
