"""From a feed's record to a row: the post, its time in ms, and the topics whose feeds had it.

A row's key is its time and a number in one: `received_at` in ms, then 20 bits. So the order of keys is that of time,
and a time is a range of keys.
"""

import datetime
from collections.abc import Iterable

import msgspec

from tweetream.feeds.record import FeedRecord, Stamps
from tweetream.models.feed import FeedEntry, Stamp

BITS = 20  # of a key below its time
MAX_MS = 2**42  # the year 2109
_entry = msgspec.json.Decoder(FeedEntry)


class FeedState(msgspec.Struct):
    """How far a feed is in the archive: the next offset, and the stamps before it. `topic` is the user topic.

    The offset is one of `log`, as positions name the logs of a Kafka topic that was made again; empty: not known.
    """

    topic: str
    next_offset: int
    stamps: Stamps = msgspec.field(default_factory=Stamps)
    log: str = ""


class Row(msgspec.Struct, gc=False):
    """A post of the archive; `received` is its time in ms, `topics` are the user topics whose feeds have it.

    `kafka_topic` is the feed that it was read from, `day` the UTC day (since 1970) of its arrival there.
    """

    entry: FeedEntry
    received: int
    topics: list[str]
    kafka_topic: str = ""
    day: int = 0


def row_of(record: FeedRecord, topic: str, kafka_topic: str = "", day: int = 0) -> Row | None:
    """The row of a feed's record; None if others wrote it, and it is no post."""
    try:
        entry = _entry.decode(record.data)
        received = ms_of(entry.received_at)
        if entry.created_at is not None:
            ms_of(entry.created_at)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError):
        return None
    return Row(entry, received, [topic], kafka_topic, day) if entry.id and 0 <= received < MAX_MS else None


def ms_of(text: str) -> int:
    """A time of an event, RFC 3339, in ms since 1970. Raises ValueError."""
    time = datetime.datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return round(time.timestamp() * 1000)


def merged(rows: Iterable[Row]) -> list[Row]:
    """Each post once, with all its topics, in order of time."""
    by_id: dict[str, Row] = {}
    for row in rows:
        known = by_id.setdefault(row.entry.id, row)
        if known is not row and row.topics[0] not in known.topics:
            known.topics.append(row.topics[0])
    return sorted(by_id.values(), key=lambda row: row.received)


def stamps_text(stamps: Stamps) -> str:
    """The stamps as JSON: partition, epoch, sequence, index of each partition's highest."""
    return msgspec.json.encode(stamps.each()).decode()


def read_stamps(text: str) -> Stamps:
    """The stamps of `stamps_text`. Raises msgspec.DecodeError."""
    stamps = Stamps()
    for stamp in msgspec.json.decode(text, type=list[tuple[int, int, int, int]]):
        stamps.admit(Stamp(*stamp))
    return stamps
