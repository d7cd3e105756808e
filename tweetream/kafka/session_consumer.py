"""A consumer that follows many partitions cheaply, in a fetch session with each broker. Knows no Faust.

aiokafka's own consumer names each partition in each request and reads each in each answer, which takes 30 to 50 ms of
CPU for a thousand.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Mapping
from itertools import islice
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import (
    FetchSessionIdNotFound,
    InvalidFetchSessionEpoch,
    KafkaError,
    NoError,
    OffsetOutOfRangeError,
    for_code,
)
from aiokafka.record.memory_records import MemoryRecords

from tweetream.kafka.connection import Connection
from tweetream.kafka.fetch_session import FetchSession, SessionFetch
from tweetream.kafka.rebootstrap import rebootstrapping
from tweetream.kafka.retry import Reminder, wait_at_most

log = logging.getLogger(__name__)
PAUSE = 0.1  # seconds before a broker that failed, or the leader of a partition, is asked for again
LATER = 1.0  # seconds before a partition that cannot be read is asked for again
ANSWER = 10.0  # seconds for the metadata


class _Broker:
    """The session with a broker, and the fetch that is on its way to it."""

    def __init__(self) -> None:
        self.session = FetchSession()
        self.fetch: asyncio.Task[Any] | None = None


class SessionConsumer:
    """Gives the records of the partitions that are assigned, from their offsets on."""

    def __init__(self, kafka: Connection) -> None:
        self._client = rebootstrapping(AIOKafkaClient(**kafka.arguments()))
        self._client.cluster.add_listener(self._note_metadata)
        self._offsets: dict[TopicPartition, int] = {}  # the next of each
        self._brokers: defaultdict[int, _Broker] = defaultdict(_Broker)
        self._leaders: dict[TopicPartition, _Broker] = {}
        self._fetched: dict[TopicPartition, PartitionRecords] = {}
        self._news = asyncio.Event()  # set when the partitions must be placed again: they, or their leaders, are new
        self._asking: asyncio.Task[None] | None = None
        self._reminder = Reminder(log)

    async def start(self) -> None:
        """Connect. Raises KafkaError."""
        await self._client.bootstrap()

    async def stop(self) -> None:
        """End what is on its way, and close the connections."""
        for task in (self._asking, *(broker.fetch for broker in self._brokers.values())):
            if task is not None:
                task.cancel()
        await wait_at_most(1.0, self._client.close(), cancel=True)

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read these partitions, and no others, from these offsets on."""
        self._offsets = dict(offsets)
        self._fetched.clear()
        self._news.set()
        self._client.set_topics([tp.topic for tp in offsets])

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        """The next records of each partition that has some. None if they take longer than the timeout.

        Raises OffsetOutOfRangeError with a dict of the partitions, or another KafkaError.
        """
        if not self._fetched:
            await self._fetch(timeout_ms / 1000)
        found: dict[TopicPartition, list[Any]] = {}
        for tp, records in list(self._fetched.items()):
            try:
                taken = list(islice(records, max_records - sum(map(len, found.values()))))
            except KafkaError as error:  # it is corrupt; the other partitions go on
                del self._fetched[tp]
                self._put_off(self._leaders[tp].session, tp, error)
                continue
            if taken:
                found[tp] = taken
                self._move(tp, taken[-1].offset + 1)
            if sum(map(len, found.values())) == max_records:
                break
            del self._fetched[tp]
            self._move(tp, records.next_fetch_offset)
        return found

    def _move(self, tp: TopicPartition, offset: int) -> None:
        self._offsets[tp] = offset
        self._leaders[tp].session.move(tp, offset)

    async def _fetch(self, timeout: float) -> None:
        """Ask each broker that is not asked yet, and take the answers that come in time."""
        if self._client._sync_task.done():
            raise KafkaError("nobody asks for the leaders of partitions any more")
        if self._news.is_set():
            self._place()
        for node, broker in self._brokers.items():
            if broker.fetch is None and broker.session.wanted:
                broker.fetch = asyncio.create_task(self._ask(node, broker.session))
                broker.fetch.add_done_callback(lambda done: done.cancelled() or done.exception())
        fetches = [broker.fetch for broker in self._brokers.values() if broker.fetch is not None]
        if not fetches:
            return await wait_at_most(timeout, self._news.wait(), cancel=True)
        await asyncio.wait(fetches, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        for broker in self._brokers.values():
            if broker.fetch is not None and broker.fetch.done():
                answer, broker.fetch = broker.fetch.result(), None
                if answer is not None:
                    self._take(broker, answer)

    def _place(self) -> None:
        """Give each partition to the session with its leader."""
        self._news.clear()
        placed: defaultdict[int, dict[TopicPartition, int]] = defaultdict(dict)
        self._leaders = {}
        for tp, offset in self._offsets.items():
            node = self._client.cluster.leader_for_partition(tp)
            if node is None or node == -1:
                self._ask_for_leaders()
            else:
                placed[node][tp] = offset
                self._leaders[tp] = self._brokers[node]
        for node, broker in list(self._brokers.items()):
            broker.session.want(placed[node])
            if not placed[node] and broker.fetch is None:
                del self._brokers[node]

    def _note_metadata(self, metadata: object) -> None:
        self._news.set()

    def _ask_for_leaders(self) -> None:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._find_leaders())

    async def _find_leaders(self) -> None:
        await asyncio.sleep(PAUSE)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER):
                await self._client.force_metadata_update()
        self._news.set()  # also if nobody answered: then it is tried again

    async def _ask(self, node: int, session: FetchSession) -> Any:
        """The answer of a broker; None if there is none."""
        told = session.changes()
        try:
            answer = await self._client.send(node, SessionFetch(session.id, told))
        except (KafkaError, LookupError) as error:  # aiokafka looks for a connection that has gone meanwhile
            self._reminder.warn("Kafka's broker %s does not tell what is new: %r", node, error)
            self._ask_for_leaders()
            await asyncio.sleep(PAUSE)
            return None
        failure = for_code(getattr(answer, "error_code", 0))
        if failure is FetchSessionIdNotFound:
            session.lose()
        if failure in (FetchSessionIdNotFound, InvalidFetchSessionEpoch):
            return None
        if failure is not NoError:
            raise failure
        session.confirm(told, getattr(answer, "session_id", 0))
        return answer

    def _take(self, broker: _Broker, answer: Any) -> None:
        gone: dict[TopicPartition, int] = {}
        for topic, partitions in answer.topics:
            for partition, code, _, *_, data in partitions:
                tp = TopicPartition(topic, partition)
                if not broker.session.is_asked(tp):  # the assignment has changed since
                    continue
                offset, error = self._offsets[tp], for_code(code)
                if error is OffsetOutOfRangeError:
                    gone[tp] = offset
                elif error is not NoError:
                    self._fail(broker.session, tp, error)
                elif (records := MemoryRecords(data or b"")).has_next():
                    self._fetched[tp] = PartitionRecords(tp, records, [], offset, None, None, True, READ_UNCOMMITTED)
        if gone:
            raise OffsetOutOfRangeError(gone)

    def _fail(self, session: FetchSession, tp: TopicPartition, error: type[KafkaError]) -> None:
        if error.invalid_metadata:  # it has moved to another broker
            session.drop(tp)
            self._ask_for_leaders()
        else:
            self._put_off(session, tp, error())

    def _put_off(self, session: FetchSession, tp: TopicPartition, error: KafkaError) -> None:
        """Read the partition again a little later: others must not wait for it."""
        self._reminder.warn("%s cannot be read now: %r", tp.topic, error)
        session.drop(tp)
        asyncio.get_running_loop().call_later(LATER, self._news.set)
