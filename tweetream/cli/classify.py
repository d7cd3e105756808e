"""`tweetream classify`: the rows of a file or of standard input, in their order, with a label and a score.

Rows are read, classified and written a batch at a time, so memory does not grow with the file. Bytes that are no UTF-8
go through as they came. A row that cannot be classified (no such column, broken JSON, nothing in it, more than LONGEST
characters) is kept with an empty label and counted. A column of the input that is called `label` or `score` goes on as
`given_label` or `given_score`. JSON lines become CSV by the columns of the first that can be read.
"""

import bz2
import codecs
import contextlib
import csv
import gzip
import json
import math
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

from tqdm import tqdm

FORMATS = ("csv", "jsonl", "text")
BATCH = 1_000
HEAVY = 4 * 1024 * 1024  # characters after which a batch ends, too
LONGEST = 1024 * 1024  # characters of a CSV field; a quote that is never closed would take in the whole file
_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_PACKED = {".gz": gzip.open, ".bz2": bz2.open}
_OURS = {"label": "given_label", "score": "given_score"}
Predict = Callable[[Sequence[str]], tuple[Sequence[str], Sequence[float]]]
Rows = tuple[list[str] | None, Iterator["Row"]]  # the columns, if they are known before the rows, and the rows


class BadInput(ValueError):
    """What was given cannot be read at all; the message is one line."""


class Row(NamedTuple):
    """A row as it goes out, None being the name of what has no column; and its text, None if it has none."""

    fields: dict[str | None, Any]
    text: str | None


def run(name: str, column: str | None, given: str | None, wanted: str | None, predict: Predict) -> str:
    """Classify the file `name` ("-": standard input) to standard output; returns what to say about bad rows, or "".

    `predict` takes posts as they were written. Raises BadInput.
    """
    kind = given or _kind(name, column)
    with _opened(name) as (source, size), _output() as output:
        bar = tqdm(total=size, unit="B", unit_scale=True, desc="classify", file=sys.stderr, disable=None, leave=False)
        with bar:
            lines = _lines(source, bar)
            names, rows = _READERS[kind](lines, column or "text")
            to_jsonl = (wanted or _OUTPUT[kind]) == "jsonl"
            write = _jsonl_writer(output) if to_jsonl else _csv_writer(output, names)
            bad = total = 0
            while batch := _batch(rows):
                bad += _classify(batch, predict)
                total += len(batch)
                # Nobody should wait for posts that are here, and a bar must not stand between them.
                with bar.external_write_mode(file=sys.stdout):
                    write(batch)
                    output.flush()
    return f"{bad} of {total} rows could not be classified and have an empty label" if bad else ""


def _batch(rows: Iterator[Row]) -> list[Row]:
    """The next rows."""
    batch: list[Row] = []
    characters = 0
    for row in islice(rows, BATCH):
        batch.append(row)
        characters += sum(len(value) for value in row.fields.values() if isinstance(value, str))
        if characters > HEAVY:
            break
    return batch


def _kind(name: str, column: str | None) -> str:
    path = Path(name)
    if name == "-":
        return "csv" if column else "text"
    if path.suffix.lower() in _PACKED:
        path = path.with_suffix("")
    return _SUFFIXES.get(path.suffix.lower(), "text")


