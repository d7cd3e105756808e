"""User topics, the commands that change them, and how many posts each has had."""

import re
from typing import Literal

import msgspec

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MAX_TERMS = 100
MAX_TERM = 100


class BadTopic(ValueError):
    """A name or a track that no topic can have; the message says why."""


class Topic(msgspec.Struct, frozen=True):
    """An entry of the topics table. `deleted_at` makes it a tombstone (ms since 1970; 0: alive).

    `generation` is the Kafka timestamp (ms) of the command that made it, `command` that command's offset.
    `former` are the Kafka topics of earlier generations, for as long as they may still be there.
    """

    name: str
    track: tuple[str, ...]
    created_at: int
    generation: int
    kafka_topic: str
    command: int
    deleted_at: int = 0
    former: tuple[str, ...] = ()

    @property
    def alive(self) -> bool:
        return not self.deleted_at


class Command(msgspec.Struct, frozen=True):
    """A record of the commands topic. `forget` drops a tombstone of `generation`, or its `former`.

    `missing`: add it only if it was never there.
    """

    action: Literal["add", "delete", "forget"]
    name: str
    track: tuple[str, ...] = ()
    generation: int = 0
    missing: bool = False


class CountRecord(msgspec.Struct, array_like=True):
    """A record of the counts topic: what one tagged record added to each feed.

    `partition`, `epoch`, `sequence`, `index` are the origin of its last post; `counts` maps the feed's Kafka topic to
    posts by minute (since 1970) and label, `sources` to the same posts by minute and source.
    """

    partition: int
    epoch: int
    sequence: int
    index: int
    counts: dict[str, dict[int, dict[str, int]]]
    sources: dict[str, dict[int, dict[str, int]]] = {}


class Counts(msgspec.Struct):
    """An entry of the counts table: a feed's posts by label, in all and for each of the last minutes.

    `sources` are those of the last minutes by source, such as `bluesky`.
    `origins` holds, per partition, the highest origin counted: what comes again is not counted again.
    """

    labels: dict[str, int] = {}
    minutes: dict[int, dict[str, int]] = {}
    stamps: dict[int, tuple[int, int, int]] = msgspec.field(default_factory=dict, name="origins")
    sources: dict[int, dict[str, int]] = {}


def check_name(name: object) -> str:
    """Return `name` if a topic can have it; raise BadTopic with the reason otherwise."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadTopic("a topic's name is 1 to 64 of a-z 0-9 - _ and starts with a letter or a digit")
    return name
