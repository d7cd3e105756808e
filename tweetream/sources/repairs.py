"""Decodes JSON, also where it has the common faults: invalid UTF-8, lone surrogates, bare control characters, NaN."""

import re
from typing import TypeVar

import msgspec

T = TypeVar("T")

# The pattern matches every escape from the left. So a lone surrogate is not confused with half of a pair, nor with an
# escaped backslash before a "u".
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\u|(?:\\[^u])++"
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# Python and pandas write these numbers. A string that is not closed is one too, or each of its quotes would be tried.
_NOT_JSON = re.compile(rb'"(?:[^"\\]++|\\.)*+"?+|\bNaN\b|-?\bInfinity\b')
_CONTROLS = [bytes([code]) for code in range(32)]
_MAX_REPAIRED = 64 * 1024  # bytes; a longer line would block the event loop, and posts are shorter


def decode(decoder: "msgspec.json.Decoder[T]", data: bytes | msgspec.Raw) -> T:
    """Decode JSON. Raises ValueError or RecursionError if it is broken or has other types."""
    try:
        return decoder.decode(data)
    except ValueError:  # also msgspec's errors and that of invalid UTF-8
        line = bytes(data)
        if len(line) > _MAX_REPAIRED:
            raise
        return decoder.decode(_repaired(line))


def _repaired(line: bytes) -> bytes:
    """A line without the common faults."""
    line = line.strip().decode("utf-8", "replace").encode()
    for control in _CONTROLS:
        line = line.replace(control, b"\\u%04x" % control[0])
    if b"NaN" in line or b"Infinity" in line:
        line = _NOT_JSON.sub(lambda found: found[0] if found[0].startswith(b'"') else b"null", line)
    if _SURROGATE.search(line):
        line = _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], line)
    return line
