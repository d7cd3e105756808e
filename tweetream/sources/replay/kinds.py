"""What a file is by its first bytes, whatever its name says: packed, a table, or nothing that can be read.

A file that cannot be read is refused with one line that says what to do, since its bytes would become posts.
"""

from tweetream.sources.base import SourceError

PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
SUFFIXES = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd", ".zstd": "zstd"}

_UNPACK = "unpack it, and give the file inside"
_CSV = "save it as CSV"
_IMAGE = "an image", "give a file with text"
_REFUSED = {
    b"PK\x03\x04": ("a zip archive", f"{_UNPACK} (in X's own archive: data/tweets.js)"),
    b"PK\x05\x06": ("an empty zip archive", "give a file with posts"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", _UNPACK),
    b"Rar!\x1a\x07": ("a rar archive", _UNPACK),
    b"\x04\x22\x4d\x18": ("packed with lz4", _UNPACK),
    b"\x1f\x9d": ("packed with compress", _UNPACK),
    b"SQLite format 3\x00": ("an SQLite database", "export a table: sqlite3 -header -csv FILE 'select * from TABLE'"),
    b"%PDF-": ("a PDF", "give a file with text"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an old Office file such as .xls", "save it as .xlsx or CSV"),
    b"ARROW1": ("an Arrow file", "save it as Parquet or CSV"),
    b"Obj\x01": ("an Avro file", "save it as Parquet or JSON lines"),
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file", _CSV),
    b"\x80\x04\x95": ("a Python pickle, which could run code when it is read", _CSV),
    b"\x80\x05\x95": ("a Python pickle, which could run code when it is read", _CSV),
    b"\x89PNG\r\n\x1a\n": _IMAGE,
    b"\xff\xd8\xff": _IMAGE,
    b"GIF8": _IMAGE,
    b"RIFF": _IMAGE,
    b"\x7fELF": ("a program", "give a file with text"),
    b"{\\rtf": ("a text of a word processor", "save it as plain text"),
    b"version https://git-lfs": ("only a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    b"<!doctype html": ("a web page", "download the file itself"),
    b"<html": ("a web page", "download the file itself"),
    b"<?xml": ("XML", "save it as CSV or JSON lines"),
}


def packing(head: bytes) -> str | None:
    """How a file is packed; None if it is not."""
    return next((name for magic, name in PACKED.items() if head.startswith(magic)), None)


def table(head: bytes) -> str | None:
    """Whether a file is a binary table: "xlsx" or "parquet"."""
    if head.startswith(b"PAR1"):
        return "parquet"
    # Of the Office formats, all zip archives, a workbook names a part in xl/ near its beginning.
    workbook = head.startswith(b"PK\x03\x04") and b"xl/" in head and b"mimetype" not in head[:64]
    return "xlsx" if workbook else None


def check_readable(shown: str, head: bytes) -> None:
    """Raise SourceError for a kind that is not read. `shown` is the name of the file."""
    if head[257:262] == b"ustar":
        raise SourceError(f"{shown}: this is a tar archive; {_UNPACK}")
    begin = head[:32].removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, (what, advice) in _REFUSED.items():
        if head.startswith(magic) or (magic.startswith(b"<") and begin.lower().startswith(magic)):
            raise SourceError(f"{shown}: this is {what}; {advice}")
