"""Kafka consumers that are lent out to read a piece of a feed, a few for all clients of a worker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from tweetream.kafka.connection import Connection
from tweetream.kafka.retry import wait_at_most

READERS = 4
PIECE = 1_000  # records that are read at once
MAX_DEDUP_RECORDS = 50_000  # records
POLL_MS = 100
LOG_APPEND_TIME = 1  # a record's time is that of its arrival: Apache Kafka, as our feeds are declared


class Readers:
    """The pool. `lend` is a context manager: leaving the block gives the reader back."""

    def __init__(self, kafka: Connection) -> None:
        self._kafka = kafka
        self._free: asyncio.Queue[AIOKafkaConsumer | None] = asyncio.Queue()
        for _ in range(READERS):
            self._free.put_nowait(None)

    async def stop(self) -> None:
        """End those that are not lent out."""
        for _ in range(self._free.qsize()):
            reader = self._free.get_nowait()
            self._free.put_nowait(None)
            if reader is not None:
                await reader.stop()

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncIterator[AIOKafkaConsumer]:
        """A reader with nothing assigned; one in whose block something failed is replaced."""
        reader = await self._free.get()
        sound = None
        try:
            if reader is None:
                reader = consumer(self._kafka)
                await reader.start()
            yield reader
            # A reader that keeps a deleted topic can bring it back to life. (To unsubscribe would end aiokafka's
            # fetching for good if it comes at a bad moment.)
            reader.assign([])
            sound = reader
        finally:
            self._free.put_nowait(sound)
            if sound is None and reader is not None:
                await wait_at_most(0, reader.stop())


def consumer(kafka: Connection) -> AIOKafkaConsumer:
    """A consumer in no group, which says when what it is asked for is not there."""
    return AIOKafkaConsumer(
        **kafka.arguments(), enable_auto_commit=False, auto_offset_reset="none", fetch_max_wait_ms=POLL_MS
    )


async def bounds(reader: AIOKafkaConsumer, tp: TopicPartition) -> tuple[int, int]:
    """The first offset that is there, and the one the next record will have."""
    # Asked before anything is assigned: the answer would wait behind a fetch that finds nothing.
    first = (await reader.beginning_offsets([tp]))[tp]
    end = (await reader.end_offsets([tp]))[tp]
    reader.assign([tp])
    if end > first:
        reader.seek(tp, end - 1)
        raws = await next_records(reader, tp, PIECE)
        while raws and raws[-1].timestamp_type != LOG_APPEND_TIME:
            # The embedded broker keeps the producer's time, and says where the last batch began: read to its end.
            end = raws[-1].offset + 1
            raws = (await reader.getmany(tp, timeout_ms=POLL_MS, max_records=PIECE)).get(tp, [])
    return first, end


async def next_records(consumer: AIOKafkaConsumer, tp: TopicPartition, most: int) -> list[Any]:
    """The next records, at least one. Raises KafkaTimeoutError: nothing is passed over because Kafka is slow."""
    for _ in range(10):
        raws = (await consumer.getmany(tp, timeout_ms=1000, max_records=most)).get(tp)
        if raws:
            return list(raws)
    raise KafkaTimeoutError(f"{tp} gives nothing")


async def offset_of_time(consumer: AIOKafkaConsumer, tp: TopicPartition, timestamp: int) -> int | None:
    """The first offset that arrived at or after `timestamp` (ms since 1970); None if there is none yet."""
    found = (await consumer.offsets_for_times({tp: timestamp}))[tp]
    # The embedded broker answers offset 0 with timestamp -1 for a time past the end.
    return None if found is None or found.timestamp < 0 else int(found.offset)


async def dedup_start(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int, back: float) -> int:
    """Where to begin reading so as to know the origins at `offset`: `back` seconds before it."""
    earliest: int = (await consumer.beginning_offsets([tp]))[tp]
    if offset <= earliest:
        return earliest
    consumer.seek(tp, offset - 1)
    records = await next_records(consumer, tp, 1)
    start = await offset_of_time(consumer, tp, records[0].timestamp - int(back * 1000))
    return max(earliest, offset - MAX_DEDUP_RECORDS, min(offset, offset if start is None else start))
