"""The URL of a replay, read and checked: the path of the file, and how to replay it. It opens no file."""

import math
import os
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from tweetream.sources.base import SourceError
from tweetream.sources.options import UrlOptions, check_printable
from tweetream.sources.replay.choices import FORMATS, MEANINGS, BadChoice, Choices, choose

_KNOWN = ("rate", "loop", "format", "column", *MEANINGS, "columns", "encoding", "separator", "day_first")


class Options(NamedTuple):
    """The options in a replay URL."""

    path: str
    rate: float
    loop: bool
    choices: Choices


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
    options = UrlOptions(url, "replay", query, _KNOWN)
    loop = options.choice("loop", ("true", "false"), "false") == "true"
    return Options(path, _rate(options), loop, _choices(options))


def _choices(options: UrlOptions) -> Choices:
    if options.get("column") is not None and options.get("text") is not None:
        raise options.error("column and text are the same option; give one of them")
    columns = {meaning: options.get(meaning) for meaning in MEANINGS}
    columns["text"] = options.get("text") if options.get("column") is None else options.get("column")
    format = options.choice("format", FORMATS, "") if options.get("format") is not None else None
    day_first = options.choice("day_first", ("true", "false"), "") if options.get("day_first") is not None else None
    try:
        return choose(
            format=format,
            columns=columns,
            names=options.get("columns"),
            encoding=options.get("encoding"),
            separator=options.get("separator"),
            day_first=None if day_first is None else day_first == "true",
        )
    except BadChoice as error:
        raise options.error(str(error)) from None


def _rate(options: UrlOptions) -> float:
    written = options.get("rate")
    try:
        rate = 20.0 if written is None else float(written)
    except ValueError:
        rate = -1
    if not 0 <= rate < math.inf:
        raise options.error(f"rate is in posts a second, or 0 for as fast as possible, not {written!r}")
    return rate
