"""Watches which topics Kafka cannot write now, so that a send to one of them ends. Knows no Faust.

A topic cannot be written when it was deleted, when one of its partitions has no leader, or when Kafka answers but does
not take its records. While Kafka itself does not answer, nothing is known of any topic.
"""

import asyncio
import logging
import time
from collections.abc import Iterable

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from tweetream.kafka.rebootstrap import has_leaders

log = logging.getLogger(__name__)
TICK = 0.5  # seconds between two looks at the metadata
PATIENCE = 3.0  # seconds that a topic may have no leader: Kafka elects one in less
AGE_EACH_MS = 3  # of metadata, for each topic followed: an answer about 5,000 topics takes half a second of CPU
ANSWER_EACH = 0.001  # seconds for an answer, for each topic followed
STUCK = 15.0  # seconds that Kafka may take for one send while it answers other requests


class Unwritable(Exception):
    """Kafka answers, but cannot write this topic. The caller keeps the records elsewhere."""


class WriteWatch:
    """The topics followed, and the sends in progress that end when their topic cannot be written."""

    def __init__(self, client: AIOKafkaClient) -> None:
        self._client = client
        self._followed: frozenset[str] = frozenset()
        self._leaderless: dict[str, float] = {}  # since when, by time.monotonic
        self._missing: dict[str, float] = {}  # as well
        self._suspected = False  # a topic has no leader in metadata that may be older than the topic is followed
        self._answered_at = 0.0  # when Kafka answered last, by time.monotonic
        self._stuck: set[str] = set()
        self._sends: dict[str, SendLimit] = {}
        self._waited: dict[str, float] = {}  # seconds that a send has waited while Kafka answered
        self._task: asyncio.Task[None] | None = None
        self._new = True  # the metadata, or the topics followed, since `_note_leaders` looked
        self._least_age_ms: int = client._metadata_max_age_ms
        client.cluster.add_listener(self._note_metadata)

    def _note_metadata(self, metadata: object) -> None:
        self._new = True

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def follow(self, topics: Iterable[str]) -> None:
        """Watch these topics. Ask for the metadata of these only: asking for a deleted topic can create it again."""
        self._followed, self._new = frozenset(topics), True
        self._stuck &= self._followed
        self._client._metadata_max_age_ms = max(self._least_age_ms, AGE_EACH_MS * len(self._followed))
        self._client.set_topics(list(self._followed))

    def is_missing(self, topic: str) -> bool:
        """Whether Kafka has had no such topic for a while."""
        return self._is_old(self._missing, topic)

    def is_leaderless(self, topic: str) -> bool:
        """Whether the topic is missing, or has had a partition without a leader for a while."""
        return self._is_old(self._leaderless, topic)

    def leaderless(self) -> list[str]:
        """The topics followed that are leaderless."""
        return [topic for topic in self._leaderless if self.is_leaderless(topic)]

    def is_unwritable(self, topic: str) -> bool:
        return topic in self._stuck or self.is_leaderless(topic)

    def unwritable(self) -> list[str]:
        """The topics followed that cannot be written."""
        return sorted(topic for topic in self._stuck | self._leaderless.keys() if self.is_unwritable(topic))

    def partitions(self, topic: str) -> int | None:
        """How many partitions the topic has; None if that is not known."""
        found = self._client.cluster.partitions_for_topic(topic)
        return len(found) if found else None

    def limit(self, topic: str, *, probe: bool = False) -> "SendLimit":
        """A block that raises Unwritable when the topic cannot be written. One for a topic at a time.

        A `probe` is tried although another send got stuck.
        """
        return SendLimit(self, topic, probe)

    def begin(self, send: "SendLimit", topic: str, probe: bool) -> None:
        """A send begins. Raises Unwritable."""
        if self.is_leaderless(topic) or (topic in self._stuck and not probe):
            raise Unwritable(topic)
        self._sends[topic] = send

    def end(self, topic: str, sent: bool) -> None:
        """The send has ended, and Kafka has its records if it was `sent`."""
        if sent:
            self._stuck.discard(topic)
        self._sends.pop(topic, None)
        self._waited.pop(topic, None)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            try:
                await self._tick()
            except (KafkaError, OSError, TimeoutError, MemoryError) as error:
                log.debug("no metadata: %r", error)

    async def _tick(self) -> None:
        waiting = [topic for topic in self._sends if topic in self._waited]
        self._waited.update((topic, 0.0) for topic in self._sends if topic not in self._waited)
        answered = False
        if waiting or self._leaderless or self._suspected:
            async with asyncio.timeout(4 * TICK + ANSWER_EACH * len(self._followed)):
                answered = bool(await self._client.force_metadata_update())
        self._note_leaders(answered)
        if answered:
            for topic in waiting:
                if topic in self._waited:
                    self._waited[topic] += TICK
        for topic, send in self._sends.items():
            if self._waited.get(topic, 0.0) >= STUCK:
                self._stuck.add(topic)
            if self.is_unwritable(topic) and topic in waiting:
                send.cancel()

    def _note_leaders(self, answered: bool) -> None:
        """Look for leaders in new metadata. That a topic has none counts only if Kafka has `answered` just now.

        A worker that starts while Kafka goes away has metadata without its topics, and nobody deleted these.
        """
        now, cluster = time.monotonic(), self._client.cluster
        if answered:
            self._answered_at = now
        if not self._new:  # else it would look at thousands of topics twice a second
            return
        self._new = False
        without = {topic for topic in self._followed if not has_leaders(cluster, topic)}
        leaderless = without if answered else without & self._leaderless.keys()
        missing = {topic for topic in leaderless if cluster.partitions_for_topic(topic) is None}
        if not answered:
            missing &= self._missing.keys()
        self._suspected = len(leaderless) < len(without)
        self._leaderless = {topic: self._leaderless.get(topic, now) for topic in leaderless}
        self._missing = {topic: self._missing.get(topic, now) for topic in missing}

    def _is_old(self, since: dict[str, float], topic: str) -> bool:
        return topic in since and self._answered_at - since[topic] >= PATIENCE


class SendLimit:
    """The block of `WriteWatch.limit`. Each send to a feed makes one, so it arms no timer; asyncio.timeout would."""

    __slots__ = ("_watch", "_topic", "_probe", "_task", "_cancelling", "_cancelled")

    def __init__(self, watch: WriteWatch, topic: str, probe: bool) -> None:
        self._watch, self._topic, self._probe = watch, topic, probe

    def __enter__(self) -> None:
        self._watch.begin(self, self._topic, self._probe)
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling, self._cancelled = task, task.cancelling(), False

    def cancel(self) -> None:
        """End the block with Unwritable."""
        if not self._cancelled:
            self._cancelled = True
            self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> None:
        self._watch.end(self._topic, sent=kind is None)
        if self._cancelled and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise Unwritable(self._topic) from None
