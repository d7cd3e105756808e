"""Posts as the lines of files: CSV that no spreadsheet runs, and JSON lines that `replay:` reads."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from tweetream.models.codec import json_line
from tweetream.models.csv_cell import safe_cell
from tweetream.models.feed import FeedEntry

BOM = "\ufeff".encode()  # without it, some spreadsheets choose another encoding
COLUMNS = FeedEntry.__struct_fields__


def csv_lines(rows: Iterable[Iterable[Any]]) -> bytes:
    """Rows of values; a list becomes its words between blanks."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([map(_cell, row) for row in rows])
    return text.getvalue().encode(errors="replace")


def post_lines(posts: Iterable[Any], columns: Iterable[str], format: str) -> bytes:
    """Posts with these attributes, as `csv` or `jsonl`."""
    names = tuple(columns)
    if format == "csv":
        return csv_lines([[getattr(post, name) for name in names] for post in posts])
    return b"".join([json_line({name: getattr(post, name) for name in names}) + b"\n" for post in posts])


def header(columns: Iterable[str], format: str) -> bytes:
    """What a file begins with."""
    return BOM + csv_lines([columns]) if format == "csv" else b""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return safe_cell(" ".join(value) if isinstance(value, list) else str(value))
