"""Sending to Kafka so that no record is lost or reordered.

A send, of one record or of many, waits until the send before it in the partition was delivered. It is then repeated
until it is delivered or its partition is no longer assigned. No record comes between the records of one send. What
waits meanwhile may go out with it in one batch. aiokafka gives up a batch after its request timeout and sends the next
one, so this module keeps the order.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import RecordMetadata

from tweetream.kafka import admin
from tweetream.kafka.batch_rate import BURST, RATE, BatchRate
from tweetream.kafka.connection import Connection
from tweetream.kafka.rebootstrap import rebootstrapping
from tweetream.kafka.retry import Reminder, Unavailable, wait_at_most
from tweetream.kafka.send_queue import Headers, Record, Send, SendQueue, StillAssigned, all_assigned, always, fill
from tweetream.kafka.write_watch import WriteWatch

log = logging.getLogger(__name__)
MAX_REQUEST = 1_000_000  # bytes: Kafka's default limit, less room for its own framing
MAX_RECORDS = 100_000  # of a batch: more than fit in
RECORD_BYTES = 1024  # of a record in a batch besides its value
METADATA_AGE_MS = 5_000  # a deleted topic is noticed after so long, also without a send; later among thousands
FRAMING = 1024  # bytes of a batch besides its records' keys, values and headers, and some to spare
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_FINAL = (InvalidTopicError, TopicAuthorizationFailedError)


class RecordRejected(Exception):
    """Kafka will never take this record; the caller writes a dead letter."""


class RecordTooLarge(RecordRejected):
    """Kafka will never take this record, since it is too large. The caller splits it, if it can be split."""


class Abandoned(Exception):
    """The record was not delivered: a rebalance or the end of the worker came first."""


class OrderedProducer:
    """A producer with one queue a partition. `still_assigned` is called before each attempt.

    `max_record` is the largest value (bytes) that Kafka takes as far as is known: `learn_limit` asks, and so does a
    rejected record. `watch` knows which topics cannot be written, once it has started.
    """

    max_record = MAX_REQUEST - FRAMING

    def __init__(self, kafka: Connection, *, pause: float = 0.25) -> None:
        self._kafka = kafka
        self._pause = pause
        self._producer: AIOKafkaProducer | None = None
        self._queues: dict[tuple[str, int], SendQueue] = {}
        self._rate = BatchRate(RATE, BURST)
        self._failing = False
        self._reminder = Reminder(log)
        self.watch: WriteWatch | None = None

    async def start(self) -> None:
        self._producer = AIOKafkaProducer(
            **self._kafka.arguments(),
            acks="all",
            max_batch_size=MAX_REQUEST,
            max_request_size=MAX_REQUEST + 65536,
            request_timeout_ms=10_000,
            metadata_max_age_ms=METADATA_AGE_MS,
        )
        await rebootstrapping(self._producer).start()
        self.watch = WriteWatch(self._producer.client)
        self.watch.start()

    @property
    def client(self) -> AIOKafkaClient | None:
        """The connections to the brokers, once they are there."""
        return None if self._producer is None else self._producer.client

    async def learn_limit(self, topics: Iterable[str]) -> bool:
        """Ask Kafka for the limit of these topics. Whether it is lower than what was known. Raises Unavailable."""
        limit = await admin.max_message_bytes(self._kafka, topics)
        if limit is None or limit - FRAMING >= self.max_record:
            return False
        log.info("Kafka takes records of up to %d bytes", limit)
        self.max_record = max(1, limit - FRAMING)
        return True

    async def stop(self, timeout: float = 2.0) -> None:
        """Close. A broker that is down delays this by `timeout` seconds at most."""
        if self.watch is not None:
            self.watch.stop()
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await wait_at_most(timeout, producer.stop(), cancel=True)
        for queue in self._queues.values():
            queue.stop(Abandoned("stopped"))

    def follow(self, topics: Iterable[str]) -> None:
        """Watch these topics, ask for the metadata of no others, and forget the queues of others."""
        followed = frozenset(topics)
        if self.watch is not None:
            self.watch.follow(followed)
        for place, queue in list(self._queues.items()):
            if place[0] not in followed and not queue.waits:  # else feeds that come and go would accumulate
                del self._queues[place]

    def is_missing(self, topic: str) -> bool:
        """Whether Kafka has had no such topic for a while."""
        return self.watch is not None and self.watch.is_missing(topic)

    def is_leaderless(self, topic: str) -> bool:
        """Whether the topic is missing, or has had a partition without a leader for a while."""
        return self.watch is not None and self.watch.is_leaderless(topic)

    def is_unwritable(self, topic: str) -> bool:
        """Whether Kafka answers and has not been able to write the topic for a while."""
        return self.watch is not None and self.watch.is_unwritable(topic)

    def unwritable(self) -> list[str]:
        """The topics followed that cannot be written now."""
        return [] if self.watch is None else self.watch.unwritable()

    def partitions(self, topic: str) -> int | None:
        """How many partitions the topic has; None if that is not known."""
        return None if self.watch is None else self.watch.partitions(topic)

    def limit(self, topic: str, *, probe: bool = False) -> AbstractContextManager[None]:
        """A block that raises Unwritable when the topic cannot be written (`WriteWatch.limit`)."""
        return contextlib.nullcontext() if self.watch is None else self.watch.limit(topic, probe=probe)

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
        """Send one record. Raises RecordTooLarge, RecordRejected or Abandoned."""
        async with self.queue(topic, partition).turn():
            attempt = partial(self._send_one, topic, partition, value, key, headers)
            return await self._deliver(topic, attempt, still_assigned)

    async def send_each(
        self,
        topic: str,
        partition: int,
        values: Callable[[int], Iterable[bytes]],
        *,
        still_assigned: StillAssigned = always,
    ) -> list[bytes]:
        """Send records in order, each on its own. Returns those that are too large.

        `values` makes the records, of at most so many bytes if it can. When Kafka turns out to take less, all of them
        are made and sent again, before any other record of the partition. Raises RecordRejected or Abandoned.
        """
        async with self.queue(topic, partition).turn():
            while True:
                limit, too_large = self.max_record, []
                for value in values(limit):
                    try:
                        attempt = partial(self._send_one, topic, partition, value, None, ())
                        await self._deliver(topic, attempt, still_assigned)
                    except RecordTooLarge:
                        too_large.append(value)
                if self.max_record >= limit:
                    return too_large

    async def send_all(
        self,
        topic: str,
        partition: int,
        records: Sequence[Record],
        *,
        keys: Sequence[bytes] | None = None,
        still_assigned: StillAssigned = always,
        limit: AbstractContextManager[None] | None = None,
    ) -> list[int]:
        """Send records in order, in as few batches as possible. Returns the indices of those that are too large.

        What other calls wait to send to the partition goes out in the same batches. `keys` has the records' keys, if
        any. `limit` is entered before the first attempt, and may end the call. Raises RecordRejected or Abandoned; then
        some records may have been delivered, so another call would double them.
        """
        if not records:
            return []
        await self.deliver(topic, partition, send := Send(records, keys, still_assigned, limit))
        return list(send.too_large)

    async def deliver(self, topic: str, partition: int, send: Send) -> None:
        """As send_all; the send tells what became of each record."""
        async with self.queue(topic, partition).turn(send):
            if send.left:
                await self._deliver_all(topic, partition, send)

    def begin_send(self, topic: str, partition: int, send: Send) -> None:
        """As send_all, but nobody waits, and the batches of all partitions share a rate (`batch_rate`)."""
        self.queue(topic, partition).add(send)

    async def _deliver_in_turn(self, topic: str, partition: int, send: Send) -> None:
        if send.still_assigned():
            await self._rate.take()
        await self._deliver_all(topic, partition, send)

    async def _deliver_all(self, topic: str, partition: int, send: Send) -> None:
        """Deliver the records of this send, and what goes along of those behind it."""
        with send.limit():
            await self._deliver_batches(topic, partition, send)

    async def _deliver_batches(self, topic: str, partition: int, send: Send) -> None:
        queue, attempt, most = self.queue(topic, partition), partial(self._send_batch, topic, partition), MAX_RECORDS
        while send.left:
            if not (together := queue.together()):
                raise Abandoned(f"{topic}: not assigned any more")
            batch = self._started().create_batch()
            counts = fill(batch, together, self.max_record - RECORD_BYTES, most)
            most = MAX_RECORDS
            try:
                if not any(counts):  # the record alone is too large
                    raise RecordTooLarge(f"{topic} takes records of up to {self.max_record} bytes")
                assigned = partial(all_assigned, together[: len(counts)])
                delivered = await self._deliver(topic, partial(attempt, batch), assigned, asked=True)
            except RecordTooLarge:
                if sum(counts) > 1:
                    most = sum(counts) // 2
                elif send.strict:
                    raise
                else:
                    send.pass_over()
            except Abandoned:  # perhaps for another of them, which fails in its own turn
                if self._producer is None or not send.still_assigned():
                    raise
            else:
                queue.sent(together, counts, delivered.offset)

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise Abandoned("stopped")
        return self._producer

    async def _send_one(
        self, topic: str, partition: int, value: bytes | None, key: bytes | None, headers: Headers
    ) -> RecordMetadata:
        return await (await self._started().send(topic, value, key=key, partition=partition, headers=list(headers)))

    async def _send_batch(self, topic: str, partition: int, batch: Any) -> RecordMetadata:
        return await (await self._started().send_batch(batch, topic, partition=partition))

    def queue(self, topic: str, partition: int) -> SendQueue:
        """The queue of a partition, in order of arrival; a turn in it ends when all its records were delivered."""
        if (queue := self._queues.get((topic, partition))) is None:
            queue = self._queues[topic, partition] = SendQueue(partial(self._deliver_in_turn, topic, partition))
        return queue

    async def _deliver(
        self, topic: str, attempt: Callable[[], Any], still_assigned: StillAssigned, asked: bool = False
    ) -> RecordMetadata:
        """Attempt until it is delivered. If `asked`, the caller has just called `still_assigned`."""
        while asked or still_assigned():
            asked = False
            try:
                metadata = await attempt()
            except _FINAL as error:
                raise RecordRejected(f"{topic}: {error!r}") from error
            except _TOO_LARGE as error:
                with contextlib.suppress(Unavailable):
                    await self.learn_limit([topic])
                raise RecordTooLarge(f"{topic} takes records of up to {self.max_record} bytes: {error!r}") from error
            except ProducerClosed as error:
                raise Abandoned("stopped") from error
            except (TimeoutError, KafkaError, OSError, MemoryError) as error:
                self._failing |= self._reminder.warn(
                    "Kafka does not take records for %s (%r); trying again", topic, error
                )
                await asyncio.sleep(self._pause)
            else:
                if self._failing and self._reminder.due:
                    self._failing = False
                    log.info("Kafka takes records again")
                return metadata
        raise Abandoned(f"a record for {topic} is no longer assigned to this worker")
