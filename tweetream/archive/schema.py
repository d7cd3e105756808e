"""The tables of an archive in a database, their version, and whether what is there is ours.

`posts` has each post once; `topics` in it are the user topics whose feeds have the post. `post_topics` finds the posts
of a topic in order, and `post_counts` counts them by minute. `feeds` says how far each feed is archived, in the same
transaction as its posts. `retracted` has the ids that may not come back. `archive` has one row: the version, the
namespace, and who writes.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Connection,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    inspect,
    select,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP, TSVECTOR

from tweetream.archive.errors import BadArchive

VERSION = 2
metadata = MetaData()
_key = BigInteger().with_variant(Integer(), "sqlite")  # SQLite's row id must be an INTEGER
_time = Text().with_variant(TIMESTAMP(timezone=True, precision=3), "postgresql")
_names = Text().with_variant(ARRAY(Text()), "postgresql")  # SQLite: a JSON array

archive = Table(
    "archive",
    metadata,
    Column("version", Integer, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("last_number", BigInteger, nullable=False),  # of the last key
    Column("holder", Text, nullable=False),  # the archiver that writes; empty: none
    Column("seen_at", BigInteger, nullable=False),  # when it last said so, in ms
    Column("lag", BigInteger, nullable=False),  # records of the feeds that were not archived then
)
posts = Table(
    "posts",
    metadata,
    Column("key", _key, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),  # each is there once, by the archiver's care
    Column("topics", _names, nullable=False),
    Column("source", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("lang", Text, nullable=False),
    Column("created_at", _time),
    Column("received_at", _time, nullable=False),
    Column("label", Text),
    Column("score", Double),
    Index("posts_author", "author"),
)
post_topics = Table(
    "post_topics",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("key", _key, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
post_counts = Table(
    "post_counts",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),  # since 1970
    Column("label", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("posts", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
feeds = Table(
    "feeds",
    metadata,
    Column("kafka_topic", Text, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("stamps", Text, nullable=False),
    Column("log", Text, nullable=False, server_default=""),  # which of the topic's logs the offset is of
)
retracted = Table(
    "retracted",
    metadata,
    Column("id", Text, primary_key=True),
    Column("retracted_at", BigInteger, nullable=False),  # ms
)
# Ids are found by their ends, which networks let grow with time: new ones go to one place of the index, and not each to
# a page of its own.
ID_END = 13  # characters
_FIND_SQLITE = f"CREATE INDEX posts_id ON posts (substr(id, -{ID_END}))"
_FIND_POSTGRESQL = f"CREATE INDEX posts_id ON posts (right(id, {ID_END}))"
# What only one database has. The search index of SQLite has no text of its own: it indexes that of `posts`.
_SQLITE = (
    _FIND_SQLITE,
    'CREATE VIRTUAL TABLE posts_search USING fts5(text, content="posts", content_rowid="key", columnsize=0, '
    'tokenize="unicode61 remove_diacritics 2")',
)
_POSTGRESQL = (
    _FIND_POSTGRESQL,
    f"ALTER TABLE posts ADD COLUMN words {TSVECTOR().compile()}",
    "CREATE INDEX posts_words ON posts USING gin (words)",
)


def _to_2(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE feeds ADD COLUMN log TEXT NOT NULL DEFAULT ''")
    if connection.dialect.name == "sqlite":  # its index of whole ids cannot be dropped, and stays
        connection.exec_driver_sql(_FIND_SQLITE)
    else:
        connection.exec_driver_sql("ALTER TABLE posts DROP CONSTRAINT posts_id_key")
        connection.exec_driver_sql(_FIND_POSTGRESQL)


# From each older version to the next one.
MIGRATIONS: Mapping[int, Callable[[Connection], None]] = MappingProxyType({1: _to_2})


def prepare(connection: Connection, namespace: str) -> None:
    """Make the tables, or bring those of an older version to ours, in the transaction. Raises BadArchive."""
    version = version_of(connection, namespace)
    if version is None:
        metadata.create_all(connection)
        for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
            connection.exec_driver_sql(statement)
        connection.execute(
            archive.insert().values(version=VERSION, namespace=namespace, last_number=0, holder="", seen_at=0, lag=0)
        )
        return
    while version < VERSION:
        if version not in MIGRATIONS:
            raise BadArchive(f"the archive has the old schema version {version}, which this release cannot read")
        MIGRATIONS[version](connection)
        version += 1
        connection.execute(archive.update().values(version=version))


def version_of(connection: Connection, namespace: str | None = None) -> int | None:
    """The version of the archive that is there; None if there is none. Raises BadArchive for what is not ours."""
    there = inspect(connection)
    names = set(there.get_table_names()) & {*metadata.tables, "posts_search"}
    if archive.name not in names:
        if names:
            raise _foreign(min(names))
        return None
    for name in sorted(names):
        if name in metadata.tables:
            columns = {column["name"] for column in there.get_columns(name)}
            if name == archive.name and not {"version", "namespace", "last_number"} <= columns:
                raise _foreign(name)
    found = connection.execute(select(archive.c.version, archive.c.namespace)).one_or_none()
    if found is None:
        raise _foreign(archive.name)
    if found.version > VERSION:
        raise BadArchive(f"the archive has schema version {found.version}, this release reads {VERSION}: upgrade it")
    if namespace is not None and found.namespace != namespace:
        raise BadArchive(f"the archive belongs to the namespace {found.namespace!r}, not to {namespace!r}")
    return int(found.version)


def _foreign(name: str) -> BadArchive:
    return BadArchive(f"the database has a table {name!r} that is not ours: give another database")
