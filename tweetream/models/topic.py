"""User topics: a name, the words that it tracks, and its entry in the topics table."""

import re
from collections.abc import Iterable

import msgspec

from tweetream.models.alert import AlertRule, BadAlert, check_alert
from tweetream.models.backfill import Backfill
from tweetream.models.feed import FeedName, base36

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MAX_TERMS = 100
MAX_TERM = 100
CHARACTERS_EACH = 1_000  # of the tracks of all topics together, for each topic that the settings allow


class BadTopic(ValueError):
    """A name or a track that no topic can have; the message gives the reason."""


class TooManyTopics(ValueError):
    """The topics are as many, or their tracks as long, as the settings allow; the message says what to do."""


class Topic(msgspec.Struct, frozen=True):
    """An entry of the topics table. `deleted_at` makes it a tombstone (ms since 1970; 0: alive).

    `generation` is the Kafka timestamp (ms) of the command that added the topic, `command` that command's offset.
    `former` are the Kafka topics of earlier generations that may still exist. `remade` is when the Kafka topic, which
    somebody had deleted, was last made again (ms since 1970; 0: never). `alert` is the rule for alerts, and
    `alert_since` the time (ms since 1970) of the command that set it. `backfill` is there if one was asked for.
    """

    name: str
    track: tuple[str, ...]
    created_at: int
    generation: int
    kafka_topic: str
    command: int
    deleted_at: int = 0
    former: tuple[str, ...] = ()
    remade: int = 0
    alert: AlertRule | None = None
    alert_since: int = 0
    backfill: Backfill | None = None

    @property
    def log(self) -> str:
        """What positions name: another one for each generation, and each time that its Kafka topic is made again."""
        return base36(self.remade or self.generation)

    @property
    def is_filling(self) -> bool:
        """Whether the feed gets stored posts now, so that live ones wait."""
        return self.backfill is not None and self.backfill.is_running

    @property
    def alive(self) -> bool:
        return not self.deleted_at


def check_name(name: object) -> str:
    """Return `name` if a topic can have it; raise BadTopic with the reason otherwise."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadTopic("a topic's name is 1 to 64 of a-z 0-9 - _ and starts with a letter or a digit")
    return name


def check_entry(topic: Topic) -> str:
    """Return the topic's name if an entry of the table can be so; raise BadTopic with the reason otherwise.

    The sweep deletes the Kafka topics that an entry names, so these must be feeds of that very topic.
    """
    name = check_name(topic.name)
    if topic.generation < 0:
        raise BadTopic(f"{topic.generation} is no generation")
    if not topic.kafka_topic.endswith(f"-feed-{FeedName(name, topic.generation)}"):
        raise BadTopic(f"{topic.kafka_topic!r} is not the feed of {name}")
    for feed in topic.former:
        if not re.fullmatch(rf".+-feed-{re.escape(name)}-[0-9a-z]+", feed):
            raise BadTopic(f"{feed!r} is no feed of {name}")
    try:
        if topic.alert is not None and check_alert(topic.alert) != topic.alert:
            raise BadTopic("its alert has no numbers")
    except BadAlert as error:
        raise BadTopic(str(error)) from None
    return name


def check_room(topics: Iterable[Topic], name: str, track: Iterable[str], max_topics: int) -> None:
    """Raise TooManyTopics unless the topic `name` with this track fits beside the others of the active `topics`.

    All workers match every post with all terms, so the memory for these is bounded, not their number alone. A topic
    that is there may always track fewer characters than before, also when the settings allow less now.
    """
    known = {topic.name: sum(map(len, topic.track)) for topic in topics}
    size, before = sum(map(len, track)), known.pop(name, None)
    sizes = list(known.values())
    if before is not None and size <= before:
        return
    if before is None and len(sizes) >= max_topics:
        raise TooManyTopics(f"there are {len(sizes)} topics: delete one, or raise TWEETREAM_MAX_TOPICS ({max_topics})")
    most = max(max_topics * CHARACTERS_EACH, MAX_TERMS * MAX_TERM)  # one topic may have all that a topic can have
    if sum(sizes) + size > most:
        raise TooManyTopics(
            f"all topics together may track {most} characters: track fewer words, delete a topic, or raise "
            f"TWEETREAM_MAX_TOPICS ({max_topics}, with {CHARACTERS_EACH} characters for each)"
        )
