"""Stored posts → the feed of a new topic, before its live posts, which wait meanwhile (`waiting`).

The worker that applies the commands reads the archive in the order of its keys, and writes what matches, with the times
and the labels as they are stored. The last stamp in the feed says where to go on after a kill. A command tells all
workers the end; from then on live posts come.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from mode import Service

from tweetream import metrics
from tweetream.agents.stored import stamps_in
from tweetream.app import app, settings
from tweetream.archive.address import parse_address
from tweetream.archive.errors import ArchiveUnavailable, BadArchive
from tweetream.archive.rows import BITS
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.retry import Reminder
from tweetream.matching import Matcher
from tweetream.models import codec
from tweetream.models.backfill import ARCHIVED, MAX_REASON, Backfill, archived_stamp
from tweetream.models.codec import json_line
from tweetream.models.command import Command
from tweetream.models.counts import CountRecord
from tweetream.models.feed import UNSURE, FeedEntry, PostRecord, label_header, rfc3339, score_header
from tweetream.models.topic import Topic
from tweetream.text import normalise
from tweetream.topology import COMMANDS, COUNTS, dead_letter, now_ms, owns_commands, recovered, services, topics_table

if TYPE_CHECKING:
    from tweetream.archive.prefilter import Prefilter
    from tweetream.archive.search import ArchiveReader, Found

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
INTERVAL = 0.5  # seconds
AT_ONCE = 2  # topics
PAGE = 5_000  # stored posts of one look into the archive
CHUNK, CHUNK_BYTES = 200, 128 * 1024  # posts, and characters of them, that are counted and written together
PATIENCE = 60.0  # seconds without an answer of the archive; then live posts wait no longer
SETTLE = 60_000  # ms before the end of a backfill, whose posts may not be archived yet
ARCHIVER_TIMEOUT = 15.0  # seconds that the archiver has to write these
PAUSE = 1.0  # seconds between two attempts
NO_ARCHIVE = "the worker that fills feeds has no archive: give each worker the same TWEETREAM_ARCHIVE"


class Filling:
    """The backfill of one topic on this worker, until a rebalance."""

    def __init__(self, topic: Topic, backfill: Backfill, threads: ThreadPoolExecutor) -> None:
        self._given, self._backfill, self._threads = topic, backfill, threads
        self._rebalances = app.rebalancing_count
        self._after: int | None = None  # the key of the last stored post that was looked at
        self._number = 0  # posts in the feed
        self._chunk: list[Found] = []
        self._size = 0
        self._track: tuple[str, ...] = ()
        self._rule: Prefilter  # what a text needs to match
        self._matcher: Matcher
        self._reminder = Reminder(log)

    def topic(self) -> Topic | None:
        """The topic as it is now; None if this worker has not to fill it any more."""
        entry, given = topics_table.entry(self._given.name), self._given
        mine = owns_commands() and app.is_flowing() and app.rebalancing_count == self._rebalances
        same = (
            entry is not None and entry.is_filling and (entry.kafka_topic, entry.log) == (given.kafka_topic, given.log)
        )
        return entry if mine and same else None

    def _may_send(self) -> bool:
        return self.topic() is not None

    async def run(self) -> None:
        """Fill the feed, and tell the end. Raises Abandoned, RecordRejected, Unwritable or KafkaError."""
        state, reason = "done", ""
        try:
            reason = await self._fill()
            if not self._number and not reason:
                since = rfc3339(self._backfill.since)
                reason = f"no stored post since {since} matches: track other words, or look further back"
        except (BadArchive, ArchiveUnavailable) as error:
            state, reason = "failed", f"{error}"[:MAX_REASON]
            log.error("topic %s has no more stored posts than %d: %s", self._given.name, self._number, reason)
        _, end = await stamps_in(self._given.kafka_topic)
        outcome = msgspec.structs.replace(self._backfill, state=state, posts=self._number, end=end, reason=reason)
        told = Command("filled", self._given.name, generation=self._given.generation, outcome=outcome)
        sent = await services.producer.send(COMMANDS, 0, codec.encode(told), still_assigned=self._may_send)
        await topics_table.applied_within(sent.offset, PATIENCE)

    async def _fill(self) -> str:
        """Write all stored posts that match. Returns what the archive lacked, and what to do; empty: nothing."""
        if not settings.archive.get_secret_value():
            raise BadArchive(NO_ARCHIVE)
        stamps, _ = await stamps_in(self._given.kafka_topic)
        if last := stamps.highest(ARCHIVED):
            self._after, self._number = last.sequence, last.post_index + 1
        await self._await_archiver(0)  # what it has still to write can be older than what it has written
        await self._look(self._backfill.until - SETTLE)
        lacking = await self._await_archiver(self._backfill.until)
        await self._look(self._backfill.until)
        await self._write()
        return lacking

    async def _look(self, until: int) -> None:
        """Look at what was received before a time (ms), and write what matches."""
        while True:
            last, found = await self._read(lambda: self._page(until))
            for post in found:
                self._chunk.append(post)
                self._size += len(post.text)
                if len(self._chunk) == CHUNK or self._size >= CHUNK_BYTES:
                    await self._write()
            self._after = last or (found[-1].key if found else self._after)
            if last is None:
                return

    async def _await_archiver(self, until: int) -> str:
        """Wait until the archiver has written what was received before a time (ms). Returns why it has not, if so."""
        began = time.monotonic()
        while True:
            lag, seen_at = await self._read(lambda: archive_reader().lag())
            if not lag and seen_at > until:
                return ""
            if seen_at < now_ms() - ARCHIVER_TIMEOUT * 1000:
                return "the archiver is away: what it has not stored is missing; start it, and add the topic anew"
            if time.monotonic() > began + ARCHIVER_TIMEOUT:
                return f"the archiver is {lag} records behind: what it has not stored is missing; add the topic anew"
            await asyncio.sleep(INTERVAL)

    async def _read(self, work: Callable[[], Answer]) -> Answer:
        """Read the archive in a thread. Raises Abandoned, BadArchive, or after a while ArchiveUnavailable."""
        began = time.monotonic()
        while True:
            topic = self.topic()
            if topic is None:
                raise Abandoned("another worker fills the feed")
            self._follow(topic.track)
            try:
                async with asyncio.timeout(PATIENCE):
                    return await asyncio.get_running_loop().run_in_executor(self._threads, work)
            except TimeoutError:
                raise ArchiveUnavailable(
                    f"the archive does not answer in {PATIENCE:.0f} s: look at its server"
                ) from None
            except ArchiveUnavailable as error:
                if time.monotonic() > began + PATIENCE:
                    raise
                self._reminder.warn("topic %s and its live posts wait for stored ones: %s", topic.name, error)
                await asyncio.sleep(PAUSE)

    def _follow(self, track: tuple[str, ...]) -> None:
        """Look for the words that the topic has now."""
        if track != self._track:
            from tweetream.archive.prefilter import Prefilter

            self._track, self._rule, self._matcher = track, Prefilter(track), Matcher({"": track})

    def _page(self, until: int) -> "tuple[int | None, list[Found]]":
        """The key of the last of the next posts (None: there are no more), and those that match. Runs in a thread."""
        after = max(self._after or 0, (self._backfill.since << BITS) - 1)
        last, texts = archive_reader().scan(self._rule, after, until << BITS, PAGE)
        began = time.perf_counter()
        keys = [key for key, text in texts if self._rule.passes(text) and self._matcher.match(normalise(text))]
        time.sleep(time.perf_counter() - began)  # one interpreter serves all threads, also the live posts'
        return last, archive_reader().by_keys(keys)

    async def _write(self) -> None:
        """Count the posts that wait, then write them: after a kill between the two they have the same stamps again."""
        posts, self._chunk, self._size = self._chunk, [], 0
        if not posts:
            return
        feed = self._given.kafka_topic
        stamps = [archived_stamp(post.key, number) for number, post in enumerate(posts, self._number)]
        counts = CountRecord(*stamps[-1], *counted(feed, posts))
        await services.producer.send(COUNTS, 0, codec.encode(counts), still_assigned=self._may_send)
        made = [record(post, self._given.name, stamp.pack()) for post, stamp in zip(posts, stamps, strict=True)]
        records = [(one.value, one.headers()) for one in made]
        limit = services.producer.limit(feed)
        for nth in await services.producer.send_all(feed, 0, records, still_assigned=self._may_send, limit=limit):
            await dead_letter(feed, records[nth][0], f"{len(records[nth][0])} bytes are too many for Kafka")
        self._number += len(posts)
        metrics.posts_fed.labels(self._given.name).inc(len(posts))


def record(post: "Found", topic: str, stamp: bytes) -> PostRecord:
    """The record of a stored post in a topic's feed. No header names a model: which it was is not stored."""
    entry = FeedEntry(**{name: getattr(post, name) for name in FeedEntry.__struct_fields__} | {"topic": topic})
    return PostRecord(json_line(entry), label_header(post.label), score_header(post.score), stamp)


