"""User topics: a name, the words that it tracks, and its entry in the topics table."""

import re

import msgspec

from tweetream.models.feed import FeedName

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MAX_TERMS = 100
MAX_TERM = 100


class BadTopic(ValueError):
    """A name or a track that no topic can have; the message gives the reason."""


class Topic(msgspec.Struct, frozen=True):
    """An entry of the topics table. `deleted_at` makes it a tombstone (ms since 1970; 0: alive).

    `generation` is the Kafka timestamp (ms) of the command that added the topic, `command` that command's offset.
    `former` are the Kafka topics of earlier generations that may still exist.
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
    if not topic.kafka_topic.endswith(f"-feed-{FeedName(name, topic.generation)}"):
        raise BadTopic(f"{topic.kafka_topic!r} is not the feed of {name}")
    for feed in topic.former:
        if not re.fullmatch(rf".+-feed-{re.escape(name)}-[0-9a-z]+", feed):
            raise BadTopic(f"{feed!r} is no feed of {name}")
    return name
