"""The ids of retracted posts, which every reader of a feed leaves out. Knows no Kafka.

An id is kept as it is written in a feed record's data, where it is the first field: comparing parses no JSON. Only the
newest MAX_IDS and MAX_BYTES are kept.
"""

from itertools import islice
from typing import Any, NamedTuple

from tweetream.feeds.record import FeedRecord
from tweetream.models.codec import json_line

MAX_IDS = 1_000_000  # about 200 MB
MAX_BYTES = 128 * 1024 * 1024  # of all ids; a character can take 12 bytes as it is written
_MINUTE = 60_000  # ms
SLACK = 60_000  # ms by which clocks may differ, plus the time that a record takes to a client
_ID = len(b'{"id":"')
_ID_END = b'","topic":"'  # cannot be inside the id, where JSON escapes quotes


def id_of(data: bytes) -> bytes:
    """The id in a feed record's data, as written there. Other data gives bytes that are no id."""
    return data[_ID : data.find(_ID_END, _ID)]


class Retracted(NamedTuple):
    """A record whose post was retracted: the id as written in the data, the offset, the time of the retraction (ms)."""

    id: bytes
    offset: int
    time: int


class Retractions:
    """The ids, each with the time of its retraction (ms), rounded up to a minute. False while there is none."""

    def __init__(self, max_ids: int = MAX_IDS, max_bytes: int = MAX_BYTES) -> None:
        self._max_ids, self._max_bytes = max_ids, max_bytes
        self._times: dict[bytes, int] = {}  # oldest first
        self._size = 0  # bytes of the ids
        self._minute = 0

    def __len__(self) -> int:
        return len(self._times)

    def add(self, id: str, time: int) -> bytes:
        """Add the id of a post that was retracted at `time`. Returns the id as written in data."""
        found = self.forget(id)
        minute = -(-time // _MINUTE) * _MINUTE
        if minute != self._minute:
            self._minute = minute
        self._times[found] = self._minute  # ids of one minute share one int object: a quarter less memory
        self._size += len(found)
        while len(self._times) > self._max_ids or self._size > self._max_bytes:
            # Many at once: after deletions a dict is slow to find its first key.
            for oldest in list(islice(self._times, max(1, len(self._times) // 10))):
                del self._times[oldest]
                self._size -= len(oldest)
        return found

    def forget(self, id: str) -> bytes:
        """Forget the retraction of a post. Returns the id as written in data."""
        found = json_line(id)[1:-1]
        if self._times.pop(found, None) is not None:
            self._size -= len(found)
        return found

    def has(self, id: str) -> bool:
        """Whether the post with this id was retracted."""
        return bool(self._times) and json_line(id)[1:-1] in self._times

    def kept(self, records: list[FeedRecord]) -> list[FeedRecord]:
        """The records whose posts were not retracted."""
        times = self._times
        if not times:
            return records
        # The expression of id_of: a call for each record takes twice as long.
        return [record for record in records if (data := record.data)[_ID : data.find(_ID_END, _ID)] not in times]

    def among(self, raws: list[Any], until: int) -> list[Retracted]:
        """The retracted ones of Kafka's records before offset `until`."""
        times = self._times
        if not times:
            return []
        ids = [(id_of(raw.value), raw.offset) for raw in raws if raw.value and raw.offset < until]
        return [Retracted(id, offset, times[id]) for id, offset in ids if id in times]
