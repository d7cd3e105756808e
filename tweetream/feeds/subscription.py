"""Where a stream stands in all its feeds, and its events from there on. Knows no web and no Faust.

The id of an event covers all feeds of the stream: it is what a client sends back to go on. Feeds are read in turn, so
that the id of a post has the feeds before it where they now are, and those after it where they were. An event that
takes a post back has no id: it moves nobody, and comes before what is new, since it concerns what was there before.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tweetream.feeds.cursor import Cursor
from tweetream.feeds.record import EVERY_POST, Filter, Record
from tweetream.feeds.ring import FeedRing

CursorStates = tuple[tuple[int, int, int], ...]


def retracted_frames(name: str, ids: list[bytes]) -> list[bytes]:
    """The events that take posts of a topic back; the ids as they stand in data."""
    return [b'event: retracted\ndata: {"topic":"%s","id":"%s"}\n\n' % (name.encode(), id) for id in ids]


class CursorState(NamedTuple):
    """What two streams share that will get the same bytes: the same feeds and filter, at the same places.

    A feed that was let go and is followed again is another one, though no record came in between: nothing comes to the
    first any more.
    """

    feeds: tuple[FeedRing, ...]
    wanted: Filter
    marks: CursorStates


class Subscription:
    """A cursor for each feed, and which of their posts are wanted."""

    def __init__(self, wanted: Filter, cursors: Sequence[Cursor] = ()) -> None:
        self.wanted = wanted
        self.cursors = list(cursors)

    def copy(self) -> "Subscription":
        return Subscription(self.wanted, [cursor.copy() for cursor in self.cursors])

    def mark(self) -> CursorState:
        return CursorState(tuple([cursor.feed for cursor in self.cursors]), self.wanted, self.marks())

    def marks(self) -> CursorStates:
        """Where each cursor is."""
        return tuple([cursor.mark for cursor in self.cursors])

    def move(self, marks: CursorStates) -> None:
        """Go to where another place of the same feeds was."""
        for cursor, mark in zip(self.cursors, marks, strict=True):
            cursor.mark = mark

    @property
    def filtered(self) -> bool:
        return self.wanted != EVERY_POST

    @property
    def caught_up(self) -> bool:
        """Whether there is nothing more in the rings."""
        return all([cursor.caught_up for cursor in self.cursors])

    @property
    def ringed(self) -> bool:
        """Whether all that comes next is in the rings."""
        return all([cursor.ringed for cursor in self.cursors])

    def appended(self) -> int:
        """Bytes of posts that have come to the feeds since they are followed."""
        return sum(cursor.appended for cursor in self.cursors)

    @property
    def id(self) -> str:
        """The position of the whole stream."""
        return ",".join(self._ids(self.cursors))

    def ready(self) -> list[bytes]:
        """The events of what is in the rings, up to a thousand of each feed; only while `ringed`."""
        frames: list[bytes] = []
        for cursor in self.cursors:
            frames += retracted_frames(cursor.name, cursor.retracted())
            frames += self._frames(cursor, cursor.ready())
        return frames

    async def next(self) -> list[bytes]:
        """The same, from Kafka where it is behind the rings. Raises KafkaError."""
        frames: list[bytes] = []
        for cursor in self.cursors:
            frames += retracted_frames(cursor.name, cursor.retracted())
            frames += self._frames(cursor, await cursor.next())
        return frames

    def _frames(self, cursor: Cursor, records: list[Record]) -> list[bytes]:
        passing = [record for record in records if self.wanted.passes(record)]
        if not passing:
            return []
        nth = self.cursors.index(cursor)
        before = self._ids(self.cursors[:nth])
        head = "".join(f"{position}," for position in before) + f"{cursor.name}@{cursor.generation}:"
        tail = "".join(f",{position}" for position in self._ids(self.cursors[nth + 1 :]))
        first, rest = b"id: " + head.encode(), tail.encode() + b"\ndata: "
        return [b"%s%d%s%s\n\n" % (first, record.offset, rest, record.data) for record in passing]

    @staticmethod
    def _ids(cursors: list[Cursor]) -> list[str]:
        return [str(position) for cursor in cursors if (position := cursor.position) is not None]
