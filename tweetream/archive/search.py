"""Reads an archive: searches, pages of posts, counts. It opens the database read-only, and every call may block.

A page is a range of keys, newest first: the search index gives keys in that order too, so that a page costs what it
shows and not what matches.
"""

import contextlib
import datetime
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, exists, func, literal_column, select, table, text

from tweetream.archive.address import Address
from tweetream.archive.database import engine_of, explained
from tweetream.archive.errors import ArchiveMissing
from tweetream.archive.prefilter import Prefilter
from tweetream.archive.rows import BITS
from tweetream.archive.schema import archive, post_counts, post_topics, posts, version_of
from tweetream.archive.words import Term
from tweetream.models.feed import UNSURE, FeedEntry, rfc3339

TIMEOUT = 5.0  # seconds of one search
PAGE_BYTES = 2 * 1024 * 1024  # of the texts of a page; a page has at least one post
SCAN_BYTES = 8 * 1024 * 1024  # about, of texts that a scan gives at once
STEPS = 1_000  # of SQLite's machine between two looks at the clock
_topics = msgspec.json.Decoder(list[str])
_index = table("posts_search")
_rowid: Any = literal_column("posts_search.rowid")


class Search(msgspec.Struct, frozen=True):
    """Which posts: those with all terms, of a topic, a label, an author, a source, a time (ms) and a least score.

    `before` is the key that all keys are below.
    """

    terms: tuple[Term, ...] = ()
    topic: str | None = None
    label: str | None = None
    author: str | None = None
    source: str | None = None
    since: int | None = None
    until: int | None = None
    min_score: float = 0.0
    before: int | None = None
    after: int | None = None


class Found(FeedEntry, gc=False):
    """A post of the archive, as events have it, with all its topics; `topic` is the one that was asked for."""

    topics: list[str]
    key: int


