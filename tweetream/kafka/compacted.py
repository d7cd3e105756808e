"""Compacted topics of one partition that every worker reads whole, from the beginning.

One consumer a worker, in no group, follows them all. After a failure of Kafka it goes on after the last record read.
Offsets of a compacted topic have holes, which an agent would take for losses; so no agent reads these topics.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from tweetream import metrics
from tweetream.kafka.connection import Connection
from tweetream.kafka.rebootstrap import rebootstrapping
from tweetream.kafka.retry import PAUSE, Reminder

log = logging.getLogger(__name__)
POLL_MS = 100
MAX_KEY = 4 * 1024  # bytes: a URL, or the id of a post
MAX_VALUE = 64 * 1024  # bytes


class CompactedRecord(msgspec.Struct, frozen=True, gc=False):
    """A record of a compacted topic; a `value` of None deletes its key. `timestamp` is ms since 1970."""

    key: bytes
    value: bytes | None
    timestamp: int


Handler = Callable[[list[CompactedRecord]], None]


class CompactedReader:
    """Follows topics. `ready` is set once all records that were there at the start were handled."""

    def __init__(self, kafka: Connection) -> None:
        self._kafka = kafka
        self._handlers: dict[TopicPartition, Handler] = {}
        self._next: dict[TopicPartition, int] = {}
        self._task: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()

    def follow(self, topic: str, handler: Handler) -> None:
        """After the start, call `handler` with the topic's records, in order. It must not raise."""
        self._handlers[TopicPartition(topic, 0)] = handler

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1.0)

    async def _run(self) -> None:
        reminder = Reminder(log)
        while True:
            consumer = AIOKafkaConsumer(
                **self._kafka.arguments(),
                enable_auto_commit=False,
                auto_offset_reset="earliest",  # also when the topic was deleted and created again
                fetch_max_wait_ms=POLL_MS,
            )
            rebootstrapping(consumer)
            try:
                await consumer.start()
                await self._follow(consumer)
            except (KafkaError, OSError, MemoryError) as error:
                reminder.warn("compacted topics wait for Kafka: %r", error)
                await asyncio.sleep(PAUSE)
            finally:
                with contextlib.suppress(KafkaError, OSError):
                    await consumer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        tps = list(self._handlers)
        ends = await consumer.end_offsets(tps)
        begins = await consumer.beginning_offsets(tps)
        consumer.assign(tps)
        for tp in tps:
            consumer.seek(tp, max(begins[tp], self._next.get(tp, 0)))
        while True:
            if not self.ready.is_set() and all([await consumer.position(tp) >= ends[tp] for tp in tps]):
                self.ready.set()
            found = await consumer.getmany(timeout_ms=POLL_MS)
            if not found and not self.ready.is_set():
                ends = await consumer.end_offsets(tps)  # the log may have been truncated or made anew
            for tp, raws in found.items():
                self._next[tp] = raws[-1].offset + 1
                records = [CompactedRecord(raw.key, raw.value, raw.timestamp) for raw in raws if _is_small(raw)]
                metrics.dead_letters.labels(tp.topic).inc(len(raws) - len(records))
                self._handlers[tp](records)


def _is_small(raw: Any) -> bool:
    """Whether a record has a key, and is no larger than ours are."""
    return raw.key is not None and len(raw.key) <= MAX_KEY and len(raw.value or b"") <= MAX_VALUE
