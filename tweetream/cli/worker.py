"""`tweetream worker`: check that the page's port is free, then hand over to Faust.

A port in use would otherwise show in a traceback after the worker has joined its group.
"""

import gc
import sys
from collections.abc import Sequence

from tweetream import settings
from tweetream.cli.web_port import check_port


def run(arguments: Sequence[str]) -> None:
    """Run `faust worker` with these arguments, the first of which is `worker`; ends by SystemExit."""
    known = settings.load()
    if not {"--help", "--without-web"} & set(arguments):
        check_port(known.web_host, _given_port(arguments) or known.web_port)
        if known.metrics_port is not None:
            check_port(known.web_host, known.metrics_port, "TWEETREAM_METRICS_PORT")
    gc.disable()  # of what is imported nothing is garbage: looking for it takes a tenth of a start
    from tweetream.app import app

    gc.enable()
    sys.argv = ["tweetream", *arguments]
    app.main()


def _given_port(arguments: Sequence[str]) -> int | None:
    """The port that the command line gives in place of the settings."""
    for index, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name in ("--web-port", "-p"):
            value = value or (arguments[index + 1] if index + 1 < len(arguments) else "")
            return int(value) if value.isdecimal() else None
    return None
