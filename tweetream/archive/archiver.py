"""Follows all feeds and writes them into an archive: each post once, whatever dies in between.

One batch is written while the next one is read. After any failure the archive says where to go on, since it holds the
offsets with the rows: a transaction whose end nobody saw is no special case.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from aiokafka.errors import KafkaError

from tweetream import metrics
from tweetream.archive.batch import Batch, Store
from tweetream.archive.errors import ArchiveUnavailable, BadArchive
from tweetream.archive.feed_reader import FeedReader, changelog_of, retractions_of
from tweetream.archive.lock import BEAT
from tweetream.kafka import admin
from tweetream.kafka.connection import Connection
from tweetream.kafka.retry import Reminder, Unavailable, retry_until_available, wait_at_most

log = logging.getLogger(__name__)
MAX_BYTES = 16 * 1024 * 1024  # of a batch
PAUSE = 1.0  # seconds between two attempts
EXPIRE_EVERY = 60.0  # seconds between two looks for posts that are too old
EXPIRE_ROWS = 2_000  # posts deleted at once, so that new ones do not wait long
Answer = TypeVar("Answer")


class Archiver:
    """Archives until `stop`. `retention` is in seconds; None keeps posts for ever."""

    def __init__(self, kafka: Connection, namespace: str, store: Store, retention: float | None) -> None:
        self._kafka, self._namespace, self._store, self._retention = kafka, namespace, store, retention
        self._reader = FeedReader(kafka, namespace)
        self._thread = ThreadPoolExecutor(1, "archive")
        self._stopping = asyncio.Event()
        self._reminder = Reminder(log)
        self._next_expiry = 0.0
        self.on_open: Callable[[], None] = lambda: None  # called when the archive is open for the first time

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Raises BadArchive, or AccessDenied if Kafka refuses the settings."""
        archiving = asyncio.create_task(self._run())
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({archiving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        await wait_at_most(10.0, archiving, cancel=True)
        stopped.cancel()
        try:
            await self._in_thread(self._store.close)
        except (ArchiveUnavailable, BadArchive):
            pass  # the lock ends by itself
        finally:
            self._thread.shutdown(wait=False)
            await self._reader.stop()
        if archiving.done() and not archiving.cancelled():
            archiving.result()

    async def _run(self) -> None:
        await self._open()  # what is wrong with the archive shows at once, also while Kafka is away
        self.on_open()
        await retry_until_available(self._kafka, self._await_deployment)
        await self._reader.start()
        while not self._stopping.is_set():
            try:
                await self._session()
            except (ArchiveUnavailable, KafkaError, TimeoutError, OSError, MemoryError) as error:
                self._reminder.warn("the archive waits: %s", str(error) or repr(error))
                await self._pause()

    async def _open(self) -> Any:
        while True:
            try:
                return await self._in_thread(self._store.open)
            except ArchiveUnavailable as error:
                self._reminder.warn("the archive waits: %s", error)
                await self._pause()

    async def _await_deployment(self) -> None:
        if not {changelog_of(self._namespace), retractions_of(self._namespace)} <= await admin.names(self._kafka):
            raise Unavailable(f"no worker of the namespace {self._namespace} has run there yet")

    async def _pause(self) -> None:
        await wait_at_most(PAUSE, self._stopping.wait(), cancel=True)

    async def _in_thread(self, work: Callable[..., Answer], *arguments: Any) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _session(self) -> None:
        """Archive until `stop`, or until something fails."""
        states = await self._in_thread(self._store.open)
        async with self._reader.reading(states):
            writing: asyncio.Task[None] | None = None
            try:
                batch, since = Batch(), time.monotonic()
                while True:
                    came = await self._reader.poll(batch)
                    if self._reader.failure:
                        raise BadArchive(self._reader.failure)
                    stopping = self._stopping.is_set()
                    full = len(batch.rows) >= self._store.max_rows or batch.size >= MAX_BYTES
                    if writing is not None and (writing.done() or full or stopping):
                        await writing
                        writing = None
                    waited = time.monotonic() - since
                    if writing is None and (full or stopping or self._is_due(batch, waited, came)):
                        writing = asyncio.create_task(self._write(batch))
                        batch, since = Batch(), time.monotonic()
                    if stopping and writing is not None:
                        await writing
                        return
            finally:
                if writing is not None:
                    await asyncio.wait({writing})

    def _is_due(self, batch: Batch, waited: float, came: bool) -> bool:
        if not batch.feeds and not batch.retracted:
            return waited >= BEAT
        return waited >= self._store.gather or (not came and not batch.lag and waited >= self._store.settle)

    async def _write(self, batch: Batch) -> None:
        metrics.archive_posts.inc(await self._in_thread(self._store.write, batch))
        if self._retention is not None and time.monotonic() >= self._next_expiry:
            before = int((time.time() - self._retention) * 1000)
            gone = await self._in_thread(self._store.expire, before, EXPIRE_ROWS)
            metrics.archive_removed.inc(gone)
            if gone < EXPIRE_ROWS:
                self._next_expiry = time.monotonic() + EXPIRE_EVERY
