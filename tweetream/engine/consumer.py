"""The Faust consumer that loses nothing.

Stock Faust drops records around a rebalance (docs/architecture.md tells how). This consumer delivers
only what is contiguous: it keeps, for each partition, the next offset to deliver, unknown until the
partition has been positioned; what is lower is dropped, what is higher is fetched again from where it
should have gone on. It overrides private methods: setup.cfg holds the releases it was tested with,
and the test that kills workers guards it.
"""

import asyncio
import contextlib
import gc
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from aiokafka.errors import IllegalStateError, KafkaError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.futures import notify

from tweetream import metrics
from tweetream.kafka.retry import wait_at_most

Answer = TypeVar("Answer")
FETCH_WAIT_MS = 200
ASK_AGAIN = 0.5  # seconds
GIVE_UP = 2.0  # seconds that a rebalance or a stop waits for events that were not acknowledged


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The consumer's thread; a commit that the broker does not take is no reason to die."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # A broker answers a connection's requests in turn: seeking would wait for a fetch that finds nothing.
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def on_thread_stop(self) -> None:
        await wait_at_most(patience(self.app), super().on_thread_stop())  # leaving a group asks its broker

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        mine = consumer.assignment()
        offsets = {tp: offset for tp, offset in offsets.items() if tp in mine}
        try:
            await consumer.commit(offsets)
        except (KafkaError, ValueError) as error:
            # What was not committed is delivered again, and known by its origin.
            self.log.warning("Offsets not committed: %r", error)
            return False
        # Faust looks at this after five minutes, and calls a partition that is not here stuck.
        self.tp_last_committed_at.update(dict.fromkeys(offsets, time.monotonic()))
        return True


