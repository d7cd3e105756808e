"""Makes the Kafka topics of feeds: that of a command, and with it those of the adds that wait right behind it.

Kafka takes 30 ms or more for a call, whatever the call makes, so a thousand adds would take a minute one by one. What
is made ahead is what the adds make when it is their turn: only names that were never there, as long as nothing but adds
comes between, and as long as there is room for all of them. When a worker dies meanwhile, the commands come again, and
find their Kafka topics there. Only a worker that allows fewer topics than the one before would leave some unused.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from faust.types import EventT

from tweetream.agents.at_least_once import time_of
from tweetream.app import kafka, settings
from tweetream.kafka import admin
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.retry import Unavailable
from tweetream.kafka.send_queue import StillAssigned
from tweetream.models import codec
from tweetream.models.command import Command
from tweetream.models.topic import TooManyTopics, Topic, check_room
from tweetream.topology import feed_spec, feed_topic, topics_table

log = logging.getLogger(__name__)
AT_ONCE = 200  # Kafka topics
PAUSE = 0.5  # seconds between two attempts
Read = Callable[[bytes | None, int], Command]


class FeedCreation:
    """`lock` is held while Kafka topics are made, so that none is made while others are deleted."""

    def __init__(self, read: Read) -> None:
        self.lock = asyncio.Lock()
        self._read = read
        self._waiting: Iterable[EventT[Any]] = ()
        self._made: set[str] = set()  # ahead of their commands
        self._alone = 0  # so many of the next are made alone, since Kafka has refused several at once

    def follow(self, waiting: Iterable[EventT[Any]]) -> None:
        """From now on these are the commands that wait; the first of them comes next."""
        self._waiting = waiting
        self._made.clear()

    async def create(self, topic: Topic, still_assigned: StillAssigned) -> None:
        """Create the topic's Kafka topic, unless that is done. Waits for a broker that is away. Raises Abandoned."""
        if topic.kafka_topic in self._made:
            self._made.discard(topic.kafka_topic)
            return
        self._alone = max(0, self._alone - 1)
        ahead = [] if self._alone else self._ahead(topic)
        while True:
            async with self.lock:
                if not still_assigned():
                    raise Abandoned("a rebalance came before the feed was created")
                try:
                    await admin.create(kafka, map(feed_spec, [topic.kafka_topic, *ahead]), settings.replication)
                    self._made = set(ahead)
                    if ahead:
                        log.info("%d Kafka topics made in one call", 1 + len(ahead))
                    return
                except Unavailable as error:
                    log.warning("the feed of %s waits for Kafka: %s", topic.name, error)
                    if ahead:  # one of them may be the reason
                        ahead, self._alone = [], AT_ONCE
            await asyncio.sleep(PAUSE)

    def _ahead(self, topic: Topic) -> list[str]:
        """The Kafka topics that the adds behind the one of `topic` will make."""
        tracks = {topic.name: topic.track}
        found = []
        for event in islice(self._waiting, AT_ONCE):
            try:
                command = self._read(event.value, time_of(event))
            except (codec.Undecodable, codec.TooNew):
                break
            entry, made_at = topics_table.entry(command.name), time_of(event)
            if command.action != "add" or not made_at or (entry is not None and not entry.alive):
                break
            if entry is None and command.name not in tracks:
                tracks[command.name] = command.track
                found.append(feed_topic(command.name, made_at))
        return found if _has_room(tracks) else []


def _has_room(tracks: dict[str, tuple[str, ...]]) -> bool:
    """Whether all of these fit beside the topics that are there."""
    alive = topics_table.alive()
    if len(alive) + len(tracks) > settings.max_topics:
        return False
    try:
        check_room(alive, "", [term for track in tracks.values() for term in track], settings.max_topics)
    except TooManyTopics:
        return False
    return True
