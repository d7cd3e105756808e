"""Parses Server-Sent Events from pieces of bytes, as in WHATWG's HTML standard.

Limits: nothing longer than MAX_LINE is kept. A line ends at LF or CR LF, not at a lone CR. `id` and `retry` are
ignored, since the source has its own positions. This module opens no connection.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tweetream.sources.base import MAX_LINE
from tweetream.sources.lines import LineSplitter, without_cr


class Event(NamedTuple):
    """One event. `data` is None if it was too long."""

    name: bytes
    data: bytes | None


class EventParser:
    """The events of one stream."""

    def __init__(self) -> None:
        self._lines = LineSplitter()
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0  # bytes in `_data`
        self._too_long = False  # the unfinished event

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that end in this piece of the stream."""
        for line in self._lines.feed(piece):
            if line is None:
                self._too_long = True
            elif line := without_cr(line):
                self._field(line)
            elif event := self._finish():
                yield event

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._name = value
        elif name == b"data":
            self._size += len(value) + 1
            self._data.append(value)
            if self._size > MAX_LINE + 1:
                self._too_long = True
                self._data.clear()

    def _finish(self) -> Event | None:
        """The event that a blank line ends; None if it has no data."""
        has_data = bool(self._data) or self._too_long
        event = Event(self._name or b"message", None if self._too_long else b"\n".join(self._data))
        self._name, self._size, self._too_long = b"", 0, False
        self._data.clear()
        return event if has_data else None
