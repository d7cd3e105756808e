"""Connections to the database of an archive, and what its errors mean. SQLAlchemy is imported by whoever needs it."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from tweetream.archive.address import Address
from tweetream.archive.errors import ArchiveUnavailable, BadArchive
from tweetream.models.printable import printable

BUSY = 5.0  # seconds that a writer waits for the lock of somebody else; then it says so and tries again
CACHE_KIB = 64 * 1024
SEARCH_CACHE_KIB = 32 * 1024
JOURNAL = 64 * 1024 * 1024  # bytes of the write-ahead log that stay on the disk
_WRITING = (
    "PRAGMA journal_mode = WAL",  # searches go on while posts are written
    # A commit that a power failure takes back is read from Kafka again, since the offsets go back with it.
    "PRAGMA synchronous = NORMAL",
    f"PRAGMA cache_size = -{CACHE_KIB}",
    f"PRAGMA journal_size_limit = {JOURNAL}",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA secure_delete = ON",  # a deleted post is overwritten
    "PRAGMA temp_store = MEMORY",
)
_READING = ("PRAGMA query_only = ON", f"PRAGMA cache_size = -{SEARCH_CACHE_KIB}")
# PostgreSQL's words for what waiting does not change, since a failed connection has no code.
_FINAL = ("authentication failed", "does not exist", "permission denied", "no pg_hba.conf entry")
_READER = "-c default_transaction_read_only=on"
# A commit that a crash of the server takes back is read from Kafka again. What the archiver looks for, an index finds,
# and thousands of ids are another question each time.
_WRITER = "-c synchronous_commit=off -c enable_seqscan=off -c plan_cache_mode=force_custom_plan"
# A server that is cut off says nothing: without these the system waits for its answer for hours.
_SILENCE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}


def engine_of(address: Address, *, write: bool, timeout: float = 0.0) -> Engine:
    """An engine; a statement may take `timeout` seconds (0: any). Raises BadArchive."""
    if address.kind == "sqlite":
        return _sqlite(Path(address.place).absolute(), write)
    try:
        import psycopg  # noqa: F401  # SQLAlchemy's own error names no extra
    except ImportError:
        raise BadArchive("postgresql: needs a package: pip install 'tweetream[postgres]'") from None
    options = f"-c statement_timeout={int(timeout * 1000)} -c timezone=UTC {_WRITER if write else _READER}"
    if write:
        options += f" -c lock_timeout={int(BUSY * 1000)}"
    url = "postgresql+psycopg" + address.place.removeprefix("postgresql")
    try:
        return create_engine(
            url, pool_size=4, max_overflow=4, pool_pre_ping=not write,
            connect_args={"options": options, "connect_timeout": 5} | _SILENCE,
        )  # fmt: skip
    except (SQLAlchemyError, NoSuchModuleError, ValueError) as error:
        raise BadArchive(f"the archive's address is not right: {printable(error)}") from None


def _sqlite(path: Path, write: bool) -> Engine:
    if not path.parent.is_dir():
        raise BadArchive(f"there is no folder {path.parent}")
    if path.is_dir():
        raise BadArchive(f"{path} is a folder; name a file")
    query = {"uri": "true"} | ({} if write else {"mode": "ro"})
    url = URL.create("sqlite", database=f"file:{_escaped(path)}", query=query)
    # A connection is one thread's, and a reader of a file that was replaced would keep the old one.
    made = create_engine(url, poolclass=NullPool if not write else None, connect_args={"timeout": BUSY})

    def connected(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's BEGIN below is the only one
        for statement in _WRITING if write else _READING:
            connection.execute(statement)

    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    event.listen(made, "connect", connected)
    event.listen(made, "begin", begin)
    return made


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


@contextlib.contextmanager
def explained(address: Address) -> Iterator[None]:
    """Within the block, an error of the database becomes BadArchive or ArchiveUnavailable."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        said = printable(str(error.orig).splitlines()[0] if str(error.orig) else repr(error.orig))
        if "not a database" in said:
            raise BadArchive(f"{address.place} is another file, not a database of SQLite") from error
        if "readonly database" in said:
            raise BadArchive(f"{address.place} may not be written") from error
        final = address.kind == "postgresql" and any(words in said for words in _FINAL)
        if final or not isinstance(error, OperationalError) and not error.connection_invalidated:
            raise BadArchive(f"{address}: {said}") from error
        raise ArchiveUnavailable(f"{address}: {said}") from error
    except (OSError, sqlite3.Error) as error:  # a connection that cannot be opened: SQLAlchemy passes it on as it is
        raise ArchiveUnavailable(f"{address}: {printable(getattr(error, 'strerror', None) or error)}") from error
