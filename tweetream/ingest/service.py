"""The service that runs the sources, on the one worker that owns the commands' partition.

It looks four times a second whether that is this worker, and starts or ends the run. A run takes over,
waits until the topics of the settings are active, and then has one batch in flight at a time, so that
its numbers have no holes; each batch carries the positions of all sources: both are stored or neither.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator

from mode import Service
from typing_extensions import override

from tweetream import metrics
from tweetream.app import app, kafka, settings
from tweetream.ingest.backpressure import Backpressure
from tweetream.ingest.batcher import Batcher, Read
from tweetream.ingest.reporter import Reporter
from tweetream.ingest.takeover import Fenced, TakeoverState, take_over
from tweetream.kafka.fencing import highest_epoch
from tweetream.kafka.producer import RecordRejected
from tweetream.matching import normalise_track
from tweetream.models import codec
from tweetream.models.command import Command
from tweetream.models.drop import Drop
from tweetream.models.post import PostBatch
from tweetream.sources import open_source
from tweetream.sources.base import Chunk, Context, Source, SourceError, without_secret
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
    topics,
    wait_applied,
)

log = logging.getLogger(__name__)
LAST = 0.8  # seconds that the last batch of a run has to arrive
PAUSE = 2.0  # seconds between two runs that fail at once, as when the broker is away
GRACE = 1.0  # seconds that a run goes on while the group rebalances


def tracks() -> dict[str, tuple[str, ...]]:
    """The words of the topics that are active now, by the topics' names."""
    return {topic.name: topic.track for topic in topics.alive()}


class _Unopened:
    """In the place of a source that cannot be made any more: it is refused, and the others run."""

    unpaced = False

    def __init__(self, url: str, error: SourceError) -> None:
        self.url, self._error = url, error

    def check(self) -> None:
        raise self._error

    async def chunks(self, position: str | None) -> AsyncGenerator[Chunk, None]:
        raise self._error
        yield


class Run:
    """One term of streaming: from taking over to losing the partition."""

    def __init__(self) -> None:
        self._reporter = Reporter()
        self._supervisors = [self._supervisor(url) for url in settings.sources]
        self._backpressure = Backpressure()

    def _supervisor(self, url: str) -> Supervisor:
        source: Source
        try:
            source = open_source(url, Context(settings, tracks))
        except SourceError as error:  # it was made once, when the worker started
            source = _Unopened(url, error)
        return Supervisor(source, known=services.reports.known(without_secret(url)), changed=self._reporter.changed)

    async def main(self) -> None:
        await self._add_topics()
        inherited = await take_over(kafka, services.producer, POSTS, settings.partitions, now_ms())
        log.info("streaming from %d sources, epoch %d", len(self._supervisors), inherited.epoch)
        batcher = Batcher(inherited.positions, inherited.ids)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._backpressure.watch())
            tasks.create_task(self._reporter.run(inherited.epoch, self._supervisors))
            for supervisor in self._supervisors:
                tasks.create_task(self._pump(supervisor, batcher, inherited.positions))
            await self._send(batcher, inherited)

    async def _add_topics(self) -> None:
        """Add the topics of the settings that were never there, and wait for them."""
        last = -1
        for name in settings.topics:
            command = codec.encode(Command("add", name, normalise_track([name]), missing=True))
            last = (await services.producer.send(COMMANDS, 0, command)).offset
        while not await wait_applied(last, 5.0):
            await asyncio.sleep(0.1)

    async def _pump(self, supervisor: Supervisor, batcher: Batcher, positions: dict[str, str]) -> None:
        source = supervisor.source

        async def take(chunk: Chunk) -> None:
            if source.unpaced:
                await self._backpressure.ready()
            await batcher.put(supervisor.url, chunk)

        await supervisor.run(positions.get(supervisor.url), take)

    async def _send(self, batcher: Batcher, inherited: TakeoverState) -> None:
        epoch, sequence, ends = inherited.epoch, 0, inherited.ends
        async for read in batcher.batches():
            sequence += 1
            partition = sequence % settings.partitions
            batch = PostBatch(epoch, sequence, topics.applied, read.positions, read.posts)
            delivery = asyncio.ensure_future(self._deliver(partition, batch, read))
            try:
                offset = await asyncio.shield(delivery)
            except asyncio.CancelledError:
                # What is on its way may arrive: let it, so that what was read is counted.
                await asyncio.wait({delivery}, timeout=LAST)
                delivery.cancel()
                raise
            if offset is not None:
                await _check(partition, ends[partition], offset, epoch)
                ends[partition] = offset + 1

    async def _deliver(self, partition: int, batch: PostBatch, read: Read) -> int | None:
        """Send a batch and count it; the offset it has."""
        offset = None
        await self._retract(read.retracted)
        try:
            offset = (await services.producer.send(POSTS, partition, codec.encode(batch))).offset
            self._backpressure.sent(partition, offset)
        except RecordRejected as error:
            await dead_letter(POSTS, codec.encode(batch), str(error))
            read.dropped[Drop.REFUSED] += len(read.posts)
        _count(read)
        return offset

    async def _retract(self, ids: list[str]) -> None:
        """Tell all workers what was taken back, before the position behind it is stored."""
        if ids:
            keys = [id.encode("utf-8", "replace") for id in ids]
            try:
                await services.producer.send_all(RETRACTED, 0, [(b"1", [])] * len(ids), keys=keys)
            except RecordRejected as error:
                log.error("%d posts stay that were deleted: %s", len(ids), error)


async def _check(partition: int, expected: int, offset: int, epoch: int) -> None:
    """Whoever finds records of others between its own must know whose: raises Overtaken if they are of a higher epoch.

    A worker that was frozen while it took over goes on taking over when it wakes, after the one that replaced it.
    """
    if offset > expected:
        highest = await highest_epoch(kafka, POSTS, partition, offset, expected)
        if highest > epoch:
            raise Fenced(f"epoch {highest} came after ours, {epoch}")


def _count(read: Read) -> None:
    for url, number in read.read.items():
        metrics.posts_read.labels(url).inc(number)
    for reason, number in read.dropped.items():
        metrics.posts_dropped.labels(reason.value).inc(number)


@app.service
class IngestService(Service):
    """Starts a run when this worker owns the commands, ends it when it does not."""

    _run: asyncio.Task[None] | None = None
    _begun = 0.0

    @Service.task
    async def _watch(self) -> None:
        rebalancing_since = 0.0
        while not self.should_stop:
            await asyncio.sleep(0.25)
            if app.rebalancing:
                rebalancing_since = rebalancing_since or time.monotonic()
                mine = self._run is not None and time.monotonic() - rebalancing_since < GRACE
            else:
                rebalancing_since = 0.0
                mine = owns_commands() and recovered()
            if not mine:
                await self._end()
            elif self._run is None or (self._run.done() and time.monotonic() > self._begun + PAUSE):
                self._begin()

    def _begin(self) -> None:
        self._begun = time.monotonic()
        if self._run is not None and not self._run.cancelled() and (error := self._run.exception()):
            if isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            log.error("streaming ended: %r; beginning again", error)
            if isinstance(error, codec.TooNew):
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
