"""Makes the store of an address: SQLite, PostgreSQL or Parquet."""

from tweetream.archive.address import Address
from tweetream.archive.batch import Store


def store_of(address: Address, namespace: str, keep_retracted: float) -> Store:
    """A store for an archiver; ids of retracted posts are kept for so many seconds. Raises BadArchive."""
    if address.kind == "sqlite":
        from tweetream.archive.sqlite import SqliteStore

        return SqliteStore(address, namespace, keep_retracted)
    raise NotImplementedError
