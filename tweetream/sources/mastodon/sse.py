"""Server-Sent Events read from pieces of bytes: the names and the data, as WHATWG's HTML standard has them.

Duty: `Events.feed` takes what a socket gave and yields each event that ended in it. Limits: nothing longer than
MAX_LINE is kept; a line ends at LF or CR LF, not at a lone CR; `id` and `retry` mean nothing to who has positions
of his own. It waits for nothing and connects to nothing.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tweetream.sources.base import MAX_LINE


class Event(NamedTuple):
    """One event. `data` is None where it was too long to keep."""

    name: bytes
    data: bytes | None


class Events:
    """The events of one stream."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # of the line that has not ended
        self._size = 0  # of that line, kept or not
        self._name = b""
        self._data: list[bytes] = []
        self._kept = 0  # bytes in `_data`
        self._over = False  # the event that has not ended is too long
        self._first = True

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that end in this piece of the stream."""
        *lines, tail = piece.split(b"\n")
        for line in lines:
            whole = self._line(line)
            if whole:
                self._field(whole)
            elif whole is not None and (event := self._end()):
                yield event
        if tail:
            self._keep(tail)

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        self._rest.append(part)
        if self._size > MAX_LINE:
            self._rest.clear()

    def _line(self, end: bytes) -> bytes | None:
        """The line that ends with this; None for one too long, whose event is then too long."""
        self._keep(end)
        line = b"".join(self._rest) if len(self._rest) > 1 else end
        size, self._size = self._size, 0
        self._rest.clear()
        if size > MAX_LINE:
            self._over = True
            return None
        if self._first:
            line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
        return line[:-1] if line.endswith(b"\r") else line

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._name = value
        elif name == b"data":
            self._kept += len(value) + 1
            self._data.append(value)
            if self._kept > MAX_LINE + 1:
                self._over = True
                self._data.clear()

    def _end(self) -> Event | None:
        """What a blank line ends; None where no data was said."""
        said = bool(self._data) or self._over
        event = Event(self._name or b"message", None if self._over else b"\n".join(self._data))
        self._name, self._kept, self._over = b"", 0, False
        self._data.clear()
        return event if said else None
