"""The options of the subcommands that read a file: which column holds what, and how the file is written."""

import argparse
import sys
from typing import Any

from tweetream.models.messages import fail
from tweetream.sources.replay.choices import FORMATS, MEANINGS, BadChoice, Choices, choose


def add_file_options(parser: Any) -> None:
    """Add the options to the parser of a subcommand."""
    group = parser.add_argument_group(
        "how the file is read", "Known exports need none of these. In JSON, the columns are fields."
    )
    for meaning in MEANINGS:
        names = ("--text", "--column") if meaning == "text" else (f"--{meaning}",)
        group.add_argument(*names, metavar="NAME", help=f"the column of the {meaning}")
    group.add_argument("--columns", metavar="NAME,NAME…", help="the names of all columns, for a file without a header")
    group.add_argument("--input-format", choices=FORMATS, help="default: by the file's content and name")
    group.add_argument("--encoding", metavar="NAME", help="such as cp1252; default: UTF-8, or UTF-16 by its mark")
    group.add_argument("--separator", metavar="NAME", help="comma, semicolon, tab or pipe; default: by the header")
    group.add_argument(
        "--day-first", action=argparse.BooleanOptionalAction, help="3/4/2026 is in April; default: as the dates show"
    )


def choices_of(options: argparse.Namespace) -> Choices:
    """The choices of a command line. Ends with one line if they cannot be."""
    try:
        return choose(
            format=options.input_format,
            columns={meaning: getattr(options, meaning) for meaning in MEANINGS},
            names=options.columns,
            encoding=options.encoding,
            separator=options.separator,
            day_first=options.day_first,
            command_line=True,
        )
    except BadChoice as error:
        fail(str(error))


def tell(line: str) -> None:
    """Tell a person about a file, beside the output."""
    print(f"tweetream: {line}", file=sys.stderr)
