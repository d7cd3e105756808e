"""The URL of a replay, read and checked: where the file is and how it is replayed.

It opens nothing. Whatever is wrong is a SourceError of one line that says what to write instead.
"""

import math
import os
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

from tweetream.sources.base import SourceError

FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}


class Options(NamedTuple):
    """What a replay URL says."""

    path: str
    rate: float
    loop: bool
    format: str
    column: str
    tabs: bool  # CSV whose fields are parted by tabs


def read_url(url: str) -> Options:
    """The options in a URL. Raises SourceError."""
    if not url.isprintable():  # it is a key in every batch, and stands in messages of one line
        raise SourceError(f"{url!r}: percent-encode what cannot be printed in the URL of a source")
    path, _, query = url.partition(":")[2].partition("?")
    if path.startswith("//"):
        if not path.startswith("///"):
            raise SourceError(f"{url}: write replay:PATH, or replay:///PATH with three slashes for an absolute path")
        path = path[2:]
    # Names of files are bytes, and need not be UTF-8.
    path = os.fsdecode(unquote_to_bytes(os.fsencode(path)))
    if not path or "\0" in path:
        raise SourceError(f"{url}: no file named; write replay:PATH")
    given = _given(url, query)
    suffix = os.path.splitext(path.lower().removesuffix(".gz").removesuffix(".bz2"))[1]
    shape = given.get("format", FORMATS.get(suffix, "text"))
    if shape not in ("text", "csv", "jsonl"):
        raise SourceError(f"{url}: format is text, csv or jsonl, not {shape!r}")
    if "column" in given and (shape == "text" or not given["column"]):
        raise SourceError(f"{url}: column names the field of the text in csv and jsonl; a text file has none")
    if given.get("loop", "false") not in ("true", "false"):
        raise SourceError(f"{url}: loop is true or false, not {given['loop']!r}")
    column, loop = given.get("column", "text"), given.get("loop") == "true"
    return Options(path, _rate(url, given.get("rate", "20")), loop, shape, column, suffix == ".tsv")


def _given(url: str, query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    unknown = sorted(set(given) - {"rate", "loop", "format", "column"})
    if unknown:
        raise SourceError(f"{url}: unknown option {unknown[0]!r}; replay knows rate, loop, format and column")
    if len(given) < len(pairs):
        raise SourceError(f"{url}: an option is given twice; give each once")
    return given


def _rate(url: str, written: str) -> float:
    try:
        rate = float(written)
    except ValueError:
        rate = -1
    if not 0 <= rate < math.inf:
        raise SourceError(f"{url}: rate is posts a second, 0 for as fast as it goes, not {written!r}")
    return rate
