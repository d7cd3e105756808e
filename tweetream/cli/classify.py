"""`tweetream classify`: the rows of a file or of standard input, in their order, with a label and a score.

Rows are read, classified and written in batches, so memory does not grow with the file. Bytes that are not UTF-8 are
written as they were read. `rows.py` has the formats, and says what is done with a row that cannot be classified.
"""

import argparse
import codecs
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from typing import Any, TextIO

from tqdm import tqdm

from tweetream.classifier.model import Prediction
from tweetream.classifier.pipeline import TextClassifier
from tweetream.cli import rows
from tweetream.cli.file_options import choices_of, tell
from tweetream.cli.models import load_text_classifier
from tweetream.cli.rows import Row
from tweetream.models.messages import fail
from tweetream.sources.base import SourceError
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.replay.choices import Choices
from tweetream.sources.replay.files import STANDARD_INPUT
from tweetream.sources.replay.reader import FileReader

BATCH = 1_000  # rows
LARGE = 4 * 1024 * 1024  # characters that end a batch before it has all its rows
_NO_POST = Prediction("", None, None)
_AS_READ = "tweetream.as_read"  # the name of our handler of encoding errors


def run(options: argparse.Namespace) -> None:
    """Classify `options.file`; says on standard error how many rows it could not classify."""
    choices = choices_of(options)
    classifier = load_text_classifier(options.model, options.threshold)
    try:
        bad, total = classify(options.file, choices, options.output_format, classifier, options.scores)
    except SourceError as error:
        fail(str(error))
    if bad:
        tell(f"{bad} of {total} rows could not be classified and have an empty label")


def classify(
    path: str, choices: Choices, wanted: str | None, classifier: TextClassifier, scores: bool
) -> tuple[int, int]:
    """Write the rows of a file ("-": standard input) to standard output. Raises SourceError.

    `wanted` is the format of the output, None: like the input. `scores`: with those of all labels. Returns how many
    rows could not be classified, and how many there were.
    """
    bad = total = 0
    size = None if path == STANDARD_INPUT or not os.path.isfile(path) else os.path.getsize(path)
    form: Any = {"unit": "B", "unit_scale": True, "desc": "classify", "disable": None, "leave": False}
    with tqdm(total=size, file=sys.stderr, **form) as bar:
        reader = FileReader(path, choices, read=bar.update, warn=tell)
        with closing(reader.items(ParseContext(time.time_ns() // 1_000_000))) as items, _output() as output:
            first = next(items, None)  # then the layout is known
            if said := reader.said():
                tell(said)
            given = "jsonl" if reader.layout.format in ("json", "jsonl") else "csv"
            write = rows.writer(wanted or given, output, rows.names_of(reader), scores)
            for batch in _batches(rows.rows(reader, chain([first], items))):
                bad += _add_labels(batch, classifier, scores)
                total += len(batch)
                # A reader of the output gets each batch at once, and on a terminal the bar makes room for it.
                with bar.external_write_mode(file=sys.stdout):
                    write(batch)
                    output.flush()
    return bad, total


def _batches(found: Iterator[Row | None]) -> Iterator[list[Row]]:
    """Rows in lists: all that came in at once, up to a limit."""
    batch: list[Row] = []
    characters = 0
    for row in found:
        if row is not None:
            batch.append(row)
            characters += sum(len(value) for value in row.fields.values() if isinstance(value, str))
        if batch and (row is None or len(batch) == BATCH or characters > LARGE):
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _add_labels(batch: list[Row], classifier: TextClassifier, scores: bool) -> int:
    """Put label, score and the model into the rows; returns how many rows could not be classified.

    Label and score are null, and empty in CSV, where the model is unsure; a row that is no post has an empty label.
    """
    model = classifier.classifier
    predictions = iter(classifier.predict([row.text for row in batch if row.text is not None]))
    bad = 0
    for row in batch:
        found = next(predictions) if row.text is not None else _NO_POST
        bad += row.text is None
        row.fields["label"], row.fields["score"] = found.label, None if found.score is None else round(found.score, 4)
        if scores:
            row.fields["scores"] = found.scores and {label: round(score, 4) for label, score in found.scores.items()}
        row.fields["model"], row.fields["model_sha256"] = model.name, model.digest
    return bad


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
