"""The service that runs the sources, on the one worker that owns the partition of the commands topic.

Four times a second it checks whether this worker is the owner, and starts or ends the run. A run takes over, waits
until the topics of the settings are active, and then reads the sources. It has one batch in flight at a time, so the
sequence numbers have no gaps. Each batch carries the positions of all sources, so Kafka stores both or neither.
"""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

from mode import Service
from typing_extensions import override

from tweetream import metrics
from tweetream.app import app, kafka, settings
from tweetream.ingest.backpressure import Backpressure
from tweetream.ingest.batcher import Batch, Batcher, halves
from tweetream.ingest.command_offsets import CommandsLost, continue_offsets
from tweetream.ingest.lag import watch_group_lag
from tweetream.ingest.reporter import Reporter
from tweetream.ingest.settled import SettledPositions, recall
from tweetream.ingest.spread import Spread
from tweetream.ingest.takeover import Fenced, TakeoverState, take_over
from tweetream.kafka.fencing import highest
from tweetream.kafka.producer import Abandoned, RecordRejected, RecordTooLarge
from tweetream.matching import normalise_track
from tweetream.models import codec
from tweetream.models.change import SETTINGS
from tweetream.models.command import MAX_CALLER, Command
from tweetream.models.drop import Drop
from tweetream.models.post import PostBatch
from tweetream.sources import Chunk, Context, Source, SourceError, open_source, without_secret
from tweetream.sources.supervisor import Supervisor
from tweetream.topology import (
    COMMANDS,
    POSTS,
    RETRACTED,
    dead_letter,
    now_ms,
    owns_commands,
    recovered,
    services,
    topics_table,
)

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
LAST_SEND_TIMEOUT = 0.8  # seconds for the last batch of a run
PAUSE = 2.0  # seconds between two runs that fail at once, for example while the broker is not available
REBALANCE_GRACE = 1.0  # seconds that a run goes on while the group rebalances


def tracks() -> dict[str, tuple[str, ...]]:
    """The words of each active topic, by the topic's name."""
    return {topic.name: topic.track for topic in topics_table.alive()}


class PostsGone(Exception):
    """Kafka has no topic of posts. The next run begins when it is made again, with what it lacks."""


class _FailedSource:
    """Stands for a source that cannot be opened any more. Its status is `refused`, and the other sources run."""

    unpaced = False

    def __init__(self, url: str, error: SourceError) -> None:
        self.url, self._error = url, error

    def check(self) -> None:
        raise self._error

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        raise self._error
        yield


class Run:
    """One run of the sources, from the takeover to the loss of the partition."""

    def __init__(self) -> None:
        self._backpressure = Backpressure()
        urls = [without_secret(url) for url in settings.sources]
        found = {url: services.source_statuses.settled(url) for url in urls}
        self._settled = SettledPositions(self._backpressure, {url: one for url, one in found.items() if one})
        self._reporter = Reporter(self._settled)
        self._supervisors = [self._supervisor(url) for url in settings.sources]

    def _supervisor(self, url: str) -> Supervisor:
        source: Source
        try:
            source = open_source(url, Context(settings, tracks))
        except SourceError as error:  # it could be opened when the worker started
            source = _FailedSource(url, error)
        return Supervisor(
            source, last=services.source_statuses.last(without_secret(url)), changed=self._reporter.changed
        )

    async def main(self) -> None:
        """Run until cancelled. Raises what ends the run, such as Fenced."""
        await continue_offsets()
        await self._add_topics()
        takeover = await take_over(kafka, services.producer, POSTS, settings.partitions, now_ms())
        self._backpressure.begin(takeover.ends)
        await recall(kafka, takeover, self._settled.by_url(), settings.partitions)
        log.info("streaming from %d sources, epoch %d", len(self._supervisors), takeover.epoch)
        batcher = Batcher(takeover.positions, takeover.ids, lambda: len(topics_table.live_feeds()))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._backpressure.watch())
            tasks.create_task(watch_group_lag())
            tasks.create_task(self._reporter.run(takeover.epoch, self._supervisors))
            for supervisor in self._supervisors:
                tasks.create_task(self._run_source(supervisor, batcher, takeover.positions))
            await self._send(batcher, takeover)

    async def _add_topics(self) -> None:
        """Add the topics of the settings that have never existed, and wait until they are active."""
        last = -1
        for name in settings.topics:
            track, host = normalise_track([name]), socket.gethostname()[:MAX_CALLER]
            command = codec.encode(Command("add", name, track, missing=True, by=SETTINGS, address=host))
            last = (await services.producer.send(COMMANDS, 0, command)).offset
        while not await topics_table.applied_within(last, 5.0):
            await asyncio.sleep(0.1)

    async def _run_source(self, supervisor: Supervisor, batcher: Batcher, positions: dict[str, str]) -> None:
        source = supervisor.source

        async def take(chunk: Chunk) -> None:
            if source.unpaced:
                await self._backpressure.ready()
            await batcher.put(supervisor.url, chunk)

        await supervisor.run(positions.get(supervisor.url), take)

    async def _send(self, batcher: Batcher, takeover: TakeoverState) -> None:
        epoch, sequence, ends, positions = takeover.epoch, 0, takeover.ends, takeover.positions
        spread = Spread(settings.partitions, takeover.partition)
        async for batch in batcher.batches():
            waiting = [batch]
            while waiting:
                part = waiting.pop(0)
                # A command that only this worker has applied may be undone by a rebalance: others would wait for it.
                command = topics_table.confirmed
                record = codec.encode(PostBatch(epoch, sequence + 1, command, part.positions, part.posts))
                if len(part.posts) > 1 and len(record) > services.producer.max_record:
                    waiting[:0] = halves(part, positions)
                    continue
                partition = spread.next(len(part.posts))
                try:
                    offset = await _until_delivered(self._deliver(partition, record, part))
                except RecordTooLarge:  # Kafka's limit is lower now
                    waiting[:0] = halves(part, positions)
                    continue
                sequence, positions = sequence + 1, part.positions
                if offset is not None:
                    await _check_not_fenced(partition, ends[partition], offset, (epoch, sequence))
                    ends[partition] = offset + 1
                    self._settled.note((epoch, sequence), positions)

    async def _deliver(self, partition: int, record: bytes, batch: Batch) -> int | None:
        """Send a batch and count it. Returns its offset, or None if Kafka rejects it.

        Raises RecordTooLarge for a batch that can be split.
        """
        offset = None
        await self._retract(batch.retracted)
        try:
            offset = (await services.producer.send(POSTS, partition, record, still_assigned=_posts_are_there)).offset
            self._backpressure.sent(partition, offset)
        except Abandoned as error:
            raise PostsGone(f"the Kafka topic {POSTS} is gone") from error
        except RecordRejected as error:
            if isinstance(error, RecordTooLarge) and len(batch.posts) > 1:
                raise
            await dead_letter(POSTS, record, str(error))
            batch.dropped[Drop.REFUSED] += len(batch.posts)
        _count(batch)
        return offset

    async def _retract(self, ids: list[str]) -> None:
        """Send the retracted ids to all workers, before the position after them is stored."""
        if ids:
            keys = [id.encode("utf-8", "replace") for id in ids]
            try:
                rejected = len(await services.producer.send_all(RETRACTED, 0, [(b"1", [])] * len(ids), keys=keys))
            except RecordRejected as error:
                log.error("%d deleted posts cannot be removed from the feeds: %s", len(ids), error)
            else:
                if rejected:
                    log.error("%d deleted posts cannot be removed from the feeds: their ids are too long", rejected)


