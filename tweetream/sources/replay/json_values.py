"""The values of a JSON document that is no JSON lines: the elements of an array, or values over several lines.

An array may have any size: only one value at a time is in memory. This finds where each value begins and ends, and
decodes nothing. ijson is not used, since it stops for good at the first NaN of pandas, control character or byte that
is not UTF-8; here a bad value costs only itself.
"""

import re
from collections.abc import Iterator

from msgspec.json import Decoder

from tweetream.sources.base import SourceError
from tweetream.sources.repairs import decode

MAX_VALUE = 64 * 1024 * 1024  # bytes of one value, such as a page with many posts; a longer one is skipped
_MAX_STRETCH = 16 * 1024 * 1024  # bytes without a bracket, which are all held in memory
# X's archive is JavaScript: window.YTD.tweets.part0 = [ … ]
_ASSIGNMENT = re.compile(rb"\s*(?:(?:var|let|const)\s+)?[\w.$]+(?:\[[\w\"'.]+\])*\s*=\s*(?=[\[{])")
# What has no bracket outside of strings, and the inside of a string.
_NO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_IN_STRING = re.compile(rb"(?:[^\"\\]++|\\.)*+", re.DOTALL)
_QUOTE, _OPENING = ord('"'), b"[{"
_any = Decoder()
_SCALAR = re.compile(rb"[^\s,;]")
_SPACES = bytes.maketrans(b"\r\n\t", b"   ")


def is_document(head: bytes) -> bool:
    """Whether JSON that begins so is a document. Else each line is a value of its own."""
    head = without_assignment(head).lstrip()
    if not head.startswith(b"{"):
        return head.startswith(b"[")
    first, _, rest = head.partition(b"\n")
    if first.rstrip().endswith(b"},") and rest.lstrip().startswith(b"{"):  # an array without its brackets
        return _is_json(first.rstrip()[:-1])
    # A pretty-printed object goes on in the next line. A broken line is followed by the next object.
    return first.rstrip().endswith((b"{", b"[", b",")) and bool(rest.strip()) and not rest.lstrip().startswith(b"{")


def _is_json(data: bytes) -> bool:
    try:
        decode(_any, data)
    except (ValueError, RecursionError):
        return False
    return True


def without_assignment(head: bytes) -> bytes:
    """The begin of a file without the variable that X's archive assigns it to."""
    head = head.removeprefix(b"\xef\xbb\xbf")
    found = _ASSIGNMENT.match(head)
    return head[found.end() :] if found else head


def values(shown: str, pieces: Iterator[bytes]) -> Iterator[bytes | None]:
    """The values, each in one line, b"" for one that is too long; None stands between two pieces.

    Raises SourceError if the document ends in the middle.
    """
    text = _Brackets(without_assignment(next(pieces, b"")))
    base = 1 if text.rest.lstrip().startswith(b"[") else 0  # the depth of the values
    depth, start, number, too_long = 0, 0, 0, False
    while True:
        while (bracket := text.next()) is not None:
            if depth <= base and _SCALAR.search(text.rest, text.before, text.at - 1):
                number += 1
                yield text.line(text.before, text.at - 1)
            if bracket in _OPENING:
                start = text.at - 1 if depth == base else start
                depth += 1
                continue
            depth = max(depth - 1, 0)
            if depth == base:
                number += 1
                yield b"" if too_long else text.line(start, text.at)
                too_long = False
        if len(text.rest) - text.at > _MAX_STRETCH:
            raise SourceError(f"{shown}: value {number + 1} has a text of over 16 MiB; delete it")
        if depth > base and text.at - start > MAX_VALUE:
            too_long, start = True, text.at
        text.drop(start if depth > base else text.at)
        start = 0
        if (piece := next(pieces, None)) is None:
            break
        yield None
        text.rest += piece
    if depth:
        raise SourceError(f"{shown}: the JSON ends in the middle of value {number + 1}; copy the file again")


class _Brackets:
    """Finds the brackets of a text that grows, and looks at each byte once.

    A bracket was found before `at`, and what stands before that bracket begins at `before`.
    """

    def __init__(self, text: bytes) -> None:
        self.rest = bytearray(text)  # which grows and loses its begin without a copy
        self.at = self.before = 0
        self._seen = 0  # no bracket stands before this place
        self._in_string = False  # whether this place is inside a string

    def next(self) -> int | None:
        """The next bracket, which is not in a string; None if the text has none yet."""
        if self._in_string and not self._leave_string():
            return None
        found = _NO_BRACKET.match(self.rest, self._seen)
        assert found is not None
        self._seen = found.end()
        if self._seen == len(self.rest):
            return None
        mark = self.rest[self._seen]
        self._seen += 1
        if mark == _QUOTE:  # of a string that goes on
            self._leave_string()
            return None
        self.before, self.at = self.at, self._seen
        return mark

    def _leave_string(self) -> bool:
        """Go on behind the end of the string; False if it does not end here."""
        found = _IN_STRING.match(self.rest, self._seen)
        assert found is not None
        self._seen = found.end()
        ends = self.rest.startswith(b'"', self._seen)  # else nothing follows, or a backslash without its letter
        self._seen += ends
        self._in_string = not ends
        return ends

    def drop(self, end: int) -> None:
        """Forget the text before a place that is not behind the last bracket."""
        del self.rest[:end]
        self.at, self.before, self._seen = self.at - end, 0, self._seen - end

    def line(self, start: int, end: int) -> bytes:
        """A part of the text in one line."""
        return bytes(self.rest[start:end].translate(_SPACES))
