"""Makes the store of an address: SQLite, PostgreSQL or Parquet."""

from pathlib import Path

from tweetream.archive.address import Address
from tweetream.archive.batch import Store


def store_of(address: Address, namespace: str, keep_retracted: float) -> Store:
    """A store for an archiver; ids of retracted posts are kept for so many seconds. Raises BadArchive."""
    if address.kind == "sqlite":
        from tweetream.archive.sqlite import SqliteStore

        return SqliteStore(address, namespace, keep_retracted)
    if address.kind == "postgresql":
        from tweetream.archive.postgres import PostgresStore

        return PostgresStore(address, namespace, keep_retracted)
    from tweetream.archive.parquet import ParquetStore

    return ParquetStore(Path(address.place), namespace, keep_retracted)