def _posts_are_there() -> bool:
    return not services.producer.is_missing(POSTS)


async def _until_delivered(delivery: Coroutine[Any, Any, Answer]) -> Answer:
    """Await a delivery. If this is cancelled, the batch may still arrive: it gets a moment, so that it is counted."""
    task = asyncio.ensure_future(delivery)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=LAST_SEND_TIMEOUT)
        task.cancel()
        raise


async def _check_not_fenced(partition: int, expected: int, offset: int, ours: tuple[int, int]) -> None:
    """Raise Fenced if there are records between ours with a higher epoch, or with a higher sequence of our epoch.

    A worker that freezes during takeover can wake and fence its replacement. The active worker sees this by gaps in
    the offsets that it gets, and takes over again.
    """
    if offset > expected:
        found = await highest(kafka, POSTS, partition, expected, offset)
        if found > ours:
            raise Fenced(f"epoch {found[0]}, sequence {found[1]} came after ours, {ours[0]}, {ours[1]}")


def _count(batch: Batch) -> None:
    for url, number in batch.read.items():
        metrics.posts_read.labels(url).inc(number)
    for reason, number in batch.dropped.items():
        metrics.posts_dropped.labels(reason.value).inc(number)
    metrics.time_unknown.inc(sum([post.created_at is None for post in batch.posts]))


@app.service
class IngestService(Service):
    """Starts a run when this worker becomes the owner of the commands partition, and ends it when it no longer is."""

    _run: asyncio.Task[None] | None = None
    _started_at = 0.0

    @Service.task
    async def _watch(self) -> None:
        rebalancing_since = 0.0
        while not self.should_stop:
            await asyncio.sleep(0.25)
            if app.rebalancing:
                rebalancing_since = rebalancing_since or time.monotonic()
                owner = self._run is not None and time.monotonic() - rebalancing_since < REBALANCE_GRACE
            else:
                rebalancing_since = 0.0
                owner = owns_commands() and recovered()
            if not owner:
                await self._end()
            elif self._run is None or (self._run.done() and time.monotonic() > self._started_at + PAUSE):
                self._start()

    def _start(self) -> None:
        self._started_at = time.monotonic()
        if self._run is not None and not self._run.cancelled() and (error := self._run.exception()):
            if isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            log.error("the run of the sources failed: %r; starting again", error)
            if isinstance(error, codec.TooNew | CommandsLost):
                app.abort(str(error))
                return
        self._run = asyncio.create_task(Run().main())

    async def _end(self) -> None:
        if self._run is not None:
            run, self._run = self._run, None
            run.cancel()
            await asyncio.wait({run}, timeout=1.0)

    @override
    async def on_stop(self) -> None:
        await self._end()
