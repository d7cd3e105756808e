"""Lines for the person who starts a program, also when its settings cannot be read."""

import os
import sys
from typing import NoReturn, TextIO

from tweetream.models.log_lines import json_line
from tweetream.models.printable import printable

PREFIX = "TWEETREAM_"  # of the settings' names in the environment


def say(line: str, stream: TextIO | None = None) -> None:
    """One line on standard error, or on `stream`; as JSON if TWEETREAM_LOG_FORMAT says so."""
    shown = printable(line, 2000)
    as_json = os.environ.get(f"{PREFIX}LOG_FORMAT") == "json"
    print(json_line(shown) if as_json else f"tweetream: {shown}", file=stream or sys.stderr, flush=True)


def fail(line: str, stream: TextIO | None = None) -> NoReturn:
    """End with one line on standard error and status 2."""
    say(line, stream)
    raise SystemExit(2)
