"""Rows of a file for classification: as they are written, with the text of their post, and written with its label.

A row that is no post has no text here, and is kept. A column of the input with the name of one that we add, such as
`label`, goes on as `given_label`. A JSON object keeps its fields; of a page with several posts, each is a row with the
fields of our own format. JSON becomes CSV with the columns of the first readable row. A cell of CSV that a
spreadsheet would run as a formula gets an apostrophe before it; JSON lines keep every text as it is.
"""

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TextIO

from tweetream.cli.record import fields_of
from tweetream.models.csv_cell import safe_cell
from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.replay.reader import FileReader, Item

# The columns we add, and the new name of such a column.
_ADDED = {name: f"given_{name}" for name in ("label", "score", "scores", "model", "model_sha256")}


class Row(NamedTuple):
    """The fields of a row as they are written, and its text, if any. Cells without a column have the name None."""

    fields: dict[str | None, Any]
    text: str | None


Write = Callable[[Sequence[Row]], None]


def names_of(reader: FileReader) -> list[str] | None:
    """The columns of a file, if they are known before its rows."""
    layout = reader.layout
    if layout.names:
        return _unique([_ADDED.get(name, name) for name in layout.names])
    return ["text"] if layout.format == "text" else None


def rows(reader: FileReader, items: Iterable[Item | None]) -> Iterator[Row | None]:
    """The rows of a file, in their order. None: a piece of the file has been read."""
    names = names_of(reader)
    read = _json_row if names is None else lambda item: _row(names, reader, item)
    for item in items:
        if item is None:
            yield None
        elif not (item[2] is Drop.BLANK and isinstance(item[3], bytes) and reader.layout.names):
            yield read(item)  # an empty line is no row of a table


def _row(names: list[str], reader: FileReader, item: Item) -> Row:
    """A row of a table or of a text file."""
    _, _, found, raw = item
    text = found.text if isinstance(found, Post) else None
    if isinstance(raw, list):
        fields: dict[str | None, Any] = dict(zip(names, raw, strict=False))
        if len(raw) > len(names):
            fields[None] = raw[len(names) :]
        return Row(fields, text)
    column = reader.layout.columns.get("text", "text")
    return Row({_ADDED.get(column, column): _line(raw)}, text)


def _json_row(item: Item) -> Row:
    _, nth, found, raw = item
    text = found.text if isinstance(found, Post) else None
    if nth and isinstance(found, Post):
        return Row(fields_of(found), text)
    assert not isinstance(raw, list)
    try:
        value = json.loads(_line(raw), strict=False, parse_float=_finite, parse_constant=_nothing)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return Row({"text": _line(raw)}, None)
    fields: dict[str | None, Any] = {_ADDED.get(name, name): content for name, content in value.items()}
    if text is not None and not isinstance(fields.get("text"), str):
        fields["text"] = text  # of a network whose posts have no field of this name
    return Row(fields, text)


def _line(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "surrogateescape").rstrip("\r\n")


def _nothing(constant: str) -> None:
    """NaN and Infinity, which Python writes, are no JSON: others refuse them."""


def _finite(number: str) -> float:
    """A number of JSON. Python would also read 1e999, and write it as Infinity."""
    if not math.isfinite(value := float(number)):
        raise ValueError(number)
    return value


def _unique(names: list[str]) -> list[str]:
    """The names, each once: a second `x` becomes `x.2`."""
    found: list[str] = []
    for name in names:
        number = 2
        unique = name
        while unique in found:
            unique, number = f"{name}.{number}", number + 1
        found.append(unique)
    return found


def writer(format: str, output: TextIO, names: list[str] | None, scores: bool = False) -> Write:
    """A function that writes rows to `output`; `names` are the columns of CSV, None for those of the first rows.

    `scores`: the rows have the scores of all labels, too.
    """
    return _jsonl_writer(output) if format == "jsonl" else _csv_writer(output, names, scores)


def _jsonl_writer(output: TextIO) -> Write:
    def write(rows: Sequence[Row]) -> None:
        for row in rows:
            fields = {"more" if name is None else name: value for name, value in row.fields.items()}
            output.write(json.dumps(fields, ensure_ascii=False) + "\n")

    return write


def _csv_writer(output: TextIO, names: list[str] | None, scores: bool) -> Write:
    writer = csv.writer(output, lineterminator="\n")
    columns: list[str] = []

    def write_header(names: Iterable[str | None]) -> None:
        columns.extend(name for name in names if name is not None and name not in _ADDED)
        columns.extend(name for name in _ADDED if scores or name != "scores")
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
