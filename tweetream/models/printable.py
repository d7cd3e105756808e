"""Text of other programs in one printable line, for logs, statuses and dead letters.

A server, a post, a package or Kafka may put terminal codes, line ends or marks that reverse the reading direction into
its text. Written to a terminal as they are, they would forge lines or run commands of the terminal.
"""

import logging
import re
import sys
from collections.abc import Collection
from io import TextIOWrapper

from typing_extensions import override

MOST = 290  # characters
HIDDEN = "***"


def printable(text: object, most: int = MOST, secret: str = "") -> str:
    r"""The text in one line of at most `most` characters: runs of blanks and line ends become a space, unprintable
    characters their escapes (`\x1b`), and `secret` becomes `***` in any case, since a host is shown in lower case.
    """
    line = str(text)
    if secret:
        line = re.sub(re.escape(secret), HIDDEN, line, flags=re.IGNORECASE)
    # Nothing behind that could be shown, since an escape is longer than its character. Blanks are rarely that many.
    line = " ".join(line[: 8 * most].split())
    line = _escaped(line)
    return line if len(line) <= most else line[: most - 1] + "…"


class PrintableLog(logging.Filter):
    """Makes the records of a handler printable, also those of other packages, and hides secrets in them.

    A message or traceback of several lines keeps them, but each line after the first begins with blanks. So nobody
    can forge a record.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        self._secrets = re.compile("|".join(map(re.escape, secrets))) if secrets else None

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - wrong arguments of the caller: the handler reports them
            return True
        shown = self._shown(message)
        if shown != message:
            record.msg, record.args = shown, ()
        if record.exc_info and not record.exc_text:
            record.exc_text = _formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._shown(record.exc_text)
        return True

    def _shown(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub(HIDDEN, text)
        return text if text.isprintable() else "\n  ".join(map(_escaped, text.expandtabs().split("\n")))


_formatter = logging.Formatter()


def _escaped(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)


def escape_output() -> None:
    """Print what the terminal's encoding lacks as an escape; else one such letter would end the program."""
    if isinstance(sys.stdout, TextIOWrapper):  # None if it is closed
        sys.stdout.reconfigure(errors="backslashreplace")
