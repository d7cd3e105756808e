"""An archive in a database: what SQLite and PostgreSQL do alike.

The lock, the rows, the counts and the offsets of the feeds are one transaction.
Limits: one archiver writes. A post that comes again with the same id stays as it was, and gets the other topic.
"""

import random
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.exc import IntegrityError
from typing_extensions import override

from tweetream.archive.address import Address
from tweetream.archive.batch import Batch, Store
from tweetream.archive.database import engine_of, explained
from tweetream.archive.lock import Lock
from tweetream.archive.rows import BITS, FeedState, Row, merged, read_stamps, stamps_text
from tweetream.archive.schema import archive, feeds, post_counts, post_topics, posts, prepare, retracted
from tweetream.models.feed import UNSURE, FeedEntry

TRIES = 3
MINUTE = 60_000  # ms
_TEXTS = ("id", "source", "url", "author", "text", "lang", "label")


class Known(NamedTuple):
    """A post that is in the archive: its key, its topics, and what it is counted by."""

    id: str
    key: int
    topics: list[str]
    text: str
    label: str | None
    source: str


class SqlStore(Store):
    """An archive in a database. `namespace` is that of the feeds."""

    def __init__(self, address: Address, namespace: str, keep_retracted: float) -> None:
        self.address, self._namespace = address, namespace
        self._keep_retracted = int(keep_retracted * 1000)
        self._lock = Lock()
        self._engine = engine_of(address, write=True)
        self._number = 0  # of the last key

    @override
    def open(self) -> dict[str, FeedState]:
        self._engine.dispose()
        with explained(self.address), self._engine.begin() as connection:
            prepare(connection, self._namespace)
            self._lock.take(connection)
            self._number = connection.execute(select(archive.c.last_number)).scalar_one()
            found = connection.execute(select(feeds)).all()
        return {
            row.kafka_topic: FeedState(row.topic, row.next_offset, read_stamps(row.stamps), row.log) for row in found
        }

    @override
    def write(self, batch: Batch) -> int:
        rows = [_cleaned(row) for row in merged(batch.rows)]
        with explained(self.address):
            for attempt in range(TRIES):
                try:
                    with self._engine.begin() as connection:
                        self._lock.hold(connection, batch.lag)
                        return self._write(connection, batch, rows)
                except IntegrityError:  # a key is taken: its time and number come again after a million posts
                    if attempt == TRIES - 1:
                        raise
                    self._number += random.randrange(2**BITS)
        raise AssertionError

    def _write(self, connection: Connection, batch: Batch, rows: list[Row]) -> int:
        self._retract(connection, batch.retracted)
        kept = self._without_retracted(connection, rows)
        known = {post.id: post for post in self._find(connection, [row.entry.id for row in kept])}
        new = sorted(self._keyed([row for row in kept if row.entry.id not in known]), key=lambda pair: pair[0])
        more = [(known[row.entry.id], row) for row in kept if row.entry.id in known]
        links, counts = _links(new), _counts(row for _, row in new)
        if new:
            self._insert(connection, new)
        changed: list[tuple[int, list[str]]] = []
        for post, row in more:
            topics = [name for name in row.topics if name not in post.topics]
            if topics:
                links += [(topic, post.key) for topic in topics]
                counts += _counted(topics, post.key, post.label, post.source)
                changed.append((post.key, [*post.topics, *topics]))
        if changed:
            self._set_topics(connection, changed)
        if links:
            self._link(connection, sorted(links))
        self._count(connection, counts)
        self._save_feeds(connection, batch.feeds)
        connection.execute(archive.update().values(last_number=self._number))
        return len(new)

    def _keyed(self, rows: Iterable[Row]) -> Iterable[tuple[int, Row]]:
        for row in rows:
            self._number += 1
            yield row.received << BITS | self._number % 2**BITS, row

    def _without_retracted(self, connection: Connection, rows: list[Row]) -> list[Row]:
        if not rows or connection.execute(select(retracted.c.id).limit(1)).first() is None:
            return rows
        gone = self._among_retracted(connection, [row.entry.id for row in rows])
        return [row for row in rows if row.entry.id not in gone] if gone else rows

    def _retract(self, connection: Connection, ids: Mapping[str, int | None]) -> int:
        if not ids:
            return 0
        ids = {_plain(id): at for id, at in ids.items()}
        connection.execute(delete(retracted).where(retracted.c.id == bindparam("gone")), [{"gone": id} for id in ids])
        new = {id: at for id, at in ids.items() if at is not None}
        if not new:
            return 0
        connection.execute(retracted.insert(), [{"id": id, "retracted_at": at} for id, at in new.items()])
        oldest = time.time_ns() // 1_000_000 - self._keep_retracted  # no feed has the posts any more
        connection.execute(delete(retracted).where(retracted.c.retracted_at < oldest))
        return self._delete(connection, self._find(connection, list(new)))

    def _delete(self, connection: Connection, found: Sequence[Known], *, counted: bool = True) -> int:
        if not found:
            return 0
        self._unindex(connection, found)
        links = [{"a": topic, "b": post.key} for post in found for topic in post.topics]
        link = post_topics.c
        connection.execute(delete(post_topics).where(link.topic == bindparam("a"), link.key == bindparam("b")), links)
        connection.execute(delete(posts).where(posts.c.key == bindparam("a")), [{"a": post.key} for post in found])
        if counted:
            for post in found:
                fewer = _counted(post.topics, post.key, post.label, post.source)
                self._count(connection, Counter({name: -number for name, number in fewer.items()}))
        return len(found)

    def _save_feeds(self, connection: Connection, states: Mapping[str, FeedState]) -> None:
        for kafka_topic, state in states.items():
            values = {"topic": state.topic, "next_offset": state.next_offset, "log": state.log}
            values["stamps"] = stamps_text(state.stamps)
            changed = connection.execute(feeds.update().where(feeds.c.kafka_topic == kafka_topic).values(values))
            if not changed.rowcount:
                connection.execute(feeds.insert().values(kafka_topic=kafka_topic, **values))

    @override
    def expire(self, before: int, most: int) -> int:
        old = posts.c.key < max(0, before) << BITS
        with explained(self.address), self._engine.begin() as connection:
            keys = connection.execute(select(posts.c.key).where(old).order_by(posts.c.key).limit(most)).scalars()
            gone = self._delete(connection, self._known(connection, posts.c.key.in_(list(keys))), counted=False)
            connection.execute(delete(post_counts).where(post_counts.c.minute < before // MINUTE))
        return gone

    @override
    def ids_of(self, author: str) -> list[str]:
        names = {author, author.removeprefix("@")}
        with explained(self.address), self._engine.begin() as connection:
            prepare(connection, self._namespace)
            return list(connection.execute(select(posts.c.id).where(posts.c.author.in_(names))).scalars())

    @override
    def retract(self, ids: dict[str, int]) -> int:
        with explained(self.address), self._engine.begin() as connection:
            return self._retract(connection, ids)

    @override
    def close(self) -> None:
        with explained(self.address):
            with self._engine.begin() as connection:
                self._lock.release(connection)
            self._engine.dispose()

    def _known(self, connection: Connection, condition: Any) -> list[Known]:
        column = posts.c
        asked = select(column.id, column.key, column.topics, column.text, column.label, column.source)
        return [
            Known(*row[:2], self._topics_of(row[2]), *row[3:]) for row in connection.execute(asked.where(condition))
        ]

    @abstractmethod
    def _find(self, connection: Connection, ids: list[str]) -> list[Known]:
        """Those posts that are in the archive."""

    @abstractmethod
    def _among_retracted(self, connection: Connection, ids: list[str]) -> set[str]:
        """Those ids that were retracted."""

    @abstractmethod
    def _insert(self, connection: Connection, new: list[tuple[int, Row]]) -> None:
        """Insert posts, and index their words."""

    @abstractmethod
    def _unindex(self, connection: Connection, found: Sequence[Known]) -> None:
        """Take posts out of the search index, before they are deleted."""

    @abstractmethod
    def _set_topics(self, connection: Connection, changed: list[tuple[int, list[str]]]) -> None:
        """These posts, by their keys, are in more topics now. A backfill makes that of many."""

    @abstractmethod
    def _link(self, connection: Connection, links: list[tuple[str, int]]) -> None:
        """Insert pairs of a topic and the key of a post."""

    @abstractmethod
    def _count(self, connection: Connection, counts: Counter[tuple[str, int, str, str]]) -> None:
        """Add to the numbers of posts by topic, minute, label and source."""

    @abstractmethod
    def _topics_of(self, value: Any) -> list[str]:
        """The topics of a post as the database gives them."""


def _plain(text: str) -> str:
    """The text without NUL, which ends a text for some programs and which PostgreSQL refuses."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _cleaned(row: Row) -> Row:
    entry = row.entry
    for name in _TEXTS:
        if "\0" in (getattr(entry, name) or ""):
            setattr(entry, name, _plain(getattr(entry, name)))
    return row


def fields_of(entry: FeedEntry) -> tuple[Any, ...]:
    """The columns from `source` on, as text."""
    return (
        entry.source, entry.url, entry.author, entry.text, entry.lang, entry.created_at, entry.received_at,
        entry.label, entry.score,
    )  # fmt: skip


def _links(new: list[tuple[int, Row]]) -> list[tuple[str, int]]:
    return [(topic, key) for key, row in new for topic in row.topics]


def _counts(rows: Iterable[Row]) -> Counter[tuple[str, int, str, str]]:
    return Counter(
        [
            (topic, row.received // MINUTE, row.entry.label or UNSURE, row.entry.source)
            for row in rows
            for topic in row.topics
        ]
    )


def _counted(topics: Iterable[str], key: int, label: str | None, source: str) -> Counter[tuple[str, int, str, str]]:
    minute = (key >> BITS) // MINUTE
    return Counter({(topic, minute, label or UNSURE, source): 1 for topic in topics})
