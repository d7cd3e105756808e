"""The rows of an Excel workbook (.xlsx) or a Parquet file, as rows of texts. They need the extra `tweetream[files]`.

Both formats need a file that can be read at any place: not standard input, and not packed. Of a workbook the first
sheet is read. One step may take seconds, since a workbook's texts are read before its first row: an event loop must
read in another thread, and can stop it.
"""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import date, datetime
from typing import Any

from typing_extensions import override

from tweetream.models.drop import Drop
from tweetream.sources.base import MAX_LINE, MAX_TEXT, SourceError
from tweetream.sources.replay import kinds, parquet
from tweetream.sources.replay.csv_records import CsvRecord, NoRow
from tweetream.sources.replay.files import STANDARD_INPUT
from tweetream.sources.replay.unpacking import PIECE

EXTRA = "pip install 'tweetream[files]'"
_BLOCK, _CELLS = parquet.ROWS, parquet.CELLS  # read at once; a row of a workbook takes up to 100 µs
_MAX_UNPACKED = 2 * 1024**3  # bytes of a workbook's parts; a bomb has more
_MAX_TEXTS = 256 * 1024**2  # bytes of the parts that are read whole: texts, styles, names
_MAX_RATIO = 200  # bytes for each byte of a large packed part; a bomb has up to 1,032
_LARGE = 16 * 1024**2
_MAX_ROWS = 1_048_576  # no spreadsheet program has more; a few bytes can say that the first row is the last of all

Blocks = Iterator[list[list[str]]]


def rows(path: str, format: str, stopped: Callable[[], bool] = bool) -> Blocks:
    """The rows of a file in blocks, its header first. Raises SourceError, also soon after it is `stopped`."""
    try:
        yield from _workbook(path, stopped) if format == "xlsx" else parquet.rows(path, _text)
    except ImportError:
        raise SourceError(f"{path}: to read {_NAMES[format]}, run {EXTRA}, or save it as CSV") from None
    except SourceError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # a damaged file raises errors of any kind in these libraries
        raise SourceError(f"{path}: cannot be read ({_line(error)}); is it damaged?") from None


def check_file(path: str, shown: str, format: str) -> None:
    """Raise SourceError for standard input and packed files."""
    if path != STANDARD_INPUT:
        with open(path, "rb") as file:
            if file.read(4) in (b"PK\x03\x04", b"PAR1"):
                return
    raise SourceError(f"{shown}: {_NAMES[format]} must be a file that is not packed; unpack it and give its name")


def is_sheet(path: str) -> bool:
    """Whether a file begins as a workbook or a Parquet file does. False if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return kinds.table(file.read(PIECE)) is not None
    except OSError:
        return False


def records(blocks: Iterable[list[list[str]]], after: int) -> Iterator[CsvRecord | None]:
    """The header, and the records after row `after`; None stands between two blocks of rows."""
    number = 0
    for block in blocks:
        yield None
        for row in block:
            number += 1
            if number == 1 or number > after:
                yield number, number, row if any(row) else NoRow(Drop.BLANK, b"")


_NAMES = {"xlsx": "an Excel workbook", "parquet": "a Parquet file"}


class _File(io.FileIO):
    """A file that can no longer be read when reading is stopped."""

    def __init__(self, path: str, stopped: Callable[[], bool]) -> None:
        super().__init__(path)
        self._stopped = stopped

    @override
    def read(self, size: int | None = -1, /) -> Any:
        if self._stopped():
            raise SourceError(f"{self.name}: reading is stopped")
        return super().read(-1 if size is None else size)


def _workbook(path: str, stopped: Callable[[], bool]) -> Blocks:
    import openpyxl

    with zipfile.ZipFile(path) as parts:
        _check_parts(path, parts.infolist())
    # Of a name it would accept only the endings that it knows.
    with _File(path, stopped) as file, closing(openpyxl.load_workbook(file, read_only=True, data_only=True)) as book:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its size is often wrong
        block: list[list[str]] = []
        cells = 0
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
            if number > _MAX_ROWS:
                raise SourceError(f"{path}: this workbook has over {_MAX_ROWS:,} rows; save it as CSV")
            block.append([_text(value) for value in row])
            cells += len(row)
            if len(block) == _BLOCK or cells > _CELLS:
                yield block
                block, cells = [], 0
        yield block


def _check_parts(path: str, parts: list[zipfile.ZipInfo]) -> None:
    """Raise SourceError for a workbook that would take long, or much memory, before its first row is there."""
    whole = [part.file_size for part in parts if not part.filename.startswith(("xl/worksheets/", "xl/media/"))]
    if sum(part.file_size for part in parts) > _MAX_UNPACKED or sum(whole) > _MAX_TEXTS:
        raise SourceError(f"{path}: this workbook has over 2 GiB, or over 256 MiB of texts; save it as CSV")
    for part in parts:
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SourceError(
                f"{path}: this workbook is packed as no spreadsheet program does; save it anew, or as CSV"
            )
        if part.file_size > max(_LARGE, _MAX_RATIO * part.compress_size):
            raise SourceError(f"{path}: this workbook unpacks to far more than its size; save it anew, or as CSV")


def _text(value: Any) -> str:
    """A cell as CSV would have it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value if len(value) <= MAX_LINE else ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e20:
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return "" if _is_long(value) else str(value)[:MAX_LINE]


def _is_long(value: Any) -> bool:
    """Whether an object, or a text in it, would take long to write."""
    if isinstance(value, dict):
        return any(map(_is_long, value.values()))
    return isinstance(value, str | bytes) and len(value) > MAX_TEXT


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
