"""The encoding of a file: its bytes become UTF-8.

A file is UTF-8, or UTF-16 or UTF-32 by the mark at its begin, or what its reader names; nothing is guessed. Bytes that
are not in the encoding become U+FFFD, the replacement character.
"""

import codecs
from collections.abc import Iterator

from tweetream.sources.base import SourceError
from tweetream.sources.replay.choices import Choices

# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(shown: str, head: bytes, choices: Choices) -> str:
    """The encoding of a file that begins with `head`. Raises SourceError if it is no text."""
    marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if named := marked or choices.encoding:
        return named
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        sample = head[offset:2000:2]
        if len(sample) > 2 and sample.count(0) > len(sample) * 0.6 and head[1 - offset : 2000 : 2].count(0) < 2:
            option = choices.option("encoding", name)
            raise SourceError(f"{shown}: this looks like {name} without a mark; name the encoding with {option}")
    if (zeros := head[:2000].count(0)) > 1 and zeros * 400 > len(head[:2000]):
        raise SourceError(f"{shown}: this is no text: it has NUL bytes; export it as CSV or JSON lines")
    return "utf-8"


def to_utf8(shown: str, pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The pieces in UTF-8, with the line ends of Unix if the file has those of an old Mac, a CR alone."""
    plain = pieces if encoding == "utf-8" else _decoded(shown, pieces, encoding)
    for first in plain:
        old_mac = b"\r" in first[:-1] and b"\n" not in first
        yield first.replace(b"\r", b"\n") if old_mac else first
        for piece in plain:
            yield piece.replace(b"\r", b"\n") if old_mac else piece


def _decoded(shown: str, pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    try:
        for piece in pieces:
            yield decoder.decode(piece).encode("utf-8", "replace")
        yield decoder.decode(b"", True).encode("utf-8", "replace")
    except UnicodeError as error:  # UTF-16 without a mark, for example
        raise SourceError(f"{shown}: cannot be read as {encoding} ({error}); name another encoding") from None


def readable(text: str) -> str:
    """A field with U+FFFD for what was not UTF-8."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text


def in_one_line(text: str) -> str:
    """A text of a file as a part of a message."""
    return "".join(letter if letter.isprintable() else " " for letter in readable(text)).strip()
