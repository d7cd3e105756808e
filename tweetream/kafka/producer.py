"""Sending to Kafka so that nothing is lost or reordered.

Each send, of one record or of many, waits until what precedes it in its partition was delivered, and is
tried until it is delivered itself or nobody wants it any more; nothing comes between the records of one
send. aiokafka gives up a batch after its request timeout and then sends the next one, so the order is kept
here.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import RecordMetadata

from tweetream.kafka.connection import Connection
from tweetream.kafka.retry import wait_at_most

log = logging.getLogger(__name__)
Headers = Sequence[tuple[str, bytes]]
StillAssigned = Callable[[], bool]
MAX_REQUEST = 1_000_000  # bytes: what Kafka takes by default, with room for its own framing
_FINAL = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTopicError, TopicAuthorizationFailedError)


def always() -> bool:
    """For what is wanted until whoever sends it is cancelled."""
    return True


class RecordRejected(Exception):
    """Kafka will never take this record: put it aside."""


class Abandoned(Exception):
    """Not delivered, and no longer wanted: a rebalance or the end came first."""


class OrderedProducer:
    """A producer with one queue a partition. `wanted` is asked before each try."""

    def __init__(self, kafka: Connection, *, pause: float = 0.25) -> None:
        self._kafka = kafka
        self._pause = pause
        self._producer: AIOKafkaProducer | None = None
        self._turns: dict[tuple[str, int], asyncio.Lock] = {}
        self._away = False

    async def start(self) -> None:
        self._producer = AIOKafkaProducer(
            **self._kafka.arguments(),
            acks="all",
            max_batch_size=MAX_REQUEST,
            max_request_size=MAX_REQUEST + 65536,
            request_timeout_ms=10_000,
        )
        await self._producer.start()

    async def stop(self, timeout: float = 2.0) -> None:
        """Close, without waiting longer than `timeout` seconds for a broker that is away."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await wait_at_most(timeout, producer.stop(), cancel=True)

    def follow(self, topics: Iterable[str]) -> None:
        """Ask for the metadata of these topics alone: one that was deleted must not be asked back to life."""
        if self._producer is not None:
            self._producer.client.set_topics(list(topics))

    async def send(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        still_assigned: StillAssigned = always,
    ) -> RecordMetadata:
        """Send one record. Raises Refused or GivenUp."""
        async with self._turn(topic, partition):
            return await self._deliver(topic, lambda: self._one(topic, partition, value, key, headers), still_assigned)

    async def send_each(
        self, topic: str, partition: int, values: Iterable[bytes], *, still_assigned: StillAssigned = always
    ) -> None:
        """Send records of their own that belong together, in order. Raises Refused or GivenUp, as `send_all` does."""
        async with self._turn(topic, partition):
            for value in values:
                await self._deliver(topic, partial(self._one, topic, partition, value, None, ()), still_assigned)

    async def send_all(
        self,
        topic: str,
        partition: int,
        records: Sequence[tuple[bytes, Headers]],
        *,
        keys: Sequence[bytes] | None = None,
        still_assigned: StillAssigned = always,
    ) -> None:
        """Send records in order, in as few batches as they fit in. Raises Refused (one record is too large) or GivenUp.

        `keys` has one for each record, if they have keys. Sent again after Refused or GivenUp, some will be there
        twice.
        """
        async with self._turn(topic, partition):
            start = 0
            while start < len(records):
                batch, end = self._fill(records, keys, start)
                if end == start:
                    raise RecordRejected(f"a record of {len(records[start][0])} bytes for {topic} is too large")
                await self._deliver(topic, partial(self._batch, topic, partition, batch), still_assigned)
                start = end

    def _fill(
        self, records: Sequence[tuple[bytes, Headers]], keys: Sequence[bytes] | None, start: int
    ) -> tuple[Any, int]:
        """A batch of the records from `start` that fit in, and where the next one begins."""
        batch = self._ready().create_batch()
        end = start
        for value, headers in records[start:]:
            key = keys[end] if keys else None
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                break
            end += 1
        batch.close()
        return batch, end

    def _ready(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise Abandoned("stopped")
        return self._producer

    async def _one(
        self, topic: str, partition: int, value: bytes | None, key: bytes | None, headers: Headers
    ) -> RecordMetadata:
        future = await self._ready().send(topic, value, key=key, partition=partition, headers=list(headers))
        return await future

    async def _batch(self, topic: str, partition: int, batch: Any) -> RecordMetadata:
        future = await self._ready().send_batch(batch, topic, partition=partition)
        return await future

    def _turn(self, topic: str, partition: int) -> asyncio.Lock:
        """First come, first served; held until all of a send was delivered."""
        return self._turns.setdefault((topic, partition), asyncio.Lock())

    async def _deliver(self, topic: str, attempt: Callable[[], Any], still_assigned: StillAssigned) -> RecordMetadata:
        while still_assigned():
            try:
                metadata = await attempt()
            except _FINAL as error:
                raise RecordRejected(f"{topic}: {error!r}") from error
            except ProducerClosed as error:
                raise Abandoned("stopped") from error
            except (TimeoutError, KafkaError) as error:
                self._say_away(topic, error)
                await asyncio.sleep(self._pause)
            else:
                if self._away:
                    self._away = False
                    log.info("Kafka takes records again")
                return metadata
        raise Abandoned(f"nobody waits for this in {topic} any more")

    def _say_away(self, topic: str, error: Exception) -> None:
        """One line when delivery begins to fail, not one a try."""
        if not self._away:
            self._away = True
            log.warning("Kafka does not take records for %s (%r); trying on", topic, error)
