"""What one broker knows of the partitions that are read from it: Kafka's fetch sessions (KIP-227).

The broker remembers the partitions of a session, so a request names only those that are new or have moved on since the
last one, and an answer those with something new. A broker that makes no session gets all of them each time.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.protocol.fetch import FetchRequest
from typing_extensions import override

WAIT_MS = 100  # that a broker waits for something new: a partition that is added waits as long
PARTITION_BYTES = 1024 * 1024  # of an answer for one partition; a larger batch comes all the same
ANSWER_BYTES = 16 * 1024 * 1024
_FIRST_VERSION = 7  # of the request with sessions
_LAST_EPOCH = 2**31 - 1


class Changes(NamedTuple):
    """What a request tells the broker: partitions with their next offsets, and partitions that are read no more."""

    epoch: int
    offsets: Mapping[TopicPartition, int]
    forgotten: list[TopicPartition]


class FetchSession:
    """The partitions that are `wanted` from a broker, with their next offsets, and what it knows of that.

    A request is made by `changes`, and `confirm` takes note of its answer. Until then, or after a failure, the broker
    may know the one or the other, so the next request begins a new session.
    """

    def __init__(self) -> None:
        self.id = 0
        self._epoch = 0  # of the next request; 0 begins a new session, and ends the one of that id
        self._known: dict[TopicPartition, int] = {}
        self._changed: set[TopicPartition] = set()
        self.wanted: dict[TopicPartition, int] = {}

    def want(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Want these partitions and no others."""
        self._changed.update(self.wanted, offsets)
        self.wanted = dict(offsets)

    def move(self, tp: TopicPartition, offset: int) -> None:
        """Want another offset of a partition that is wanted."""
        self._changed.add(tp)
        self.wanted[tp] = offset

    def drop(self, tp: TopicPartition) -> None:
        """Want a partition no more."""
        self._changed.add(tp)
        self.wanted.pop(tp, None)

    def changes(self) -> Changes:
        """What the next request tells."""
        epoch, known, self._epoch = self._epoch, self._known, 0
        if not epoch:
            return Changes(0, dict(self.wanted), [])
        new = {tp: self.wanted[tp] for tp in self._changed if tp in self.wanted and self.wanted[tp] != known.get(tp)}
        return Changes(epoch, new, [tp for tp in self._changed if tp in known and tp not in self.wanted])

    def confirm(self, told: Changes, id: int) -> None:
        """The broker has answered the request with these changes; its session has this id, 0 if it made none."""
        if not told.epoch:
            self._known.clear()
        self._known.update(told.offsets)
        for tp in told.forgotten:
            del self._known[tp]
        self._changed = {tp for tp in self._changed if self.wanted.get(tp) != self._known.get(tp)}
        self.id, self._epoch = id, (told.epoch % _LAST_EPOCH + 1 if id else 0)

    def lose(self) -> None:
        """The broker has forgotten the session."""
        self.id = self._epoch = 0

    def is_asked(self, tp: TopicPartition) -> bool:
        """Whether the last answer tells of the offset that is wanted of this partition."""
        return tp in self.wanted and self._known.get(tp) == self.wanted[tp]


class SessionFetch(FetchRequest):
    """The request that tells these changes."""

    def __init__(self, id: int, changes: Changes) -> None:
        topics = [(tp.topic, [(tp.partition, offset, PARTITION_BYTES)]) for tp, offset in changes.offsets.items()]
        super().__init__(WAIT_MS, 1, ANSWER_BYTES, 0, topics)
        self._session = id, changes.epoch, [(tp.topic, [tp.partition]) for tp in changes.forgotten]

    @override
    def build(self, request_struct_class: Any) -> Any:
        struct = super().build(request_struct_class)
        if request_struct_class.API_VERSION >= _FIRST_VERSION:
            struct.session_id, struct.session_epoch, struct.forgotten_topics_data = self._session
        return struct
