"""The contiguous consumer: Faust's consumer, without its losses around a rebalance (docs/architecture.md).

It keeps the next offset of each partition, unknown until the partition is positioned. It delivers the record with
exactly that offset, drops a lower one, and seeks back for a higher one. Where the offset to go on from is gone, it
begins at the start of the log: stamps tell what was done before. It overrides private methods of Faust:
tests/test_overrides.py names them, setup.cfg holds the releases, and the tests that kill workers guard it.
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
from typing_extensions import override

from tweetream import metrics
from tweetream.engine.consumer_thread import ConsumerThread, patience
from tweetream.engine.progress import Offsets
from tweetream.kafka.retry import wait_at_most

Answer = TypeVar("Answer")
ASK_AGAIN = 0.5  # seconds between two calls that Kafka does not answer


class Consumer(driver.Consumer):
    """Delivers each partition's records in unbroken order from the committed offset on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._next: dict[TP, int] = {}  # the next offset to deliver; missing: not positioned yet
        self._gaps: dict[TP, dict[int, int]] = defaultdict(dict)  # offsets the log does not have: start → end
        self._jumped: dict[TP, tuple[int, int]] = {}  # the jump after which we sought back
        self._suspended: asyncio.Future[Any] | None = None  # done when flow is suspended; one serves many deliveries
        super().__init__(*args, **kwargs)

    @override
    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @override
    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        return await self._insist(super().highwaters, *partitions)

    @override
    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        return await self._insist(super().earliest_offsets, *partitions)

    @override
    async def seek_to_committed(self) -> Mapping[TP, int]:
        return await self._insist(super().seek_to_committed)

    @override
    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        await self._insist(super().seek_wait, partitions)

    async def _insist(self, call: Callable[..., Awaitable[Answer]], *args: Any) -> Answer:
        """Call until Kafka answers, or a rebalance cancels this. Faust would end the worker, or go on without it."""
        while True:
            try:
                return await call(*args)
            except IllegalStateError:  # the partition is no longer ours
                raise
            except (KafkaError, TimeoutError, OSError, MemoryError) as error:
                if self.should_stop:
                    raise
                self.log.info("Kafka does not answer (%r); asking again", error)
                await asyncio.sleep(ASK_AGAIN)

    def _forget(self, tps: set[TP] | None = None) -> None:
        """Deliver nothing from these partitions until perform_seek has positioned them."""
        for state in (self._next, self._gaps, self._jumped):
            for tp in list(state) if tps is None else tps:
                state.pop(tp, None)  # type: ignore[attr-defined]

    @override
    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        # Faust forgets the acknowledgements before it commits: all records since the last commit would come again.
        self.stop_flow()
        self.app.flow_control.suspend()
        self.app.flow_control.clear()
        await self.wait_empty()
        self._forget()
        await super().on_partitions_revoked(revoked)

    @override
    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._forget()
        for tp in assigned:  # late acknowledgements belong to the last assignment
            self._acked.pop(tp, None)
            self._acked_index.pop(tp, None)
            self._committed_offset.pop(tp, None)
        await super().on_partitions_assigned(assigned, generation_id)

    @override
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
            await self._say_uncommitted(rest)
        if generation != self.app.consumer_generation_id:
            return  # another rebalance has begun, and will seek again
        self._position(start)
        # Seek last, since flow may be on. A record that is fetched before its offset is known as the next one is
        # thrown away, and missed only when a later record comes.
        if start:
            await self.seek_wait(start)

    def _position(self, start: Mapping[TP, int]) -> None:
        """From now on, deliver and commit these partitions from these offsets on."""
        for tp, offset in start.items():
            self._acked.pop(tp, None)
            self._acked_index.pop(tp, None)
            self._gaps.pop(tp, None)
            self._committed_offset[tp] = offset
            self._next[tp] = offset

    async def _say_uncommitted(self, tps: set[TP]) -> None:
        """Say which of the partitions have had records: their offsets expired, were deleted, or are not there yet."""
        ends = await self.highwaters(*tps)
        used = sorted(f"{tp.topic} {tp.partition}" for tp in map(ensure_TP, ends) if ends[tp])
        if used:
            metrics.offset_resets.inc(len(used))
            self.log.warning("no offset is committed for %s: reading from the start, and skipping what was done", used)

    @override
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
        """Hand the message to its streams. False if flow was suspended before that was finished."""
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
        """Deliver the message if it is the next one. False if the rest of this fetch is useless for the partition."""
        expected = self._next.get(tp)
        if expected is None:
            return False
        if message.offset < expected:
            return not await self._begin_again(tp, expected)
        if message.offset > expected and not await self._pass_gap(tp, expected, message.offset):
            return False
        # The delivery counts only if it was not cut off and the partition was not positioned anew meanwhile.
        if not await self._deliver(message) or self._next.get(tp) != message.offset:
            return False
        self._next[tp] = message.offset + 1
        return True

    async def _pass_gap(self, tp: TP, expected: int, offset: int) -> bool:
        """Offsets jump from `expected` to `offset`. True if the log has nothing between; else seek back."""
        metrics.offset_gaps.inc()
        earliest = {ensure_TP(key): value for key, value in (await self.earliest_offsets(tp)).items()}[tp]
        if self._next.get(tp) != expected:
            return False
        if self._jumped.pop(tp, None) == (expected, offset):
            passed = offset  # the same jump after our own seek: the log is compacted or transactional
        elif expected < earliest <= offset:
            passed = earliest  # retention has deleted them
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

    async def _begin_again(self, tp: TP, expected: int) -> bool:
        """Begin at the start of the log if it ends before the next offset. Whether it does."""
        try:
            if (self.highwater(tp) or expected) >= expected:  # of the last fetch
                return False
        except AssertionError:  # revoked meanwhile
            return False
        end = (await self.highwaters(tp))[tp]
        earliest = (await self.earliest_offsets(tp))[tp]
        if end >= expected or self._next.get(tp) != expected:
            return False
        metrics.offset_resets.inc()
        self.log.warning(
            "%s %s was cut or made anew: it ends at offset %s, before %s. Reading from %s, and skipping what was done",
            tp.topic, tp.partition, end, expected, earliest,
        )  # fmt: skip
        for message in [message for message in self._unacked_messages if message.tp == tp]:
            self._unacked_messages.discard(message)  # of the old log
        self._position({tp: earliest})
        with contextlib.suppress(IllegalStateError):  # revoked meanwhile
            await self.seek_wait({tp: earliest})
        return True

    @override
    def _new_offset(self, tp: TP) -> int | None:
        """The offset to commit: the end of the unbroken run of acknowledged offsets after the committed one."""
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

    @override
    async def wait_empty(self) -> None:
        """Wait a moment for unacknowledged events, then give them up: they are delivered again."""
        gc.collect()  # a queued message leaves the set when nothing refers to it
        deadline = time.monotonic() + patience(self.app)
        while self._unacked_messages and time.monotonic() < deadline:
            await self._wait_for_ack(timeout=0.1)
            self._clean_unacked_messages()
        self._unacked_messages.clear()
        await wait_at_most(patience(self.app), self._commit_all())

    async def _commit_all(self) -> None:
        await self.maybe_wait_for_commit_to_finish()  # that commit began before the last acknowledgement
        await self.commit_and_end_transactions()

    def is_current(self, message: Any) -> bool:
        """Whether this message was delivered since the last rebalance. If not, it comes again, here or elsewhere.

        A message from before the rebalance must not be processed after it: the messages that were given up before it
        would come later, and readers would skip them as old.
        """
        return message in self._unacked_messages

    def next_offset(self, topic: str, partition: int) -> int | None:
        """The offset of the next record that is delivered of a partition. None if it is not this worker's now."""
        return self._next.get(TP(topic, partition))

    def offsets(self) -> dict[TP, Offsets]:
        """Those of each partition of this worker."""
        found = [(tp, self._committed_offset[tp], at, self.highwater(tp)) for tp, at in self._next.items()]
        return {tp: Offsets(done, at, max(done, end or 0)) for tp, done, at, end in found if done is not None}

    def give_up(self, message: Any) -> None:
        """Do not wait for this message any more: it was not acknowledged and nothing processes it."""
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)

    @override
    async def _wait_for_ack(self, timeout: float) -> None:
        self._waiting_for_ack = self.loop.create_future()
        try:
            await asyncio.wait({self._waiting_for_ack}, timeout=timeout)
        finally:
            self._waiting_for_ack = None
