"""A pool of a few Kafka consumers that read older records of feeds for all clients of a worker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from tweetream.kafka.connection import Connection
from tweetream.kafka.rebootstrap import rebootstrapping
from tweetream.kafka.retry import wait_at_most

READERS = 4
FETCH_RECORDS = 1_000  # records of one fetch at most
MAX_DEDUP_RECORDS = 50_000  # records of a dedup window at most
POLL_MS = 100
START_TIMEOUT, STOP_TIMEOUT = 10.0, 0.5  # seconds
LOG_APPEND_TIME = 1  # a record's time is that of its arrival: Apache Kafka, as our feeds are declared


class Readers:
    """The pool. `lend` is a context manager: leaving the block gives the reader back.

    Searches get half of the readers at most. The others are kept for calls that read little.
    """

    def __init__(self, kafka: Connection) -> None:
        self._kafka = kafka
        self._free: asyncio.Queue[AIOKafkaConsumer | None] = asyncio.Queue()
        for _ in range(READERS):
            self._free.put_nowait(None)
        self._searches = asyncio.Semaphore(READERS // 2)

    async def stop(self) -> None:
        """Stop the readers that are not lent out."""
        for _ in range(self._free.qsize()):
            reader = self._free.get_nowait()
            self._free.put_nowait(None)
            if reader is not None:
                # aiokafka misses being stopped while it cancels a fetch, and would wait for ever: then once more.
                await wait_at_most(STOP_TIMEOUT, reader.stop(), cancel=True)

    @contextlib.asynccontextmanager
    async def lend(
        self, *, search: bool = False, check: Callable[[], None] = lambda: None
    ) -> AsyncIterator[AIOKafkaConsumer]:
        """A reader with nothing assigned. If the block fails, a new reader replaces it.

        `check` is called before a reader is taken, also after a wait. It may raise. Raises KafkaError and TimeoutError.
        """
        check()
        async with self._searches if search else contextlib.nullcontext(), self._lend(check) as reader:
            yield reader

    @contextlib.asynccontextmanager
    async def _lend(self, check: Callable[[], None]) -> AsyncIterator[AIOKafkaConsumer]:
        reader = sound = await self._free.get()
        try:
            check()
            sound = None
            if reader is None:
                reader = consumer(self._kafka)
                async with asyncio.timeout(START_TIMEOUT):
                    await reader.start()
            yield reader
            # A reader that stays assigned to a deleted topic can create it again. (`unsubscribe` at a bad moment would
            # stop aiokafka's fetching for good.)
            reader.assign([])
            sound = reader
        finally:
            self._free.put_nowait(sound)
            if sound is None and reader is not None:
                await wait_at_most(0, reader.stop())


def consumer(kafka: Connection) -> AIOKafkaConsumer:
    """A consumer in no group, which raises OffsetOutOfRangeError instead of moving to another offset."""
    return rebootstrapping(
        AIOKafkaConsumer(
            **kafka.arguments(), enable_auto_commit=False, auto_offset_reset="none", fetch_max_wait_ms=POLL_MS
        )
    )


async def bounds(reader: AIOKafkaConsumer, tp: TopicPartition) -> tuple[int, int]:
    """The first offset in the log, and the offset of the next record."""
    # Asked before the assignment, since the answer would wait until a fetch ends that finds nothing.
    first = (await reader.beginning_offsets([tp]))[tp]
    end = (await reader.end_offsets([tp]))[tp]
    reader.assign([tp])
    if end > first:
        reader.seek(tp, end - 1)
        raws = await next_records(reader, tp, FETCH_RECORDS)
        while raws and raws[-1].timestamp_type != LOG_APPEND_TIME:
            # The embedded broker keeps the producer's time, and its end offset is where the last batch begins: read on.
            end = raws[-1].offset + 1
            raws = (await reader.getmany(tp, timeout_ms=POLL_MS, max_records=FETCH_RECORDS)).get(tp, [])
    return first, end


async def next_records(consumer: AIOKafkaConsumer, tp: TopicPartition, most: int) -> list[Any]:
    """The next records, at least one. Raises KafkaTimeoutError if Kafka is too slow, so that none is skipped."""
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


async def dedup_start(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int, window: float) -> int:
    """The offset from which to read to know the stamps before `offset`: `window` seconds before it."""
    earliest: int = (await consumer.beginning_offsets([tp]))[tp]
    if offset <= earliest:
        return earliest
    consumer.seek(tp, offset - 1)
    records = await next_records(consumer, tp, 1)
    start = await offset_of_time(consumer, tp, records[0].timestamp - int(window * 1000))
    return max(earliest, offset - MAX_DEDUP_RECORDS, min(offset, offset if start is None else start))


async def last_records(kafka: Connection, topic: str, number: int, partition: int = 0) -> list[Any]:
    """The last `number` records of a topic's partition, oldest first, also those that have just come."""
    tp = TopicPartition(topic, partition)
    reader = consumer(kafka)
    try:
        await reader.start()
        first, end = await bounds(reader, tp)
        start = max(first, end - number)
        reader.seek(tp, start)
        found: list[Any] = []
        while start < end:
            found += await next_records(reader, tp, FETCH_RECORDS)
            start = found[-1].offset + 1
        return [raw for raw in found if raw.offset < end]
    finally:
        await wait_at_most(1.0, reader.stop())
