"""Rows of CSV, JSON lines and plain text: read from lines, and written in their order with a label and a score.

A row that cannot be classified has no text here, and is kept: it lacks the column or has too many cells, its JSON is
broken, its text is blank or longer than LONGEST. A column of the input with the name `label` or `score` goes on as
`given_label` or `given_score`. JSON lines become CSV with the columns of the first readable line. A cell of CSV that a
spreadsheet would run as a formula gets an apostrophe before it; JSON lines keep every text as it is.
"""

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TextIO

from tweetream.models.csv_cell import safe_cell

LONGEST = 1024 * 1024  # characters of a CSV field: without it, a quote that is never closed takes in the whole file
_ADDED = {"label": "given_label", "score": "given_score"}  # the columns we add, and the new name of such a column


class BadInput(ValueError):
    """Input that cannot be read at all; the message is one line."""


class Row(NamedTuple):
    """The fields of a row as they are written, and its text, if any. Cells without a column have the name None."""

    fields: dict[str | None, Any]
    text: str | None


Rows = tuple[list[str] | None, Iterator[Row]]  # the columns, if they are known before the rows, and the rows
Write = Callable[[Sequence[Row]], None]


def read(format: str, lines: Iterable[str], column: str) -> Rows:
    """The rows of `lines`, whose text is in `column`. Raises BadInput."""
    return _READERS[format](lines, column)


def writer(format: str, output: TextIO, names: list[str] | None) -> Write:
    """A function that writes rows to `output`; `names` are the columns of CSV, None for those of the first rows."""
    return _jsonl_writer(output) if format == "jsonl" else _csv_writer(output, names)


def _text_rows(lines: Iterable[str], column: str) -> Rows:
    texts = (line.removesuffix("\n").removesuffix("\r") for line in lines)
    return [column], (Row({column: text}, text if _can_be_classified(text) else None) for text in texts)


def _can_be_classified(text: str) -> bool:
    return len(text) <= LONGEST and bool(text.strip())


def _jsonl_rows(lines: Iterable[str], column: str) -> Rows:
    return None, (_json_row(line, column) for line in lines)


def _json_row(line: str, column: str) -> Row:
    try:
        value = json.loads(line, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return Row({column: line.rstrip("\r\n")}, None)
    text = value.get(column)
    fields: dict[str | None, Any] = {_ADDED.get(name, name): content for name, content in value.items()}
    return Row(fields, text if isinstance(text, str) and _can_be_classified(text) else None)


def _finite(number: str) -> float:
    """A number of JSON. Python would also read and write infinity and NaN, which other readers of JSON refuse."""
    if not math.isfinite(value := float(number)):
        raise ValueError(number)
    return value


def _csv_rows(lines: Iterable[str], column: str) -> Rows:
    csv.field_size_limit(LONGEST)
    pending: list[str] = []  # the lines of the current row, to keep them if it cannot be read

    def remembered() -> Iterator[str]:
        for line in lines:
            pending.append(line)
            yield line

    reader = csv.reader(remembered())
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise BadInput(f"the first line is not a CSV header: {error}") from None
    if column not in header:
        raise BadInput(f"there is no column {column!r}; the first line has {', '.join(map(repr, header)) or 'nothing'}")
    names = [_ADDED.get(name, name) for name in header]
    if len(set(names)) < len(names):
        raise BadInput(f"two columns have the same name; the first line has {', '.join(map(repr, header))}")

    def rows() -> Iterator[Row]:
        while True:
            pending.clear()
            try:
                values = next(reader, None)
            except csv.Error:
                yield Row({_ADDED.get(column, column): "".join(pending)}, None)
                continue
            if values is None:
                return
            if values:  # an empty line is no row of a CSV
                yield _csv_row(names, values, header.index(column))

    return names, rows()


def _csv_row(names: list[str], values: list[str], place: int) -> Row:
    fields: dict[str | None, Any] = dict(zip(names, values, strict=False))
    if len(values) > len(names):
        fields[None] = values[len(names) :]
    complete = len(values) == len(names) and values[place].strip()
    return Row(fields, values[place] if complete else None)


_READERS: dict[str, Callable[[Iterable[str], str], Rows]] = {
    "csv": _csv_rows,
    "jsonl": _jsonl_rows,
    "text": _text_rows,
}


def _jsonl_writer(output: TextIO) -> Write:
    def write(rows: Sequence[Row]) -> None:
        for row in rows:
            fields = {"more" if name is None else name: value for name, value in row.fields.items()}
            output.write(json.dumps(fields, ensure_ascii=False) + "\n")

    return write


def _csv_writer(output: TextIO, names: list[str] | None) -> Write:
    writer = csv.writer(output, lineterminator="\n")
    columns: list[str] = []

    def write_header(names: Iterable[str | None]) -> None:
        columns.extend(name for name in names if name is not None and name not in _ADDED)
        columns.extend(_ADDED)
        writer.writerow(map(safe_cell, columns))

    def write(rows: Sequence[Row]) -> None:
        if not columns:
            write_header(next((row for row in rows if row.text is not None), rows[0]).fields)
        for row in rows:
            values = (*(row.fields.get(name, "") for name in columns), *row.fields.get(None, ()))
            writer.writerow(map(_cell, values))

    if names is not None:
        write_header(names)
    return write


def _cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    return safe_cell(value) if isinstance(value, str) else value
