"""The bytes of a file, plain or packed, in pieces of bounded size.

It reads regular files, since these answer at once and can be read again, and standard input. `pieces` is a plain
generator: closing it closes the file. Each piece takes a few milliseconds; after each, a caller on an event loop should
let other tasks run.
"""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from tweetream.sources.base import SourceError
from tweetream.sources.replay.kinds import SUFFIXES, packing
from tweetream.sources.replay.unpacking import PIECE, Pieces, unpacked

STANDARD_INPUT = "-"
_MAX_DEPTH = 2  # of packings in one another


def pieces(path: str, read: Callable[[int], object] = int) -> Pieces:
    """The content of a file, unpacked by its first bytes. Raises SourceError if it cannot be read.

    The first piece has at least the first line, or PIECE bytes, unless the file is shorter. `read` is called with the
    number of bytes after each read of the file.
    """
    shown = "standard input" if path == STANDARD_INPUT else path
    try:
        with _opened(path) as file:
            yield from _unpacked(shown, _raw(file, read))
    except EOFError:
        raise SourceError(f"{shown}: the archive is incomplete; copy it again") from None
    except ValueError as error:
        raise SourceError(f"{shown}: cannot be read ({error}); is it damaged?") from None
    except OSError as error:
        reason = error.strerror or f"{error}; is it damaged?"
        raise SourceError(f"{shown}: cannot be read ({reason}); check the path of the file") from None


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise SourceError("standard input is closed")
        yield sys.stdin.buffer
        return
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise SourceError(f"{path}: not a file; give the path of a file")
    with open(path, "rb") as file:
        yield file


def _raw(file: BinaryIO, read: Callable[[int], object]) -> Pieces:
    take = getattr(file, "read1", file.read)  # lines that are piped in must not wait for a full piece
    while piece := take(PIECE):
        read(len(piece))
        yield piece


def _unpacked(path: str, content: Pieces) -> Pieces:
    expected = SUFFIXES.get(os.path.splitext(path.lower())[1])
    for _ in range(_MAX_DEPTH + 1):
        head = _head(content)
        content = _again(head, content)
        found = packing(head)
        if found is None and head and expected:
            raise SourceError(f"{path}: this is not {expected}, or it is damaged; if it is not packed, rename it")
        if found is None:
            yield from content
            return
        content, expected = unpacked(content, found), None
    raise SourceError(f"{path}: this is packed more than {_MAX_DEPTH} times; unpack it")


def _head(content: Pieces) -> bytes:
    """Enough to tell what a file is."""
    head = b""
    for piece in content:
        head += piece
        if len(head) >= PIECE or b"\n" in head:
            break
    return head


def _again(head: bytes, content: Pieces) -> Pieces:
    if head:
        yield head
    yield from content
