"""An archive in PostgreSQL: rows come by COPY, and `tsvector` with GIN is the search index."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from typing_extensions import override

from tweetream.archive.batch import Batch
from tweetream.archive.rows import Row
from tweetream.archive.schema import ID_END
from tweetream.archive.sql_store import Known, SqlStore
from tweetream.archive.words import indexed

LINES = 200  # sent together
# New posts after which the planner gets numbers anew, later half as many as there are; else it chooses slow ways.
FIRST_ANALYZE = 50_000
_COLUMNS = "key, id, topics, source, url, author, text, lang, created_at, received_at, label, score"
_FIND = f"SELECT id, key, topics, text, label, source FROM posts WHERE right(id, {ID_END}) = ANY(%s) AND id = ANY(%s)"
_RETRACTED = "SELECT id FROM retracted WHERE id = ANY(%s)"
_COPY = f"COPY posts ({_COLUMNS}, words) FROM STDIN"
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_TO_ESCAPE = re.compile(r"[\\\t\n\r]")
MAX_WORD = 500  # characters; a lexeme has at most 2,046 bytes
_LINK = "INSERT INTO post_topics (topic, key) SELECT * FROM unnest(%s::text[], %s::bigint[]) ON CONFLICT DO NOTHING"
_COUNT = (
    "INSERT INTO post_counts AS old (topic, minute, label, source, posts) "
    "SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::bigint[]) "
    "ON CONFLICT (topic, minute, label, source) DO UPDATE SET posts = old.posts + excluded.posts"
)


def _line(key: int, row: Row) -> str:
    """A post as COPY reads it."""
    entry = row.entry
    fields = [
        str(key), entry.id, "{" + ",".join(row.topics) + "}", entry.source, entry.url, entry.author, entry.text,
        entry.lang, entry.created_at, entry.received_at, entry.label, entry.score,
    ]  # fmt: skip
    texts = ["\\N" if field is None else _escaped(str(field)) for field in fields]
    return "\t".join([*texts, vector(entry.text)]) + "\n"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPED) if _TO_ESCAPE.search(text) else text


def vector(text: str) -> str:
    """The words of a text with their places, as PostgreSQL reads a tsvector. They have letters and digits alone."""
    return " ".join([f"{word}:{place}" for place, word in enumerate(indexed(text).split(), 1) if len(word) < MAX_WORD])


class PostgresStore(SqlStore):
    """An archive in a database of PostgreSQL."""

    _not_analyzed = 0
    _analyze_after = FIRST_ANALYZE

    @override
    def _write(self, connection: Connection, batch: Batch, rows: list[Row]) -> int:
        new = super()._write(connection, batch, rows)
        self._not_analyzed += new
        if self._not_analyzed >= self._analyze_after:
            connection.exec_driver_sql("ANALYZE posts, post_topics")
            there = connection.exec_driver_sql("SELECT reltuples FROM pg_class WHERE oid = 'posts'::regclass")
            self._not_analyzed, self._analyze_after = 0, max(FIRST_ANALYZE, int(there.scalar_one()) // 2)
        return new

    @override
    def _find(self, connection: Connection, ids: list[str]) -> list[Known]:
        ends = sorted({id[-ID_END:] for id in ids})
        return [Known(*row) for row in connection.exec_driver_sql(_FIND, (ends, ids))]

    @override
    def _among_retracted(self, connection: Connection, ids: list[str]) -> set[str]:
        return set(connection.exec_driver_sql(_RETRACTED, (ids,)).scalars())

    @override
    def _insert(self, connection: Connection, new: list[tuple[int, Row]]) -> None:
        import psycopg

        driver: Any = connection.connection.driver_connection
        try:
            with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
                for begin in range(0, len(new), LINES):
                    copy.write("".join([_line(key, row) for key, row in new[begin : begin + LINES]]))
        except psycopg.Error as error:  # a call of the driver itself: SQLAlchemy does not see its errors
            raise DBAPIError.instance(_COPY, (), error, psycopg.Error, dialect=connection.dialect) from error

    @override
    def _unindex(self, connection: Connection, found: Sequence[Known]) -> None:
        """The index goes with the rows."""

    @override
    def _set_topics(self, connection: Connection, changed: list[tuple[int, list[str]]]) -> None:
        rows = [(topics, key) for key, topics in changed]
        connection.exec_driver_sql("UPDATE posts SET topics = %s WHERE key = %s", rows)

    @override
    def _link(self, connection: Connection, links: list[tuple[str, int]]) -> None:
        connection.exec_driver_sql(_LINK, tuple(map(list, zip(*links, strict=True))))

    @override
    def _count(self, connection: Connection, counts: Counter[tuple[str, int, str, str]]) -> None:
        if counts:
            lines = [(*name, number) for name, number in sorted(counts.items())]
            connection.exec_driver_sql(_COUNT, tuple(map(list, zip(*lines, strict=True))))

    @override
    def _topics_of(self, value: Any) -> list[str]:
        return list(value)
