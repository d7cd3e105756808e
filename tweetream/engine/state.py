"""The tables that every worker has: the topics with their tombstones, and the counts of each feed."""

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from typing_extensions import override

from tweetream.engine.table import ReplicatedTable
from tweetream.models import codec
from tweetream.models.counts import Counts, Totals
from tweetream.models.topic import Topic, check_entry

log = logging.getLogger(__name__)
MAX_ENTRY = 900_000  # bytes of an entry of counts; Kafka's limit is 1 MB
_OFFSET = re.compile(rb"-1|[0-9]{1,19}")


class TopicsTable(ReplicatedTable):
    """The topics and tombstones by name, and the offset of the last command applied (`applied`)."""

    _APPLIED = b"\x00applied"

    @property
    def applied(self) -> int:
        """The offset of the last command applied; -1 before the first."""
        return int(self.get(self._APPLIED, b"-1"))

    @property
    def confirmed(self) -> int:
        """The last command applied whose changes Kafka has. Every worker comes to it, whichever worker dies."""
        return int(self.in_changelog(self._APPLIED) or b"-1")

    def apply(self, offset: int, *changed: Topic, forgotten: str = "") -> None:
        """Write the changes of a command, and then that it has been applied."""
        for topic in changed:
            self[topic.name.encode()] = codec.encode(topic)
        if forgotten:
            self.pop(forgotten.encode(), None)
        self[self._APPLIED] = str(offset).encode()

    @override
    def is_outdated(self, key: bytes, there: bytes, new: bytes | None) -> bool:
        if key == self._APPLIED:
            return new is None or int(new) < int(there)
        old = codec.decode(there, Topic)
        return old.alive if new is None else codec.decode(new, Topic).command < old.command

    @override
    def check(self, key: bytes, value: bytes) -> None:
        if key == self._APPLIED:
            if not _OFFSET.fullmatch(value):
                raise ValueError("not an offset")
            return
        if check_entry(codec.decode(value, Topic)).encode() != key:
            raise ValueError("it has the name of another topic")

    _decoded: dict[str, Topic] = {}
    _values: dict[str, bytes] = {}  # of which these were made
    _decoded_version = -1
    _alive: list[Topic] = []
    _live: frozenset[str] = frozenset()
    _filling: frozenset[str] = frozenset()
    _filled: Mapping[str, Topic] = MappingProxyType({})
    _feeds_version = -1

    def entry(self, name: str) -> Topic | None:
        """The topic or tombstone of that name."""
        return self._entries().get(name)

    def entries(self) -> Iterable[Topic]:
        """All topics and tombstones."""
        return self._entries().values()

    def live_feeds(self) -> frozenset[str]:
        """The Kafka topics of the feeds of the active topics."""
        if self._feeds_version != self.version:  # asked here too, since each feed of an event comes twice
            self._look_at_feeds()
        return self._live

    def filling_feeds(self) -> frozenset[str]:
        """Those of them that get stored posts first, so that live ones wait."""
        self._look_at_feeds()
        return self._filling

    def filled_feeds(self) -> Mapping[str, Topic]:
        """The feeds of active topics that have got their stored posts, and their topics."""
        self._look_at_feeds()
        return self._filled

    def _look_at_feeds(self) -> None:
        if self._feeds_version != self.version:
            alive = sorted([topic for topic in self.entries() if topic.alive], key=lambda topic: topic.name)
            self._alive, self._live = alive, frozenset([topic.kafka_topic for topic in alive])
            self._filling = frozenset([topic.kafka_topic for topic in alive if topic.is_filling])
            filled = [topic for topic in alive if topic.backfill and topic.backfill.posts and not topic.is_filling]
            self._filled = {topic.kafka_topic: topic for topic in filled}
            self._feeds_version = self.version

    def _entries(self) -> dict[str, Topic]:
        """The table decoded, once for each version of it, and only what has changed: there may be 2,000 tombstones."""
        if self._decoded_version != self.version:
            values = {key.decode(): data for key, data in self.items() if key != self._APPLIED}
            known, before = self._decoded, self._values
            self._decoded = {
                name: known[name] if before.get(name) is data else codec.decode(data, Topic)
                for name, data in values.items()
            }
            self._values, self._decoded_version = values, self.version
        return self._decoded

    async def wait_applied(self, offset: int) -> None:
        """Wait until this worker has applied the command at `offset`, and Kafka has its changes."""
        while self.confirmed < offset:
            await self.wait_change()

    async def applied_within(self, offset: int, timeout: float) -> bool:
        """As `wait_applied`. False after `timeout` seconds, or when flow is suspended."""
        if self.confirmed >= offset:
            return True
        applied, suspended = self.wait_applied(offset), self.app.flow_control.wait_suspended()
        waiting = [asyncio.ensure_future(applied), asyncio.ensure_future(suspended)]
        try:
            await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        return self.confirmed >= offset

    def alive(self) -> list[Topic]:
        """The active topics, by name."""
        self._look_at_feeds()
        return list(self._alive)


class CountsTable(ReplicatedTable):
    """How many posts each feed has had, by the feed's Kafka topic."""

    def entry(self, kafka_topic: str) -> Counts:
        data = self.get(kafka_topic.encode())
        return Counts() if data is None else codec.decode(data, Counts)

    def labels(self, kafka_topic: str) -> dict[str, int]:
        """A feed's posts by label, in all."""
        data = self.get(kafka_topic.encode())
        return {} if data is None else codec.decode(data, Totals).labels

    def put(self, kafka_topic: str, entry: Counts) -> None:
        data = codec.encode(entry)
        if len(data) > MAX_ENTRY:  # forged counts did that; Kafka would reject every later entry too
            log.warning("the counts by minute of %s are dropped: they are too large for Kafka", kafka_topic)
            data = codec.encode(Counts(entry.labels, stamps=entry.stamps))
        self[kafka_topic.encode()] = data

    @override
    def check(self, key: bytes, value: bytes) -> None:
        codec.decode(value, Counts)

    @override
    def is_outdated(self, key: bytes, there: bytes, new: bytes | None) -> bool:
        if new is None:
            return False
        old, counted = codec.decode(there, Counts), codec.decode(new, Counts).stamps
        return any(stamp > counted.get(partition, (-1, -1, -1)) for partition, stamp in old.stamps.items())