def counted(feed: str, posts: "list[Found]") -> tuple[dict[str, Any], dict[str, Any]]:
    """The numbers of posts by minute and label, and by minute and source, of the feed."""
    by_label: dict[int, dict[str, int]] = {}
    by_source: dict[int, dict[str, int]] = {}
    for post in posts:
        minute = (post.key >> BITS) // 60_000
        for numbers, kind in ((by_label, post.label or UNSURE), (by_source, post.source)):
            of_minute = numbers.setdefault(minute, {})
            of_minute[kind] = of_minute.get(kind, 0) + 1
    return {feed: by_label}, {feed: by_source}


@cache
def archive_reader() -> "ArchiveReader":
    """This worker's own. Raises BadArchive."""
    from tweetream.archive.search import ArchiveReader

    return ArchiveReader(parse_address(settings.archive.get_secret_value()))


@app.service
class Backfills(Service):
    """Fills the feeds that are to be filled, on the worker that applies the commands."""

    @Service.task
    async def _work(self) -> None:
        threads = ThreadPoolExecutor(AT_ONCE, "backfill")
        running: dict[str, asyncio.Task[None]] = {}
        reminder = Reminder(log)
        try:
            while not self.should_stop:
                await self.sleep(INTERVAL)
                for name in [name for name, task in running.items() if task.done()]:
                    error = running.pop(name).exception()
                    if error is not None and not isinstance(error, Abandoned):
                        reminder.warn("topic %s waits for its stored posts: %r", name, error)
                if not recovered() or app.rebalancing or not app.is_flowing() or not owns_commands():
                    continue
                for topic in topics_table.alive():
                    if topic.backfill and topic.is_filling and topic.name not in running and len(running) < AT_ONCE:
                        filling = Filling(topic, topic.backfill, threads)
                        running[topic.name] = asyncio.create_task(filling.run())
        finally:
            for task in running.values():
                task.cancel()
            threads.shutdown(wait=False)
