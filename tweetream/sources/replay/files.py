"""The bytes of a file, plain or compressed, in pieces of bounded size.

It reads regular files only, since these answer at once and can be read again. `pieces` is a plain generator: closing
it closes the file. Each piece takes a few milliseconds; after each, a caller on an event loop should let other tasks
run.
"""

import bz2
import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from tweetream.sources.base import SourceError

PIECE = 128 * 1024


def pieces(path: str) -> Iterator[bytes]:
    """The content of a file, decompressed by its suffix. Raises SourceError if it cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise SourceError(f"{path}: not a file; give the path of a file to replay")
        with open(path, "rb", buffering=0) as file:
            if path.lower().endswith(".gz"):
                with gzip.GzipFile(fileobj=file) as unpacked:
                    while piece := unpacked.read1(PIECE):
                        yield piece
            elif path.lower().endswith(".bz2"):
                yield from _decompress_bz2(file)
            else:
                while piece := file.read(PIECE):
                    yield piece
    except EOFError:
        raise SourceError(f"{path}: the archive is incomplete; copy it again") from None
    except (zlib.error, ValueError) as error:
        raise SourceError(f"{path}: cannot be read ({error}); is it damaged?") from None
    except OSError as error:
        reason = error.strerror or f"{error}; is it damaged?"
        raise SourceError(f"{path}: cannot be read ({reason}); check the path of the source") from None


def _decompress_bz2(file: BinaryIO) -> Iterator[bytes]:
    """As bz2.open(), but in smaller steps: bz2.open() blocks the event loop for 40 ms a block."""
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
