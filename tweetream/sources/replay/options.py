"""The URL of a replay, read and checked: the path of the file, and how to replay it. It opens no file."""

import math
import os
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from tweetream.sources.base import SourceError
from tweetream.sources.options import UrlOptions, check_printable

FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}


class Options(NamedTuple):
    """The options in a replay URL."""

    path: str
    rate: float
    loop: bool
    format: str
    column: str
    tabs: bool  # CSV with tabs between the fields


def read_url(url: str) -> Options:
    """Read the options in a URL. Raises SourceError."""
    check_printable(url)
    path, _, query = url.partition(":")[2].partition("?")
    if path.startswith("//"):
        if not path.startswith("///"):
            raise SourceError(f"{url}: write replay:PATH, or replay:///PATH with three slashes for an absolute path")
        path = path[2:]
    # The name of a file is bytes, and need not be UTF-8.
    path = os.fsdecode(unquote_to_bytes(os.fsencode(path)))
    if not path or "\0" in path:
        raise SourceError(f"{url}: the path is missing; write replay:PATH")
    options = UrlOptions(url, "replay", query, ("rate", "loop", "format", "column"))
    suffix = os.path.splitext(path.lower().removesuffix(".gz").removesuffix(".bz2"))[1]
    format = options.choice("format", ("text", "csv", "jsonl"), FORMATS.get(suffix, "text"))
    column = options.get("column")
    if column is not None and (format == "text" or not column):
        raise options.error("column names the field of the text in csv and jsonl; a text file has none")
    loop = options.choice("loop", ("true", "false"), "false") == "true"
    return Options(path, _rate(options), loop, format, column or "text", suffix == ".tsv")


def _rate(options: UrlOptions) -> float:
    written = options.get("rate")
    try:
        rate = 20.0 if written is None else float(written)
    except ValueError:
        rate = -1
    if not 0 <= rate < math.inf:
        raise options.error(f"rate is in posts a second, or 0 for as fast as possible, not {written!r}")
    return rate
