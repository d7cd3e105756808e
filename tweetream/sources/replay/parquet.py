"""The rows of a Parquet file as rows of texts, in blocks of bounded memory.

A small file can name one long value in each of its rows (a dictionary), or unpack to gigabytes. So a block has fewer
rows where values are long, and a bomb is refused. A column of lists holds no field of a post, and is left empty. Needs
pyarrow.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tweetream.sources.base import SourceError

ROWS, CELLS = 200, 20_000  # of a block
BYTES = 16 * 1024 * 1024  # of a block's column
_FREE, _MAX_RATIO = 64 * 1024 * 1024, 100  # bytes of a column, and bytes for each packed byte: a bomb has thousands

Text = Callable[[Any], str]  # a cell's value as CSV would have it


def count(path: str) -> int:
    """The number of rows."""
    from pyarrow import parquet

    return int(parquet.read_metadata(path).num_rows)


def rows(path: str, text: Text) -> Iterator[list[list[str]]]:
    """The header alone, then the rows in blocks. Raises SourceError for a bomb."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        names = list(file.schema_arrow.names)
        yield [names]
        leaves = [file.schema.column(place) for place in range(len(file.schema.names))]
        lists = [leaf.path for leaf in leaves if leaf.max_repetition_level]
        flat = [name for name in names if not any(path.startswith(f"{name}.") for path in lists)]
        strings = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY" and leaf.path not in lists]
        for group in range(file.metadata.num_row_groups):
            _check(path, file.metadata.row_group(group))
            size = min(ROWS, CELLS // max(1, len(names)), BYTES // max(1, _longest(path, group, strings)))
            for batch in file.iter_batches(max(1, size), [group], flat):
                columns = [[text(value) for value in column.to_pylist()] for column in batch.columns]
                found = [columns.pop(0) if name in flat else [""] * batch.num_rows for name in names]
                yield [list(row) for row in zip(*found, strict=True)]


def _check(path: str, group: Any) -> None:
    for chunk in map(group.column, range(group.num_columns)):
        if chunk.total_uncompressed_size > max(_FREE, _MAX_RATIO * chunk.total_compressed_size):
            raise SourceError(f"{path}: this file unpacks to far more than its size; save it as CSV")


def _longest(path: str, group: int, strings: list[str]) -> int:
    """The bytes of the longest value in the dictionaries of a group of rows."""
    from pyarrow import parquet

    with parquet.ParquetFile(path, read_dictionary=strings) as file:
        batch = next(file.iter_batches(1, [group], strings), None)
    return 0 if batch is None else max(map(_longest_of, batch.columns), default=0)


def _longest_of(column: Any) -> int:
    import pyarrow
    from pyarrow import compute

    if pyarrow.types.is_struct(column.type):
        return max(map(_longest_of, column.flatten()), default=0)
    if not pyarrow.types.is_dictionary(column.type):
        return 0
    return compute.max(compute.binary_length(column.dictionary)).as_py() or 0
