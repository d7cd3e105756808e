"""A stream's cursors in all its feeds, and the records that these deliver. Imports no web and no Faust.

The feeds are read in turn. A delivery has the positions of the other feeds at that moment: cursors of earlier feeds
have moved, those of later feeds have not. So each record has one position of the whole stream, from which a client can
resume. Retractions come before new records, since they concern posts delivered before; they move no position.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tweetream.feeds.cursor import Cursor, CursorState
from tweetream.feeds.record import EVERY_POST, GAP, FeedRecord, Filter
from tweetream.feeds.ring import FeedRing
from tweetream.models.feed import Position

CursorStates = tuple[CursorState, ...]


class Delivery(NamedTuple):
    """What one feed delivers: retracted ids, as written in data, and records that are gaps or pass the filter.

    `before` and `after` are the positions of the stream's other feeds, in the order of the stream.
    """

    topic: str
    generation: str
    retracted: list[bytes]
    records: list[FeedRecord]
    before: list[Position]
    after: list[Position]


class SubscriptionState(NamedTuple):
    """Feeds, filter and cursor states. Streams with equal states get the same bytes.

    A feed that is dropped and followed again is another FeedRing, since the first one gets no more records.
    """

    feeds: tuple[FeedRing, ...]
    post_filter: Filter
    cursors: CursorStates


class Subscription:
    """A cursor for each feed, and the filter that their posts must pass."""

    def __init__(self, post_filter: Filter, cursors: Sequence[Cursor] = ()) -> None:
        self.post_filter = post_filter
        self.cursors = list(cursors)

    def copy(self) -> "Subscription":
        return Subscription(self.post_filter, [cursor.copy() for cursor in self.cursors])

    def state(self) -> SubscriptionState:
        return SubscriptionState(
            tuple([cursor.feed for cursor in self.cursors]), self.post_filter, self.cursor_states()
        )

    def cursor_states(self) -> CursorStates:
        return tuple([cursor.state for cursor in self.cursors])

    def move(self, states: CursorStates) -> None:
        """Set the cursors to the states of another subscription to the same feeds."""
        for cursor, state in zip(self.cursors, states, strict=True):
            cursor.state = state

    @property
    def filtered(self) -> bool:
        return self.post_filter != EVERY_POST

    @property
    def caught_up(self) -> bool:
        """Whether the cursors have given all that is in the rings."""
        return all([cursor.caught_up for cursor in self.cursors])

    @property
    def ringed(self) -> bool:
        """Whether the next records of all feeds are in the rings."""
        return all([cursor.ringed for cursor in self.cursors])

    def appended(self) -> int:
        """Bytes of posts that the hub has appended to the feeds' rings."""
        return sum(cursor.appended for cursor in self.cursors)

    def positions(self) -> list[Position]:
        """The position in each feed that has had a record: together the position of the stream.

        Without any, the position before the first record of each.
        """
        return _positions(self.cursors) or [cursor.position for cursor in self.cursors]

    def ready(self) -> list[Delivery]:
        """The next records in the rings, up to FETCH_RECORDS of each feed; only while `ringed`."""
        found: list[Delivery] = []
        for nth, cursor in enumerate(self.cursors):
            self._deliver(found, nth, cursor.retracted(), cursor.ready())
        return found

    async def next(self) -> list[Delivery]:
        """The next records; those that are older than the rings come from Kafka. Raises KafkaError."""
        found: list[Delivery] = []
        for nth, cursor in enumerate(self.cursors):
            self._deliver(found, nth, cursor.retracted(), await cursor.next())
        return found

    def _deliver(self, found: list[Delivery], nth: int, retracted: list[bytes], records: list[FeedRecord]) -> None:
        """Add to `found` what a cursor has just given, unless nothing of it is to be sent."""
        passing = [record for record in records if self.post_filter.passes(record) or record.label == GAP]
        if passing or retracted:
            cursor, before, after = self.cursors[nth], self.cursors[:nth], self.cursors[nth + 1 :]
            positions = _positions(before), _positions(after)
            found.append(Delivery(cursor.name, cursor.generation, retracted, passing, *positions))


def _positions(cursors: list[Cursor]) -> list[Position]:
    return [position for cursor in cursors if (position := cursor.position).offset >= 0]