@contextlib.contextmanager
def _opened(name: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """The file, and its size if that is what its lines add up to."""
    if name == "-":
        if sys.stdin is None:
            raise BadInput("standard input is closed")
        yield sys.stdin.buffer, None
        return
    path = Path(name)
    unpack: Any = _PACKED.get(path.suffix.lower())
    try:
        source = unpack(path, "rb") if unpack else path.open("rb")
    except OSError as error:
        raise BadInput(f"{name} cannot be read: {error.strerror or error}") from None
    with source:
        yield source, None if unpack else os.fstat(source.fileno()).st_size


@contextlib.contextmanager
def _output() -> Iterator[TextIO]:
    """Standard output as UTF-8 whatever the locale says, with line ends as they are written."""
    form: Any = {"encoding": "utf-8", "errors": "tweetream.raw", "newline": ""}
    stream = open(sys.stdout.fileno(), "w", closefd=False, **form)  # noqa: SIM115 - closing it may fail, too
    try:
        yield stream
    finally:
        with contextlib.suppress(BrokenPipeError):
            stream.close()


def _raw(error: UnicodeError) -> tuple[bytes, int]:
    """Bytes that were no UTF-8 as they came; other halves of a character, which JSON can escape, as U+FFFD."""
    assert isinstance(error, UnicodeEncodeError)
    codes = map(ord, error.object[error.start : error.end])
    return b"".join(
        bytes([code - 0xDC00]) if 0xDC80 <= code <= 0xDCFF else "\ufffd".encode() for code in codes
    ), error.end


codecs.register_error("tweetream.raw", _raw)


def _lines(source: BinaryIO, bar: Any) -> Iterator[str]:
    """Lines with their ends; a line ends at LF. Raises BadInput."""
    try:
        for number, line in enumerate(source):
            bar.update(len(line))
            text = line.decode("utf-8", "surrogateescape")
            yield text.removeprefix("\ufeff") if number == 0 else text
    except (OSError, EOFError, zlib.error) as error:
        said = getattr(error, "strerror", None) or error
        raise BadInput(f"{getattr(source, 'name', 'the input')} cannot be read: {said}") from None


def _classify(batch: list[Row], predict: Predict) -> int:
    """Put label and score into the rows; returns how many are bad."""
    texts = [row.text for row in batch if row.text is not None]
    labels, scores = predict(texts)
    results = zip(labels, scores, strict=True)
    for row in batch:
        label, score = next(results) if row.text is not None else ("", None)
        row.fields["label"], row.fields["score"] = label, None if score is None else round(score, 4)
    return len(batch) - len(texts)


def _text_rows(lines: Iterable[str], column: str) -> Rows:
    texts = (line.removesuffix("\n").removesuffix("\r") for line in lines)
    return [column], (Row({column: text}, text if _fit(text) else None) for text in texts)


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
    fields: dict[str | None, Any] = {_OURS.get(name, name): content for name, content in value.items()}
    return Row(fields, text if isinstance(text, str) and _fit(text) else None)


def _fit(text: str) -> bool:
    return len(text) <= LONGEST and bool(text.strip())


def _finite(number: str) -> float:
    """A number of JSON; Python would read and write others, which no other reader of JSON takes."""
    if not math.isfinite(value := float(number)):
        raise ValueError(number)
    return value


def _csv_rows(lines: Iterable[str], column: str) -> Rows:
    csv.field_size_limit(LONGEST)
    pending: list[str] = []  # the lines of the row that is being read, to keep them if it cannot be

    def remembered() -> Iterator[str]:
        for line in lines:
            pending.append(line)
            yield line

    reader = csv.reader(remembered())
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise BadInput(f"the first line is no CSV header: {error}") from None
    if column not in header:
        raise BadInput(f"there is no column {column!r}; the first line has {', '.join(map(repr, header)) or 'nothing'}")
    names = [_OURS.get(name, name) for name in header]
    if len(set(names)) < len(names):
        raise BadInput(f"two columns have the same name; the first line has {', '.join(map(repr, header))}")

    def rows() -> Iterator[Row]:
        while True:
            pending.clear()
            try:
                values = next(reader, None)
            except csv.Error:
                yield Row({_OURS.get(column, column): "".join(pending)}, None)
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
    whole = len(values) == len(names) and values[place].strip()
    return Row(fields, values[place] if whole else None)


_READERS: dict[str, Callable[[Iterable[str], str], Rows]] = {
    "csv": _csv_rows,
    "jsonl": _jsonl_rows,
    "text": _text_rows,
}
_OUTPUT = {"csv": "csv", "jsonl": "jsonl", "text": "csv"}


def _jsonl_writer(output: TextIO) -> Callable[[Sequence[Row]], None]:
    def write(rows: Sequence[Row]) -> None:
        for row in rows:
            fields = {"more" if name is None else name: value for name, value in row.fields.items()}
            output.write(json.dumps(fields, ensure_ascii=False) + "\n")

    return write


def _csv_writer(output: TextIO, names: list[str] | None) -> Callable[[Sequence[Row]], None]:
    writer = csv.writer(output, lineterminator="\n")
    columns: list[str] = []

    def begin(names: Iterable[str | None]) -> None:
        columns.extend(name for name in names if name is not None and name not in _OURS)
        columns.extend(_OURS)
        writer.writerow(columns)

    def write(rows: Sequence[Row]) -> None:
        if not columns:
            begin(next((row for row in rows if row.text is not None), rows[0]).fields)
        for row in rows:
            writer.writerow([*(_cell(row.fields.get(name, "")) for name in columns), *row.fields.get(None, ())])

    if names is not None:
        begin(names)
    return write


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
