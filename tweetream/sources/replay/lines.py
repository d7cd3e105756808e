"""A file read as lines or as CSV records, plain or compressed, in bounded pieces.

Duty: give what a file holds without ever holding more than one line or record and one piece of it,
whatever is in it. A line ends at LF and nowhere else. Limits: it decodes and counts nothing; it
reads regular files only, since these answer at once and can be begun again.

Everything here is a plain generator: closing it closes the file. Between two pieces lies work of a
few milliseconds, after which a caller on an event loop lets the others have their turn.
"""

import bz2
import gzip
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from tweetream.models.drop import Drop
from tweetream.sources.base import MAX_LINE, SourceError

PIECE = 128 * 1024
Block = list[bytes | None]  # the lines that ended in a piece; None is one that was too long to keep
Record = tuple[int, int, list[bytes] | Drop]  # numbers of its first and last line, and its fields


def pieces(path: str) -> Iterator[bytes]:
    """What a file holds, decompressed by its suffix. Raises SourceError where it cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise SourceError(f"{path}: not a file; give the path of a file to replay")
        with open(path, "rb", buffering=0) as file:
            if path.lower().endswith(".gz"):
                with gzip.GzipFile(fileobj=file) as unpacked:
                    while piece := unpacked.read1(PIECE):
                        yield piece
            elif path.lower().endswith(".bz2"):
                yield from _unpack_bz2(file)
            else:
                while piece := file.read(PIECE):
                    yield piece
    except EOFError:
        raise SourceError(f"{path}: ends in the middle, as a copy that was cut does; copy it again") from None
    except (zlib.error, ValueError) as error:
        raise SourceError(f"{path}: cannot be read ({error}); is it damaged?") from None
    except OSError as error:
        reason = error.strerror or f"{error}; is it damaged?"
        raise SourceError(f"{path}: cannot be read ({reason}); check the path of the source") from None


def _unpack_bz2(file: BinaryIO) -> Iterator[bytes]:
    """As bz2.open() does, but a little at a time: that one takes 40 ms for a block, and the event loop waits."""
    unpack, begun = bz2.BZ2Decompressor(), False
    while True:
        raw = b""
        if unpack.eof:
            raw, begun = unpack.unused_data, False
            unpack = bz2.BZ2Decompressor()
        if not raw and unpack.needs_input:
            raw = file.read(8192)
            if not raw and begun:
                raise EOFError
            if not raw:
                return
        begun = True
        yield unpack.decompress(raw, PIECE)


def blocks(of: Iterable[bytes]) -> Iterator[Block]:
    """The lines of a file, piece by piece, without their LF; a mark of byte order before the first is left out."""
    rest: list[bytes] = []  # of the line that has not ended
    size, first = 0, True
    for piece in of:
        block: Block = list(piece.split(b"\n"))
        tail = block.pop() or b""
        if block:
            rest.append(block[0] or b"")
            block[0] = b"".join(rest) if size + len(rest[-1]) <= MAX_LINE else None
            rest, size = [], 0
            if first:
                block[0], first = _unmarked(block[0]), False
        if tail:
            size += len(tail)
            rest.append(tail)
            if size > MAX_LINE:  # nothing of it is kept but its length
                rest.clear()
        yield block
    if size:
        last = b"".join(rest) if size <= MAX_LINE else None
        yield [_unmarked(last) if first else last]


def _unmarked(line: bytes | None) -> bytes | None:
    return line and line.removeprefix(b"\xef\xbb\xbf")


def without_cr(line: bytes) -> bytes:
    """A line of a file whose lines end in CR LF. A CR elsewhere belongs to the text."""
    return line[:-1] if line.endswith(b"\r") else line


# A field and what ends it. The module csv is not used: it cannot tell whether a record goes on in
# the next line, ends one at a lone CR, and has one limit for the whole process.
_FIELD = {
    mark: re.compile(rb'(?:"([^"]*+(?:""[^"]*+)*+)("?)([^%b]*+)|([^%b]*+))(%b|\Z)' % (mark, mark, mark))
    for mark in (b",", b"\t")
}


def _matches(line: bytes, mark: bytes) -> Iterator[re.Match[bytes]]:
    for found in _FIELD[mark].finditer(line):
        yield found
        if not found[5]:
            return


def _fields(record: bytes, mark: bytes) -> list[bytes] | None:
    """The fields of a record; None where its quotes are wrong."""
    if b'"' not in record:
        return record.split(mark)
    fields = []
    for found in _matches(record, mark):
        quoted, closed, after, bare = found.group(1, 2, 3, 4)
        if quoted is not None and (not closed or after):
            return None
        fields.append(bare if quoted is None else quoted.replace(b'""', b'"'))
    return fields


def _goes_on(line: bytes, inside: bool, mark: bytes) -> bool:
    """Whether a line ends inside a quoted field, when it began inside one or not."""
    if b'"' not in line:
        return inside
    *_, last = _matches(b'"' + line if inside else line, mark)
    return last[1] is not None and not last[2]


def records(of: Iterable[Block], after: int, mark: bytes) -> Iterator[Record | None]:
    """The records of a CSV file: its first one, and those behind line `after`. None between two pieces.

    A quoted field may hold newlines. A quote that nobody closes takes what follows with it up to
    MAX_LINE, or to the end of the file, and is one record: too long, or malformed.
    """
    number, begin, size = 0, 0, 0
    held: list[bytes] = []
    for block in of:
        yield None
        for line in block:
            number += 1
            if begin and not held and number <= after:
                continue
            begin, inside = (begin, True) if held else (number, False)
            size += len(line or b"") + 1
            if line is None or size > MAX_LINE + 1:
                held, size = [], 0
                yield begin, number, Drop.TOO_LONG
                continue
            held.append(line)
            if _goes_on(line, inside, mark):
                continue
            record = without_cr(b"\n".join(held))
            held, size = [], 0
            if not record or record.isspace():
                yield begin, number, Drop.BLANK
            else:
                yield begin, number, _fields(record, mark) or Drop.MALFORMED
    if held:
        yield begin, number, Drop.MALFORMED