class Consumer(driver.Consumer):
    """Delivers each partition's records in unbroken order from the committed offset on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._next: dict[TP, int] = {}  # the next offset to deliver; none: not positioned yet
        self._gaps: dict[TP, dict[int, int]] = defaultdict(dict)  # offsets the log does not have: start → end
        self._jumped: dict[TP, tuple[int, int]] = {}  # the jump after which we sought back
        self._suspended: asyncio.Future[Any] | None = None  # done when flow is suspended; one serves many deliveries
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        return await self._insist(super().highwaters, *partitions)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        return await self._insist(super().earliest_offsets, *partitions)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        return await self._insist(super().seek_to_committed)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        await self._insist(super().seek_wait, partitions)

    async def _insist(self, call: Callable[..., Awaitable[Answer]], *args: Any) -> Answer:
        """Ask until Kafka answers: Faust would end the worker, or go on as if it had. A rebalance cancels it."""
        while True:
            try:
                return await call(*args)
            except IllegalStateError:  # the partition is no longer ours
                raise
            except (KafkaError, TimeoutError) as error:
                if self.should_stop:
                    raise
                self.log.info("Kafka does not answer (%r); asking again", error)
                await asyncio.sleep(ASK_AGAIN)

    def _forget(self, tps: set[TP] | None = None) -> None:
        """Nothing is delivered any more until perform_seek has said from where."""
        for state in (self._next, self._gaps, self._jumped):
            for tp in list(state) if tps is None else tps:
                state.pop(tp, None)  # type: ignore[attr-defined]

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        # Faust forgets what was acknowledged before it commits: all since the last commit would come again.
        self.stop_flow()
        self.app.flow_control.suspend()
        self.app.flow_control.clear()
        await self.wait_empty()
        self._forget()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._forget()
        for tp in assigned:  # acknowledgements that came late belong to another time
            self._acked.pop(tp, None)
            self._acked_index.pop(tp, None)
            self._committed_offset.pop(tp, None)
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Position every partition at its committed offset, or at the earliest if there is none."""
        generation = self.app.consumer_generation_id
        tps = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        self._forget()
        found = {ensure_TP(tp): offset for tp, offset in (await self.seek_to_committed()).items()}
        start = {tp: found[tp] for tp in tps if (found.get(tp) or -1) >= 0}
        rest = tps - set(start)
        if rest:
            start |= {ensure_TP(tp): offset for tp, offset in (await self.earliest_offsets(*rest)).items()}
        if generation != self.app.consumer_generation_id:
            return  # another rebalance has begun, and will seek again
        for tp, offset in start.items():
            self._acked.pop(tp, None)
            self._acked_index.pop(tp, None)
            self._committed_offset[tp] = offset
            self._next[tp] = offset
        # Last, since flow may be on: what is fetched from there before we know that it is next would be thrown away,
        # and missed only when another record comes behind it.
        if start:
            await self.seek_wait(start)

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                await asyncio.sleep(0)
                refetched: set[TP] = set()
                delivered = 0
                async for tp, message in self.getmany(timeout=1.0):
                    delivered += 1
                    if delivered % 100 == 0:
                        await asyncio.sleep(0)
                    if self._is_changelog_tp(tp):
                        await self._deliver(message)
                        self._read_offset[tp] = message.offset
                    elif tp not in refetched and not await self._deliver_next(tp, message):
                        refetched.add(tp)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _deliver(self, message: Any) -> bool:
        """Hand the message to its streams; false if flow was suspended before that had finished."""
        if self._suspended is None or self._suspended.done():
            self._suspended = asyncio.ensure_future(self.suspend_flow.wait())
        delivery = asyncio.ensure_future(self.callback(message))
        try:
            await asyncio.wait({delivery, self._suspended}, return_when=asyncio.FIRST_COMPLETED)
            if delivery.done():
                delivery.result()
                return True
            return False
        finally:
            delivery.cancel()

    async def _deliver_next(self, tp: TP, message: Any) -> bool:
        """Deliver what is next; false if the rest of this fetch is of no use for the partition."""
        expected = self._next.get(tp)
        if expected is None:
            return False
        if message.offset < expected:
            return True
        if message.offset > expected and not await self._pass_gap(tp, expected, message.offset):
            return False
        # Only a delivery that was not cut off counts, and only if nobody repositioned us meanwhile.
        if not await self._deliver(message) or self._next.get(tp) != message.offset:
            return False
        self._next[tp] = message.offset + 1
        return True

    async def _pass_gap(self, tp: TP, expected: int, offset: int) -> bool:
        """A jump from `expected` to `offset`: is it the log's truth? If not, seek back."""
        metrics.offset_gaps.inc()
        earliest = {ensure_TP(key): value for key, value in (await self.earliest_offsets(tp)).items()}[tp]
        if self._next.get(tp) != expected:
            return False
        if self._jumped.pop(tp, None) == (expected, offset):
            passed = offset  # the same jump right after our own seek: a compacted or transactional log
        elif expected < earliest <= offset:
            passed = earliest  # retention has been there
        else:
            self.log.info("Offsets of %r jump from %s to %s: fetching again", tp, expected, offset)
            self._jumped[tp] = (expected, offset)
            with contextlib.suppress(IllegalStateError):  # revoked meanwhile
                await self.seek_wait({tp: expected})
            return False
        self.log.warning("Offsets %s to %s of %r are gone", expected, passed - 1, tp)
        self._gaps[tp][expected] = passed
        self._next[tp] = passed
        return passed == offset or await self._pass_gap(tp, passed, offset)

    def _new_offset(self, tp: TP) -> int | None:
        """The offset to commit: behind the last of the unbroken run that begins at the committed one."""
        committed = self._committed_offset[tp]
        if committed is None:
            return None
        offset, index, gaps = committed, self._acked_index[tp], self._gaps[tp]
        while True:
            if offset in index:
                index.discard(offset)
                offset += 1
            elif offset in gaps:
                offset = gaps.pop(offset)
            else:
                break
        if offset == committed:
            return None
        self._acked[tp][:] = [acked for acked in self._acked[tp] if acked >= offset]
        return offset

    async def wait_empty(self) -> None:
        """Wait a moment for what is being worked on, then let it go: it will be delivered again."""
        gc.collect()  # what was only queued is gone from the set once nothing refers to it
        deadline = time.monotonic() + patience(self.app)
        while self._unacked_messages and time.monotonic() < deadline:
            await self._wait_for_ack(timeout=0.1)
            self._clean_unacked_messages()
        self._unacked_messages.clear()
        await wait_at_most(patience(self.app), self._commit_all())

    async def _commit_all(self) -> None:
        await self.maybe_wait_for_commit_to_finish()  # it began before the last acknowledgement
        await self.commit_and_end_transactions()

    def is_current(self, message: Any) -> bool:
        """Whether this message was delivered since the last rebalance: if not, it comes again, here or elsewhere.

        What was delivered before must not be worked on after it, behind what was given up: in the order of things
        that would be a hole, and readers take what fills it for old.
        """
        return message in self._unacked_messages

    def lag(self, topic: str) -> int:
        """Records of the topic's partitions here that are not committed, as far as the last fetch knows."""
        mine = [tp for tp in self._next if tp.topic == topic]
        ends = [(self.highwater(tp), self._committed_offset[tp]) for tp in mine]
        return sum(max(0, end - committed) for end, committed in ends if end is not None and committed is not None)

    def give_up(self, message: Any) -> None:
        """Nobody works on this message any more, and it is not acknowledged: do not wait for it."""
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)

    async def _wait_for_ack(self, timeout: float) -> None:
        self._waiting_for_ack = self.loop.create_future()
        try:
            await asyncio.wait({self._waiting_for_ack}, timeout=timeout)
        finally:
            self._waiting_for_ack = None


def patience(app: Any) -> float:
    """How many seconds our app (engine.App) waits for a broker now."""
    return float(app.patience())
