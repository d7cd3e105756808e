"""How many posts each feed has had: the records of the counts topic, and the entries of the counts table."""

import msgspec


class CountRecord(msgspec.Struct, array_like=True):
    """A record of the counts topic: the posts that one tagged record added to each feed.

    `partition`, `epoch`, `sequence`, `index` are the stamp of its last post. `counts` maps a feed's Kafka topic to
    its posts by minute (since 1970) and label; `sources` maps it to the same posts by minute and source.
    """

    partition: int
    epoch: int
    sequence: int
    index: int
    counts: dict[str, dict[int, dict[str, int]]]
    sources: dict[str, dict[int, dict[str, int]]] = {}


class Totals(msgspec.Struct):
    """What an entry of the counts table says in all. Reading it leaves the minutes out, which are most of an entry."""

    labels: dict[str, int] = {}


class Counts(msgspec.Struct):
    """An entry of the counts table: a feed's posts by label, in all and for each of the last minutes.

    `sources` has the posts of the last minutes by source, such as `bluesky`. `stamps` (stored as `origins`) holds the
    highest stamp counted of each partition, so that a redelivered record is counted once.
    """

    labels: dict[str, int] = {}
    minutes: dict[int, dict[str, int]] = {}
    stamps: dict[int, tuple[int, int, int]] = msgspec.field(default_factory=dict, name="origins")
    sources: dict[int, dict[str, int]] = {}
