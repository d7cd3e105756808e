"""The posts that were taken back, by their ids: what every reader of a feed leaves out. Knows no Kafka.

An id is kept as it stands in the data of a feed's record, where it is the first field, so that no record is parsed to
be compared. Of very many the oldest are forgotten.
"""

from itertools import islice
from typing import Any, NamedTuple

from tweetream.feeds.record import Record
from tweetream.models.codec import json_line

MOST = 1_000_000  # ids that are known at once: about 200 MB
_MINUTE = 60_000  # ms
SLACK = 60_000  # ms by which the clocks may differ, and a record may be on its way to a client
_ID = len(b'{"id":"')
_BEHIND = b'","topic":"'  # inside a string its quotes would be escaped


def id_of(data: bytes) -> bytes:
    """The id in the data of a feed's record, as it stands there; of what is no post of ours it is no id."""
    return data[_ID : data.find(_BEHIND, _ID)]


class Retracted(NamedTuple):
    """A record whose post was taken back: the post's id as it stands in the data, and the time of that (ms)."""

    id: bytes
    offset: int
    time: int


class Retractions:
    """The ids, each with the minute by whose end its post was taken back (ms). False while there is none."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._times: dict[bytes, int] = {}  # oldest first
        self._minute = 0

    def __len__(self) -> int:
        return len(self._times)

    def add(self, id: str, time: int) -> bytes:
        """The post was taken back at `time`; returns the id as it stands in data."""
        found = self.forget(id)
        minute = -(-time // _MINUTE) * _MINUTE
        if minute != self._minute:
            self._minute = minute
        self._times[found] = self._minute  # one number for many ids: it takes a quarter less memory
        if len(self._times) > self._most:  # many at once: a dict is slow to find its first key when those before went
            for oldest in list(islice(self._times, max(1, self._most // 10))):
                del self._times[oldest]
        return found

    def forget(self, id: str) -> bytes:
        """The post was not taken back, after all; returns the id as it stands in data."""
        found = json_line(id)[1:-1]
        self._times.pop(found, None)
        return found

    def kept(self, records: list[Record]) -> list[Record]:
        """The records without those that were taken back."""
        times = self._times
        if not times:
            return records
        # As id_of has it; to call that for each record takes twice as long.
        return [record for record in records if (data := record.data)[_ID : data.find(_BEHIND, _ID)] not in times]

    def among(self, raws: list[Any], until: int) -> list[Retracted]:
        """Which of Kafka's records were taken back, of those with an offset below `until`."""
        times = self._times
        if not times:
            return []
        ids = [(id_of(raw.value), raw.offset) for raw in raws if raw.value and raw.offset < until]
        return [Retracted(id, offset, times[id]) for id, offset in ids if id in times]
