"""An archive in PostgreSQL: rows come by COPY, and `tsvector` with GIN is the search index."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from typing_extensions import override

from tweetream.archive.batch import Batch
from tweetream.archive.rows import Row
from tweetream.archive.sql_store import Known, SqlStore, fields_of
from tweetream.archive.words import indexed

ANALYZE_EVERY = 50_000  # new posts; without numbers of its own, the planner chooses slow ways to search
_COLUMNS = "key, id, topics, source, url, author, text, lang, created_at, received_at, label, score"
_FIND = "SELECT id, key, topics, text, label, source FROM posts WHERE id = ANY(%s)"
_RETRACTED = "SELECT id FROM retracted WHERE id = ANY(%s)"
_STAGE = (
    f"CREATE TEMP TABLE IF NOT EXISTS new_posts AS SELECT {_COLUMNS}, text AS indexed FROM posts LIMIT 0",
    "TRUNCATE new_posts",
)
_COPY = f"COPY new_posts ({_COLUMNS}, indexed) FROM STDIN"
_INSERT = (
    f"INSERT INTO posts ({_COLUMNS}, words) "
    f"SELECT {_COLUMNS}, to_tsvector('simple', indexed) FROM new_posts ORDER BY key"
)
_LINK = "INSERT INTO post_topics (topic, key) SELECT * FROM unnest(%s::text[], %s::bigint[]) ON CONFLICT DO NOTHING"
_COUNT = (
    "INSERT INTO post_counts AS old (topic, minute, label, source, posts) "
    "SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::bigint[]) "
    "ON CONFLICT (topic, minute, label, source) DO UPDATE SET posts = old.posts + excluded.posts"
)


class PostgresStore(SqlStore):
    """An archive in a database of PostgreSQL."""

    _not_analyzed = 0

    @override
    def _write(self, connection: Connection, batch: Batch, rows: list[Row]) -> int:
        new = super()._write(connection, batch, rows)
        self._not_analyzed += new
        if self._not_analyzed >= ANALYZE_EVERY:
            connection.exec_driver_sql("ANALYZE posts, post_topics")
            self._not_analyzed = 0
        return new

    @override
    def _find(self, connection: Connection, ids: list[str]) -> list[Known]:
        return [Known(*row) for row in connection.exec_driver_sql(_FIND, (ids,))]

    @override
    def _among_retracted(self, connection: Connection, ids: list[str]) -> set[str]:
        return set(connection.exec_driver_sql(_RETRACTED, (ids,)).scalars())

    @override
    def _insert(self, connection: Connection, new: list[tuple[int, Row]]) -> None:
        for statement in _STAGE:
            connection.exec_driver_sql(statement)
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            for key, row in new:
                entry = row.entry
                copy.write_row((key, entry.id, row.topics, *fields_of(entry), indexed(entry.text)))
        connection.exec_driver_sql(_INSERT)

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
