"""Lines from pieces of bytes, with a limit on the length of a line.

Sockets and files give pieces that end anywhere. A line ends at LF, and nowhere else. The splitter never holds more
than one piece and one unfinished line within the limit.
"""

from tweetream.sources.base import MAX_LINE


class LineSplitter:
    """Splits the pieces of one stream into lines. It skips a byte order mark (BOM) at the start of the stream."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._rest: list[bytes] = []  # the parts of the unfinished line
        self._size = 0  # of the unfinished line, also where it is too long to keep
        self._first = True

    def feed(self, piece: bytes) -> list[bytes | None]:
        """The lines that end in this piece, without their LF. None stands for a line over the limit."""
        *ends, rest = piece.split(b"\n")
        lines: list[bytes | None] = list(ends)
        if ends:
            self._add(ends[0])
            lines[0] = self._finish()
        self._add(rest)
        if len(piece) > self._limit:
            return [None if line is None or len(line) > self._limit else line for line in lines]
        return lines

    def finish(self) -> list[bytes | None]:
        """The last line, if the stream ended without LF; else nothing."""
        return [self._finish()] if self._size else []

    def _add(self, part: bytes) -> None:
        if part:
            self._size += len(part)
            self._rest.append(part)
            if self._size > self._limit:
                self._rest.clear()

    def _finish(self) -> bytes | None:
        line = b"".join(self._rest) if self._size <= self._limit else None
        self._rest, self._size = [], 0
        if self._first:
            line, self._first = line and line.removeprefix(b"\xef\xbb\xbf"), False
        return line


def without_cr(line: bytes) -> bytes:
    """A line without the CR of a line end CR LF. A CR elsewhere belongs to the text."""
    return line[:-1] if line.endswith(b"\r") else line
