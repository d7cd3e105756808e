"""The highest stamps that were counted of a feed, also where the counts agent is behind.

It is behind when its offsets are gone, and it reads all counts again. The last records of counts tell what it has not
come to. They are read once after a rebalance, for all feeds.
"""

import asyncio
import contextlib
from collections import defaultdict
from typing import Any

from tweetream.app import app, kafka, settings
from tweetream.feeds.record import Stamps
from tweetream.kafka.readers import last_records
from tweetream.models import codec
from tweetream.models.counts import CountRecord, check_counts
from tweetream.models.feed import Stamp
from tweetream.topology import COUNTS, counts_table, services

LAST = 1_000  # records of counts, each of a record of tagged: more than come between two looks at the table
SLICE = 20  # records that are decoded before others have their turn; one can name all feeds


class CountedStamps:
    """What the last records of counts say, as they were after the last rebalance."""

    def __init__(self) -> None:
        self._rebalances = -1
        self._last: dict[str, Stamps] = {}
        self._lock = asyncio.Lock()

    async def of(self, feed: str) -> Stamps:
        """The stamps of each partition. Raises KafkaError or OSError."""
        async with self._lock:
            if self._rebalances != app.rebalancing_count:
                rebalances = app.rebalancing_count
                self._last = await _last()
                self._rebalances = rebalances
        found = Stamps()
        for partition, stamp in counts_table.entry(feed).stamps.items():
            found.admit(Stamp(partition, *stamp))
        if feed in self._last:
            found.take(self._last[feed])
        return found


async def _last() -> dict[str, Stamps]:
    """The highest stamps of each feed in the last records of counts."""
    found: defaultdict[str, Stamps] = defaultdict(Stamps)
    raws: list[Any] = [] if services.producer.is_missing(COUNTS) else await last_records(kafka, COUNTS, LAST)
    for number, raw in enumerate(raws):
        with contextlib.suppress(codec.Undecodable, codec.TooNew):  # the counts agent sees to these
            record = codec.decode(raw.value, CountRecord)
            check_counts(record, raw.timestamp, settings.partitions)
            for feed in record.counts:
                found[feed].admit(Stamp(record.partition, record.epoch, record.sequence, record.index))
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return found
