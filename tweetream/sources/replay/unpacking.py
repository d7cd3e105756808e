"""Unpacks gzip, bzip2, xz and zstd, in steps of a few milliseconds and in bounded memory."""

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Callable, Generator
from typing import Any, BinaryIO, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE = 128 * 1024
_STEP = 8192  # bytes read to be unpacked; larger steps would block the event loop for 40 ms
_MAX_IDLE = 1024 * 1024  # bytes that unpack to nothing: a block of bzip2 has 900 kB, a bomb empty archives for hours
_MAX_MEMORY = 256 * 1024 * 1024  # bytes that unpacking xz may use; a file packed with xz -9 needs 65 MiB

Pieces = Generator[bytes, None, None]


def unpacked(content: Pieces, packing: str) -> Pieces:
    """The unpacked bytes. Raises EOFError if they end too early, and ValueError or OSError if they are damaged."""
    file = _Reader(content)
    try:
        if packing == "gzip":
            with gzip.GzipFile(fileobj=cast(BinaryIO, file)) as plain:  # it calls only read()
                while piece := plain.read1(PIECE):
                    file.idle = 0
                    yield piece
        else:
            yield from _decompressed(file, _DECOMPRESSORS[packing])
    except (zlib.error, lzma.LZMAError, zstd.ZstdError) as error:
        raise ValueError(str(error)) from None


class _Reader:
    """Pieces as a file, in small steps. Who reads sets `idle` to 0 at each byte that was unpacked."""

    def __init__(self, content: Pieces) -> None:
        self._content, self._left = content, b""
        self.idle = 0

    def read(self, size: int = _STEP) -> bytes:
        """The next bytes, at most as many as asked for; none at the end. Raises ValueError."""
        while not self._left:
            piece = next(self._content, None)
            if piece is None:
                return b""
            self._left = piece  # may be empty: an archive inside gives nothing before a whole block of it was read
        size = min(size, _STEP)
        taken, self._left = self._left[:size], self._left[size:]
        self.idle += len(taken)
        if self.idle > _MAX_IDLE:
            raise ValueError("it has too many bytes that unpack to nothing")
        return taken


def _decompressed(file: _Reader, new: Callable[[], Any]) -> Pieces:
    """As bz2.open() and its like, but in smaller steps. Several archives in a row are one file."""
    unpack, begun = new(), False
    while True:
        raw = b""
        if unpack.eof:
            raw, begun = unpack.unused_data, False
            file.idle += 64  # a new decompressor takes longer than the bytes of an empty archive
            unpack = new()
        if not raw and unpack.needs_input:
            raw = file.read()
            if not raw and begun:
                raise EOFError
            if not raw:
                return
        begun = True
        piece = unpack.decompress(raw, PIECE)
        if piece:
            file.idle = 0
        yield piece


_DECOMPRESSORS: dict[str, Callable[[], Any]] = {
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=_MAX_MEMORY),
    "zstd": zstd.ZstdDecompressor,
}
