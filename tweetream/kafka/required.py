"""The Kafka topics that every worker needs: which of them are gone, have no leader, or are not read. Knows no Faust.

A topic that is gone can be made again when every worker has seen that. The group reads a new topic after a rebalance,
which its leader begins when it sees the topic.
"""

import time
from collections.abc import Callable, Iterable
from functools import cache

from tweetream.kafka.admin import TopicSpec
from tweetream.kafka.producer import OrderedProducer
from tweetream.kafka.write_watch import PATIENCE

REMAKE_AFTER = 8.0  # seconds: all workers ask for the metadata more often, and lose the old partitions before
JOINED_WITHIN = 30.0  # seconds after a topic was made again; else the worker must start again
BRIEF = 2.0  # seconds: of a topic that is back by then, a broker that began knew nothing yet, and nobody made it again
READ_WITHIN = 60.0  # seconds after a topic was made again; then another worker has its partitions


class RequiredTopics:
    """What a worker knows of them. `read` are the topics that the group's agents read."""

    def __init__(self) -> None:
        self._specs: list[TopicSpec] = []
        self._read: frozenset[str] = frozenset()
        self._gone: dict[str, float] = {}  # since when
        self._leaderless: list[str] = []
        self._back = 0.0  # when a topic that was gone was there again, and the group has not joined since; else 0
        self._number = ("", 0.0)  # the last line about partitions, and since when it is so
        self._unread: dict[str, tuple[int, float]] = {}  # the group's generation when it was gone, and until when

    def declare(self, specs: Iterable[TopicSpec], read: Iterable[str]) -> None:
        self._specs, self._read = list(specs), frozenset(read)

    def is_gone(self, topic: str) -> bool:
        return topic in self._gone

    def is_unread(self, topic: str) -> bool:
        """Whether it is gone, or was made again and the group does not read it yet."""
        return topic in self._gone or topic in self._unread

    def reason(self) -> str:
        """Why the worker is not ready; empty if nothing is lacking."""
        if self._gone:
            return f"Kafka topics are gone: {', '.join(sorted(self._gone))}; they are made again within seconds"
        if self._leaderless:
            return f"the Kafka topic {self._leaderless[0]} has no leader: start the brokers that have it"
        if self._unread:
            return f"made again, and not read by the group yet: {', '.join(sorted(self._unread))}"
        return ""

    def look(self, producer: OrderedProducer, generation: int, mine: Callable[[str], bool]) -> list[TopicSpec]:
        """Look at the producer's metadata. Returns the topics that are to be made again now.

        `mine` says whether this worker has partitions of a topic.
        """
        now = time.monotonic()
        for spec in self._specs:
            if producer.is_missing(spec.name):
                self._gone.setdefault(spec.name, now)
                if spec.name in self._read:
                    self._unread[spec.name] = generation, now + READ_WITHIN
            elif spec.name in self._gone and not producer.is_leaderless(spec.name):
                if now - self._gone.pop(spec.name) < BRIEF:
                    self._unread.pop(spec.name, None)
                self._back = now
        names = [spec.name for spec in self._specs if spec.name not in self._gone]
        self._leaderless = [name for name in names if producer.is_leaderless(name)]
        for topic, (before, until) in list(self._unread.items()):
            if topic not in self._gone and (generation != before or mine(topic) or now > until):
                del self._unread[topic]
        old = {name for name, since in self._gone.items() if now - since > REMAKE_AFTER}
        return [spec for spec in self._specs if spec.name in old]

    def is_stalled(self, joined: bool) -> bool:
        """Whether this worker has not joined its group for long, though all topics are back. `joined`: it has now."""
        if joined or self._gone:
            self._back = 0.0
        return self._back > 0.0 and time.monotonic() - self._back > JOINED_WITHIN

    def lasting_number(self, found: Callable[[str], int | None]) -> str:
        """`other_number`, if it has been the same for a while: metadata can be partial for a moment."""
        line, since = self.other_number(found), self._number[1]
        if line != self._number[0]:
            since = time.monotonic()
            self._number = line, since
        return line if time.monotonic() - since >= PATIENCE else ""

    def other_number(self, found: Callable[[str], int | None]) -> str:
        """The line about a topic that has another number of partitions than this worker takes; empty without one.

        `found` gives the number that a topic has, if it is known.
        """
        for spec in self._specs:
            number = found(spec.name)
            if number is None or number == spec.partitions:
                continue
            line = f"the Kafka topic {spec.name} has {number} partitions, "
            if spec.partitions == 1:  # that of no setting
                return f"{line}and must have 1: make it anew"
            line += f"and TWEETREAM_PARTITIONS is {spec.partitions}: set it to {number}"
            if number < spec.partitions:
                line += (
                    f", or stop all workers and give it {spec.partitions} (kafka-topics.sh --alter --partitions); "
                    "docs/operations.md says how"
                )
            return line
        return ""


@cache
def required() -> RequiredTopics:
    """The worker's one."""
    return RequiredTopics()
