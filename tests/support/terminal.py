"""A terminal of 80 columns, for a program that writes otherwise to a terminal than to a pipe."""

import os
import pty
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def terminal() -> Iterator[tuple[TextIO, bytearray]]:
    """The end that a program writes to, and what was written, which is whole when the block has ended."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                return
            if not part:
                return
            seen.extend(part)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with open(theirs, "w") as stream:
        yield stream, seen
    reader.join(10)
    os.close(ours)
