"""All posts that a feed has now, oldest first, once: for exports. Knows no web and no Faust.

A client that has read more than its share is slowed down, not refused. It holds a reader only while records are read.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from aiokafka.errors import OffsetOutOfRangeError

from tweetream.feeds.budget import Scan
from tweetream.feeds.past import PastReader
from tweetream.feeds.record import EVERY_POST, FeedRecord, Filter


class WholeQuery(msgspec.Struct, frozen=True):
    """The posts that pass the filter and arrived since a time and before another one (ms)."""

    since: int | None = None
    until: int | None = None
    post_filter: Filter = EVERY_POST
    scan: Scan | None = None  # what the client may read


async def whole(past: PastReader, kafka_topic: str, query: WholeQuery) -> AsyncIterator[list[FeedRecord]]:
    """The posts in lists, to the end that the feed has now. Raises KafkaError."""
    scan, passes = query.scan, query.post_filter.passes
    first, end = await past.bounds(kafka_topic, scan)
    offset = first
    if query.since is not None:
        since = await past.offset_of_time(kafka_topic, query.since, scan)
        offset = end if since is None else max(first, since)
    stamps = await past.stamps_before(kafka_topic, offset, scan) if offset < end else None
    while stamps is not None and offset < end:
        while scan is not None and scan.wait:
            await asyncio.sleep(scan.wait)
        try:
            records, offset = await past.fetch(kafka_topic, offset, stamps, end, scan)
        except OffsetOutOfRangeError:  # retention passed it
            offset = max(offset + 1, (await past.bounds(kafka_topic, scan))[0])
            continue
        if query.until is not None:
            kept = [record for record in records if record.timestamp < query.until]
            if records and not kept:
                return
            records = kept
        if found := [record for record in records if passes(record)]:
            yield found
