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
_MAX_STRETCH = 16 * 1024 * 1024  # bytes without a bracket: a longer text is looked through too often
# X's archive is JavaScript: window.YTD.tweets.part0 = [ … ]
_ASSIGNMENT = re.compile(rb"\s*(?:(?:var|let|const)\s+)?[\w.$]+(?:\[[\w\"'.]+\])*\s*=\s*(?=[\[{])")
# What stands before the next bracket, which is not in a string.
_BRACKET = re.compile(rb'((?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+)([\[\]{}])', re.DOTALL)
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
    rest, at = without_assignment(next(pieces, b"")), 0
    base = 1 if rest.lstrip().startswith(b"[") else 0  # the depth of the values
    depth, start, number, too_long = 0, 0, 0, False
    while True:
        while found := _BRACKET.match(rest, at):
            before, bracket = found.groups()
            at = found.end()
            if depth <= base and _SCALAR.search(before):
                number += 1
                yield before.translate(_SPACES)
            if bracket in b"[{":
                start = at - 1 if depth == base else start
                depth += 1
                continue
            depth = max(depth - 1, 0)
            if depth == base:
                number += 1
                yield b"" if too_long else rest[start:at].translate(_SPACES)
                too_long = False
        if len(rest) - at > _MAX_STRETCH:
            raise SourceError(f"{shown}: value {number + 1} has a text of over 16 MiB; delete it")
        if depth > base and at - start > MAX_VALUE:
            too_long, start = True, at
        keep = start if depth > base else at
        rest, start, at = rest[keep:], 0, at - keep
        if (piece := next(pieces, None)) is None:
            break
        yield None
        rest += piece
    if depth:
        raise SourceError(f"{shown}: the JSON ends in the middle of value {number + 1}; copy the file again")
