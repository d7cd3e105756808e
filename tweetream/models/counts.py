"""How many posts each feed has had: the records of the counts topic, and the entries of the counts table."""

from typing import Annotated

import msgspec

from tweetream.models import codec
from tweetream.models.backfill import ARCHIVED
from tweetream.models.epoch import check_epoch
from tweetream.models.post import Index, KafkaTopic, Natural, Total

MAX_COUNT = 10_000  # posts of one tagged record, by far
MAX_KINDS = 1_000  # different labels of an entry; labels or sources of one of its minutes
Kind = Annotated[str, msgspec.Meta(max_length=200)]  # a label, or the name of a source
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]


class CountRecord(msgspec.Struct, array_like=True):
    """A record of the counts topic: the posts that one tagged record added to each feed.

    Or a part of a backfill did. `partition`, `epoch`, `sequence`, `index` are the stamp of its last post. `counts` maps
    a feed's Kafka topic to its posts by minute (since 1970) and label; `sources` maps it to the same posts by minute
    and source.
    """

    partition: Natural
    epoch: Natural
    sequence: Natural
    index: Index
    counts: dict[KafkaTopic, dict[int, dict[Kind, Count]]]
    sources: dict[KafkaTopic, dict[int, dict[Kind, Count]]] = {}


class Totals(msgspec.Struct):
    """What an entry of the counts table says in all. Reading it leaves the minutes out, which are most of an entry."""

    labels: dict[str, int] = {}


class Counts(msgspec.Struct):
    """An entry of the counts table: a feed's posts by label, in all and for each of the last minutes.

    `sources` has the posts of the last minutes by source, such as `bluesky`. `stamps` (stored as `origins`) holds the
    highest stamp counted of each partition, so that a redelivered record is counted once.
    """

    labels: dict[str, Total] = {}
    minutes: dict[int, dict[str, Total]] = {}
    stamps: dict[int, tuple[int, int, int]] = msgspec.field(default_factory=dict, name="origins")
    sources: dict[int, dict[str, Total]] = {}


def check_counts(record: CountRecord, timestamp: int, partitions: int) -> None:
    """Raise Undecodable if none of our workers makes such a record; `timestamp` is the record's, in ms."""
    check_epoch(record.epoch, timestamp)
    if record.partition >= partitions and record.partition != ARCHIVED:
        raise codec.Undecodable(f"there is no partition {record.partition}")
