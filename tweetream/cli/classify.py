"""`tweetream classify`: the rows of a file or of standard input, in their order, with a label and a score.

Rows are read, classified and written in batches, so memory does not grow with the file. Bytes that are not UTF-8 are
written as they were read. `rows.py` has the formats, and says what is done with a row that cannot be classified.
"""

import argparse
import bz2
import codecs
import contextlib
import gzip
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from tqdm import tqdm

from tweetream.cli import rows
from tweetream.cli.models import load_text_classifier
from tweetream.cli.rows import BadInput, Row
from tweetream.settings import fail

BATCH = 1_000  # rows
LARGE = 4 * 1024 * 1024  # characters that end a batch before it has all its rows
_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_PACKED = {".gz": gzip.open, ".bz2": bz2.open}
_AS_READ = "tweetream.as_read"  # the name of our handler of encoding errors
Predict = Callable[[Sequence[str]], tuple[Sequence[str], Sequence[float]]]


def run(options: argparse.Namespace) -> None:
    """Classify `options.file`; says on standard error how many rows it could not classify."""
    predict = load_text_classifier(options.model).predict
    given = options.input_format or _format(options.file, options.column)
    wanted = options.output_format or ("jsonl" if given == "jsonl" else "csv")
    try:
        bad, total = classify(options.file, options.column or "text", given, wanted, predict)
    except BadInput as error:
        fail(str(error))
    if bad:
        print(f"tweetream: {bad} of {total} rows could not be classified and have an empty label", file=sys.stderr)


def classify(name: str, column: str, given: str, wanted: str, predict: Predict) -> tuple[int, int]:
    """Write the rows of the file `name` ("-": standard input) to standard output. Raises BadInput.

    `given` and `wanted` are the formats of input and output. `predict` takes posts as they were written. Returns how
    many rows could not be classified, and how many there were.
    """
    bad = total = 0
    with _opened(name) as (source, size), _output() as output:
        bar = tqdm(total=size, unit="B", unit_scale=True, desc="classify", file=sys.stderr, disable=None, leave=False)
        with bar:
            names, found = rows.read(given, _lines(source, bar), column)
            write = rows.writer(wanted, output, names)
            while batch := _batch(found):
                bad += _add_labels(batch, predict)
                total += len(batch)
                # A reader of the output gets each batch at once, and on a terminal the bar makes room for it.
                with bar.external_write_mode(file=sys.stdout):
                    write(batch)
                    output.flush()
    return bad, total


def _format(name: str, column: str | None) -> str:
    """The format that a file's name tells; standard input is text, or CSV if a column is given."""
    path = Path(name)
    if name == "-":
        return "csv" if column else "text"
    if path.suffix.lower() in _PACKED:
        path = path.with_suffix("")
    return _SUFFIXES.get(path.suffix.lower(), "text")


def _batch(found: Iterator[Row]) -> list[Row]:
    """The next rows."""
    batch: list[Row] = []
    characters = 0
    for row in islice(found, BATCH):
        batch.append(row)
        characters += sum(len(value) for value in row.fields.values() if isinstance(value, str))
        if characters > LARGE:
            break
    return batch


def _add_labels(batch: list[Row], predict: Predict) -> int:
    """Put label and score into the rows; returns how many rows could not be classified."""
    texts = [row.text for row in batch if row.text is not None]
    labels, scores = predict(texts)
    results = zip(labels, scores, strict=True)
    for row in batch:
        label, score = next(results) if row.text is not None else ("", None)
        row.fields["label"], row.fields["score"] = label, None if score is None else round(score, 4)
    return len(batch) - len(texts)


@contextlib.contextmanager
def _opened(name: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """The file, and its size if the lines add up to it: those of a packed file do not."""
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
    """Standard output as UTF-8 in every locale, without changes to line ends."""
    codecs.register_error(_AS_READ, _as_read)
    form: Any = {"encoding": "utf-8", "errors": _AS_READ, "newline": ""}
    stream = open(sys.stdout.fileno(), "w", closefd=False, **form)  # noqa: SIM115 - closing it may fail, too
    try:
        yield stream
    finally:
        with contextlib.suppress(BrokenPipeError):
            stream.close()


def _as_read(error: UnicodeError) -> tuple[bytes, int]:
    """The bytes that were not UTF-8, as they were read. Half of a character, which JSON can escape, becomes U+FFFD."""
    assert isinstance(error, UnicodeEncodeError)
    codes = map(ord, error.object[error.start : error.end])
    return b"".join(
        bytes([code - 0xDC00]) if 0xDC80 <= code <= 0xDCFF else "\ufffd".encode() for code in codes
    ), error.end


def _lines(source: BinaryIO, bar: Any) -> Iterator[str]:
    """Lines with their ends; a line ends at LF. Raises BadInput."""
    try:
        for number, line in enumerate(source):
            bar.update(len(line))
            text = line.decode("utf-8", "surrogateescape")
            yield text.removeprefix("\ufeff") if number == 0 else text
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{getattr(source, 'name', 'the input')} cannot be read: {reason}") from None