class ArchiveReader:
    """An archive in a database, for many readers. Raises BadArchive at once if its address cannot be right."""

    def __init__(self, address: Address, timeout: float = TIMEOUT) -> None:
        self.address, self._timeout = address, timeout
        self._engine = engine_of(address, write=False, timeout=timeout)
        self._checked = False

    def close(self) -> None:
        self._engine.dispose()

    def page(self, search: Search, number: int) -> tuple[list[Found], bool]:
        """The newest `number` posts, newest first, or fewer of PAGE_BYTES together; and whether there are older ones.

        Raises ArchiveUnavailable or BadArchive.
        """
        found: list[Found] = []
        size = 0
        with explained(self.address), self._connection() as connection:
            asked, key = _statement(search, connection)
            for row in connection.execute(asked.order_by(key.desc()).limit(number + 1)):
                post = _found(row, search.topic)
                size += len(post.text.encode())
                if len(found) == number or (found and size > PAGE_BYTES):
                    return found, True
                found.append(post)
        return found, False

    def oldest(self, search: Search, number: int) -> list[Found]:
        """The oldest `number` posts, oldest first, or fewer of PAGE_BYTES together: all of them come by `after`."""
        found: list[Found] = []
        size = 0
        with explained(self.address), self._connection() as connection:
            asked, key = _statement(search, connection)
            for row in connection.execute(asked.order_by(key).limit(number)):
                found.append(_found(row, search.topic))
                size += len(found[-1].text)
                if size > PAGE_BYTES:
                    break
        return found

    def every(self, search: Search, number: int = 1_000) -> Iterator[list[Found]]:
        """All posts, oldest first, some at a time."""
        while found := self.oldest(search, number):
            yield found
            search = msgspec.structs.replace(search, after=found[-1].key)

    def scan(self, rule: Prefilter, after: int, before: int, number: int) -> tuple[int | None, list[tuple[int, str]]]:
        """Look through the next `number` posts with keys between these two, in order; fewer if SCAN_BYTES pass.

        Returns the key of the last one (None: there are no more), and the keys and texts of those that the rule lets
        pass.
        """
        key = posts.c.key
        with explained(self.address), self._connection() as connection:
            between = select(key).where(key > after, key < before).order_by(key)
            last = connection.execute(between.offset(number - 1).limit(1)).scalar()
            if last is not None:
                before = last + 1
            asked = select(key, posts.c.text).where(key > after, key < before)
            found, size = list[tuple[int, str]](), 0
            for row in connection.execute(asked.where(rule.condition(connection.dialect.name)).order_by(key)):
                found.append((row[0], row[1]))
                size += len(row[1])
                if size > SCAN_BYTES:
                    return row[0], found
        return last, found

    def by_keys(self, keys: Sequence[int]) -> list[Found]:
        """The posts with these keys, oldest first."""
        if not keys:
            return []
        with explained(self.address), self._connection() as connection:
            asked, key = _statement(Search(), connection)
            rows = connection.execute(asked.where(key.in_(keys)).order_by(key)).all()
        return [_found(row, None) for row in rows]

    def counts(self, topic: str, since: int, until: int, step: int) -> list[tuple[int, str, str, int]]:
        """Posts from minute `since` to before `until`, by step (its first minute), label and source, in order."""
        column = post_counts.c
        start = (column.minute - column.minute % step).label("start")
        asked = (
            select(start, column.label, column.source, func.sum(column.posts))
            .where(column.topic == topic, column.minute >= since, column.minute < until, column.posts > 0)
            .group_by(start, column.label, column.source)
            .order_by(start)
        )
        with explained(self.address), self._connection() as connection:
            return [(*row[:3], int(row[3])) for row in connection.execute(asked)]

    def lag(self) -> tuple[int, int]:
        """The records that were not archived when the archiver last said so, and when that was (ms)."""
        with explained(self.address), self._connection() as connection:
            found = connection.execute(select(archive.c.lag, archive.c.seen_at)).one()
        return found.lag, found.seen_at

    def number(self, topic: str) -> int:
        """How many posts of a topic there are."""
        with explained(self.address), self._connection() as connection:
            asked = select(func.sum(post_counts.c.posts)).where(post_counts.c.topic == topic)
            return int(connection.execute(asked).scalar() or 0)

    def has_label(self, label: str) -> bool:
        """Whether a post has had this label."""
        with explained(self.address), self._connection() as connection:
            asked = select(post_counts.c.label).where(post_counts.c.label == label).limit(1)
            return connection.execute(asked).first() is not None

    def topics(self) -> list[str]:
        """The topics that have posts."""
        with explained(self.address), self._connection() as connection:
            return sorted(connection.execute(select(post_counts.c.topic).distinct()).scalars())

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A read-only transaction, which SQLite ends after some seconds; PostgreSQL does so by itself."""
        sqlite = self.address.kind == "sqlite"
        if sqlite and not Path(self.address.place).exists():
            raise ArchiveMissing(f"there is no archive at {self.address} yet")
        with self._engine.connect() as connection:
            if sqlite:
                end = time.monotonic() + self._timeout
                driver: Any = connection.connection.driver_connection
                driver.set_progress_handler(lambda: time.monotonic() > end, STEPS)
            self._check(connection)
            yield connection

    def _check(self, connection: Connection) -> None:
        """Once, whether the tables are there and ours."""
        if not self._checked:
            if version_of(connection) is None:
                raise ArchiveMissing(f"there is no archive at {self.address} yet")
            self._checked = True


def _statement(search: Search, connection: Connection) -> tuple[Select[Any], Any]:
    """The posts, and the key to sort by: that of the index which gives them in this order already."""
    found = select(
        posts.c.key, posts.c.id, posts.c.topics, posts.c.source, posts.c.url, posts.c.author, posts.c.text,
        posts.c.lang, posts.c.created_at, posts.c.received_at, posts.c.label, posts.c.score,
    )  # fmt: skip
    key: Any = posts.c.key
    if search.topic is not None:
        found = found.join(post_topics, post_topics.c.key == posts.c.key).where(post_topics.c.topic == search.topic)
        key = post_topics.c.key
    if search.terms:
        sqlite = connection.dialect.name == "sqlite"
        found = (_with_words if sqlite else _with_vector)(found, search.terms)
        key = _rowid if sqlite and not all(term.excluded for term in search.terms) else key
    for bound, at_least in ((search.since, True), (search.until, False)):
        if bound is not None:
            edge = min(max(0, bound) << BITS, 2**63 - 1)
            found = found.where(key >= edge if at_least else key < edge)
    if search.before is not None:
        found = found.where(key < search.before)
    if search.after is not None:
        found = found.where(key > search.after)
    if search.label is not None:
        found = found.where(posts.c.label.is_(None) if search.label == UNSURE else posts.c.label == search.label)
    if search.author is not None:
        found = found.where(posts.c.author.in_({search.author, search.author.removeprefix("@")}))
    if search.source is not None:
        found = found.where(posts.c.source == search.source)
    if search.min_score:
        found = found.where(posts.c.score >= search.min_score)
    return found, key


def _with_words(found: Select[Any], terms: Sequence[Term]) -> Select[Any]:
    """FTS5: a term is a string in quotes; only a query that wants something can exclude."""
    quoted = [(f'"{term.words}"{" *" if term.prefix else ""}', term.excluded) for term in terms]
    wanted = " AND ".join(words for words, excluded in quoted if not excluded)
    unwanted = " OR ".join(words for words, excluded in quoted if excluded)
    if not wanted:
        hit = text("posts_search MATCH :unwanted AND posts_search.rowid = posts.key").bindparams(unwanted=unwanted)
        return found.where(~exists(select(_rowid).select_from(_index).where(hit).correlate(posts)))
    match = f"({wanted}) NOT ({unwanted})" if unwanted else wanted
    return found.join(_index, _rowid == posts.c.key).where(text("posts_search MATCH :match").bindparams(match=match))


def _with_vector(found: Select[Any], terms: Sequence[Term]) -> Select[Any]:
    """`tsvector`: the words as the archiver wrote them, which no parser of PostgreSQL takes apart."""
    asked = " & ".join(f"{'!' if term.excluded else ''}({_phrase(term)})" for term in terms)
    return found.where(text("posts.words @@ CAST(:asked AS tsquery)").bindparams(asked=asked))


def _phrase(term: Term) -> str:
    return " <-> ".join(f"'{word}'" for word in term.words.split()) + (":*" if term.prefix else "")


def _found(row: Any, topic: str | None) -> Found:
    key, id, topics, source, url, author, said, lang, created_at, received_at, label, score = row
    names = _topics.decode(topics) if isinstance(topics, str) else list(topics)
    return Found(
        id, topic or names[0], source, url, author, said, lang, _time(created_at), str(_time(received_at)),
        label, score, names, key,
    )  # fmt: skip


def _time(value: str | datetime.datetime | None) -> str | None:
    return rfc3339(round(value.timestamp() * 1000)) if isinstance(value, datetime.datetime) else value
