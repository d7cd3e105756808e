"""The highest stamps that were counted of a feed, also where the counts agent is behind.

It is behind when its offsets are gone, and it reads all counts again. The last records of counts tell what it has not
come to.
"""

import contextlib

from tweetream.app import kafka, settings
from tweetream.feeds.record import Stamps
from tweetream.kafka.readers import last_records
from tweetream.models import codec
from tweetream.models.counts import CountRecord, check_counts
from tweetream.models.feed import Stamp
from tweetream.topology import COUNTS, counts_table, services

LAST = 5_000  # records of counts, each of a record of tagged: more than come between two looks at the table


async def counted(feed: str) -> Stamps:
    """The stamps of each partition. Raises KafkaError."""
    found = Stamps()
    for partition, stamp in counts_table.entry(feed).stamps.items():
        found.admit(Stamp(partition, *stamp))
    last = [] if services.producer.is_missing(COUNTS) else await last_records(kafka, COUNTS, LAST)
    for raw in last:
        with contextlib.suppress(codec.Undecodable, codec.TooNew):  # the counts agent sees to these
            record = codec.decode(raw.value, CountRecord)
            check_counts(record, raw.timestamp, settings.partitions)
            if feed in record.counts:
                found.admit(Stamp(record.partition, record.epoch, record.sequence, record.index))
    return found
