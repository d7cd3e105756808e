"""Parquet files of posts: writes one, leaves posts out of one, finds posts. pyarrow is imported when it is needed."""

import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tweetream.archive.errors import BadArchive
from tweetream.archive.rows import Row, ms_of

if TYPE_CHECKING:
    import pyarrow


class About(NamedTuple):
    """What a file says of itself: the namespace, and the stamps and the log of the feed at its end."""

    namespace: str
    stamps: str
    log: str


def check_pyarrow() -> None:
    """Raises BadArchive where the package is missing."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise BadArchive("parquet: needs a package: pip install 'tweetream[parquet]'") from None


def schema() -> "pyarrow.Schema":
    import pyarrow

    text = [pyarrow.field(name, pyarrow.string()) for name in ("id", "source", "url", "author", "text", "lang")]
    times = [pyarrow.field(name, pyarrow.timestamp("ms", "UTC")) for name in ("created_at", "received_at")]
    return pyarrow.schema([*text, *times, pyarrow.field("label", pyarrow.string()), ("score", pyarrow.float64())])


def table_of(rows: Sequence[Row], about: About) -> "pyarrow.Table":
    import pyarrow

    entries = [row.entry for row in rows]
    columns: dict[str, list[Any]] = {
        name: [getattr(entry, name) for entry in entries] for name in schema().names if not name.endswith("_at")
    }
    columns["created_at"] = [None if entry.created_at is None else ms_of(entry.created_at) for entry in entries]
    columns["received_at"] = [row.received for row in rows]
    said = {f"tweetream.{name}": value for name, value in about._asdict().items()}
    return pyarrow.table(columns, schema().with_metadata(said))


def write(table: "pyarrow.Table", path: Path) -> None:
    """Write a file that appears when it is complete. Raises OSError."""
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    try:
        parquet.write_table(table, unfinished, compression="zstd")
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


def place_of(path: Path) -> tuple[str, str]:
    """The stamps at the end of a file, and the log of its offsets. Raises OSError."""
    from pyarrow import parquet

    about: dict[bytes, bytes] = parquet.read_schema(path).metadata or {}
    return about.get(b"tweetream.stamps", b"[]").decode(), about.get(b"tweetream.log", b"").decode()


def number_of_rows(path: Path) -> int:
    from pyarrow import parquet

    return int(parquet.read_metadata(path).num_rows)


def matching(paths: Iterator[Path], column: str, values: Collection[str]) -> Iterator[tuple[Path, list[str]]]:
    """The files that have a post with one of these values in a column, each with the ids of these posts."""
    import pyarrow
    from pyarrow import compute, parquet

    wanted = pyarrow.array(sorted(values), pyarrow.string())
    for path in paths:
        found = parquet.read_table(path, columns=list({"id", column}), partitioning=None)
        ids = found.filter(compute.is_in(found[column], wanted))["id"].to_pylist()
        if ids:
            yield path, ids


def leave_out(path: Path, ids: Collection[str]) -> None:
    """Replace a file by one without these posts."""
    import pyarrow
    from pyarrow import compute, parquet

    table = parquet.read_table(path, partitioning=None)
    gone = compute.is_in(table["id"], pyarrow.array(sorted(ids), pyarrow.string()))
    write(table.filter(compute.invert(gone)), path)
