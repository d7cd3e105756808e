"""An archive in SQLite, with FTS5 as its search index."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection
from typing_extensions import override

from tweetream.archive.rows import Row
from tweetream.archive.schema import ID_END
from tweetream.archive.sql_store import Known, SqlStore, fields_of
from tweetream.archive.words import indexed

_json = msgspec.json.Encoder()
_names = msgspec.json.Decoder(list[str])
_FIND = (
    "SELECT posts.id, posts.key, topics, text, label, source FROM json_each(?) AS given CROSS JOIN posts "
    f"ON substr(posts.id, -{ID_END}) = substr(given.value, -{ID_END}) AND posts.id = given.value"
)
_RETRACTED = "SELECT id FROM retracted WHERE id IN (SELECT value FROM json_each(?))"
_INSERT = "INSERT INTO posts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INDEX = "INSERT INTO posts_search(rowid, text) VALUES (?, ?)"
_UNINDEX = "INSERT INTO posts_search(posts_search, rowid, text) VALUES ('delete', ?, ?)"
_LINK = "INSERT OR IGNORE INTO post_topics VALUES (?, ?)"
_COUNT = (
    "INSERT INTO post_counts VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (topic, minute, label, source) DO UPDATE SET posts = posts + excluded.posts"
)


class SqliteStore(SqlStore):
    """An archive in a file."""

    @override
    def _find(self, connection: Connection, ids: list[str]) -> list[Known]:
        found = connection.exec_driver_sql(_FIND, (_json.encode(ids).decode(),))
        return [Known(id, key, _names.decode(topics), *rest) for id, key, topics, *rest in found]

    @override
    def _among_retracted(self, connection: Connection, ids: list[str]) -> set[str]:
        return set(connection.exec_driver_sql(_RETRACTED, (_json.encode(ids).decode(),)).scalars())

    @override
    def _insert(self, connection: Connection, new: list[tuple[int, Row]]) -> None:
        topics = {tuple(row.topics): _json.encode(row.topics).decode() for _, row in new}
        rows = [(key, row.entry.id, topics[tuple(row.topics)], *fields_of(row.entry)) for key, row in new]
        connection.exec_driver_sql(_INSERT, rows)
        # In the order of keys: any other makes FTS5 write its index for each post.
        connection.exec_driver_sql(_INDEX, [(key, indexed(row.entry.text)) for key, row in new])

    @override
    def _unindex(self, connection: Connection, found: Sequence[Known]) -> None:
        ordered = sorted((post.key, indexed(post.text)) for post in found)
        connection.exec_driver_sql(_UNINDEX, ordered)

    @override
    def _set_topics(self, connection: Connection, changed: list[tuple[int, list[str]]]) -> None:
        rows = [(_json.encode(topics).decode(), key) for key, topics in changed]
        connection.exec_driver_sql("UPDATE posts SET topics = ? WHERE key = ?", rows)

    @override
    def _link(self, connection: Connection, links: list[tuple[str, int]]) -> None:
        connection.exec_driver_sql(_LINK, links)

    @override
    def _count(self, connection: Connection, counts: Counter[tuple[str, int, str, str]]) -> None:
        if counts:
            connection.exec_driver_sql(_COUNT, [(*name, number) for name, number in sorted(counts.items())])

    @override
    def _topics_of(self, value: Any) -> list[str]:
        return _names.decode(value)
