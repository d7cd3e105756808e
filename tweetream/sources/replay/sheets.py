"""The rows of an Excel workbook (.xlsx) or a Parquet file, as rows of texts. They need the extra `tweetream[files]`.

Both formats need a file that can be read at any place: not standard input, and not packed. Of a workbook the first
sheet is read.
"""

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date, datetime
from typing import Any

from tweetream.models.drop import Drop
from tweetream.sources.base import MAX_LINE, SourceError
from tweetream.sources.replay.csv_records import CsvRecord, NoRow
from tweetream.sources.replay.files import STANDARD_INPUT

EXTRA = "pip install 'tweetream[files]'"
_BLOCK = 200  # rows read at once; a row of a workbook takes up to 100 µs
_MAX_UNPACKED = 2 * 1024**3  # bytes of a workbook's parts; a bomb has more


def rows(path: str, format: str) -> Iterator[list[list[str]]]:
    """The rows of a file in blocks, its header first. Raises SourceError."""
    try:
        yield from (_workbook if format == "xlsx" else _parquet)(path)
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


def count(path: str) -> int:
    """The number of rows of a Parquet file."""
    from pyarrow import parquet

    return int(parquet.read_metadata(path).num_rows)


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


def _workbook(path: str) -> Iterator[list[list[str]]]:
    import openpyxl

    with zipfile.ZipFile(path) as parts:
        if sum(part.file_size for part in parts.infolist()) > _MAX_UNPACKED:
            raise SourceError(f"{path}: this workbook has over 2 GiB; save it as CSV")
    # Of a name it would accept only the endings that it knows.
    with open(path, "rb") as file, closing(openpyxl.load_workbook(file, read_only=True, data_only=True)) as book:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its size is often wrong
        block: list[list[str]] = []
        for row in sheet.iter_rows(values_only=True):
            block.append([_text(value) for value in row])
            if len(block) == _BLOCK:
                yield block
                block = []
        yield block


def _parquet(path: str) -> Iterator[list[list[str]]]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        yield [list(file.schema_arrow.names)]
        for batch in file.iter_batches(batch_size=_BLOCK):
            columns = [[_text(value) for value in column.to_pylist()] for column in batch.columns]
            yield [list(row) for row in zip(*columns, strict=True)]


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
    return str(value)[:MAX_LINE]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
