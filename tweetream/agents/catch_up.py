"""Writes to feeds what they lack from the time when Kafka could not write them, or they got stored posts (`waiting`).

Each second it looks for a backlog of this worker whose feed can be written. It reads tagged from there, classifies the
posts again, and writes those of the feed. Their stamps are the same, so readers skip what the feed has already.
"""

import asyncio
import logging
import time
from functools import partial
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from mode import Service

from tweetream import metrics
from tweetream.agents.classification import classify, count, write
from tweetream.agents.model import model
from tweetream.agents.stored import without_stored
from tweetream.agents.waiting import Backlog, waiting
from tweetream.app import app, kafka
from tweetream.feeds.written import Records
from tweetream.kafka import readers
from tweetream.kafka.admin import CLOSE_TIMEOUT
from tweetream.kafka.producer import Abandoned, RecordRejected
from tweetream.kafka.retry import wait_at_most
from tweetream.kafka.write_watch import Unwritable
from tweetream.models import codec
from tweetream.models.counts import CountRecord
from tweetream.models.post import TaggedBatch, read_tagged
from tweetream.topology import TAGGED, feed_name, is_filling, is_live, recovered, services, topics_table

log = logging.getLogger(__name__)
INTERVAL = 1.0  # seconds
AT_ONCE = 4  # backlogs
TOGETHER = 20  # records of tagged whose posts are written together
TURN = 200  # records of tagged; then it is another backlog's turn
REMIND_EVERY = 60.0  # seconds


@app.service
class CatchUp(Service):
    """Works off the backlogs of this worker."""

    _told: tuple[str, ...] = ()
    _told_at = 0.0

    @Service.task
    async def _work(self) -> None:
        while not self.should_stop:
            await self.sleep(INTERVAL)
            if not recovered() or app.rebalancing or not app.is_flowing():
                continue
            try:
                await waiting().read(app.is_flowing)
                await self._round(waiting().mine())
            except codec.TooNew as error:
                app.abort(str(error))
            except Abandoned:
                continue  # a rebalance

    async def _round(self, mine: list[Backlog]) -> None:
        self._tell(mine)
        turns = asyncio.Semaphore(AT_ONCE)
        results = await asyncio.gather(*(_turn(backlog, turns) for backlog in mine), return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, Abandoned | Unwritable):
                log.warning("a feed waits for its posts: %r", result)

    def _tell(self, mine: list[Backlog]) -> None:
        """Say which feeds wait, when that changes and once a minute."""
        feeds = tuple(sorted({backlog.feed for backlog in mine if not is_filling(backlog.feed)}))
        metrics.feeds_waiting.set(len(feeds))
        broken = tuple(feed for feed in feeds if services.producer.is_unwritable(feed))
        if broken and (broken != self._told or time.monotonic() > self._told_at + REMIND_EVERY):
            self._told_at = time.monotonic()
            log.warning(
                "Kafka cannot write %s%s: the posts wait, and other feeds go on. Start the brokers that have it; or "
                "delete this Kafka topic, and it is made again without its old posts",
                ", ".join(broken[:10]), "" if len(broken) <= 10 else f" and {len(broken) - 10} more",
            )  # fmt: skip
        if self._told and not broken and not feeds:
            log.info("all feeds have the posts that waited")
        self._told = broken or (self._told if feeds else ())


async def _turn(backlog: Backlog, turns: asyncio.Semaphore) -> None:
    name = feed_name(backlog.feed).topic
    entry = topics_table.entry(name)
    if entry is not None and not is_live(backlog.feed):  # deleted
        backlog.start = backlog.until
        await waiting().end(backlog, waiting().is_current)
        return
    if entry is None or is_filling(backlog.feed) or services.producer.is_leaderless(backlog.feed):
        return
    async with turns:
        consumer = readers.consumer(kafka)
        try:
            await consumer.start()
            await _write(consumer, backlog)
        finally:
            await wait_at_most(CLOSE_TIMEOUT, consumer.stop())


async def _write(consumer: AIOKafkaConsumer, backlog: Backlog) -> None:
    """Write some of the backlog. Raises KafkaError, Unwritable or Abandoned: the rest stays."""
    tp = TopicPartition(TAGGED, backlog.partition)
    first, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
    if not first <= backlog.start <= end:  # retention has passed it, or tagged was made anew
        log.error("%s lacks posts that %s does not have any more", backlog.feed, TAGGED)
        backlog.start, backlog.until, backlog.whole = first, min(backlog.until, end), False
        backlog.claim()
    consumer.assign([tp])
    consumer.seek(tp, backlog.start)
    until = min(backlog.until, backlog.start + TURN)
    try:
        while backlog.start < until:
            raws = await readers.next_records(consumer, tp, TOGETHER)
            await _records([raw for raw in raws if raw.offset < until], backlog)
            backlog.start = min(raws[-1].offset + 1, until)
    finally:
        if waiting().is_current() and backlog.start < backlog.until:
            await waiting().note(backlog, waiting().is_current)
    if backlog.start >= backlog.until:
        await waiting().end(backlog, waiting().is_current)


async def _records(raws: list[Any], backlog: Backlog) -> None:
    """Write the posts of records of tagged to the feed, together: one after the other would take as many answers."""
    found: Records = []
    counted: list[CountRecord] = []
    last = (0, 0, 0)
    for raw in raws:
        try:
            whole = read_tagged(raw.value, raw.timestamp)
        except codec.Undecodable:  # it became a dead letter when it was passed over
            continue
        batch = of_feed(whole, backlog.feed)
        # Where posts were tagged again, records come again.
        if batch.posts and (batch.epoch, batch.sequence, batch.posts[0].index) > last:
            last = (batch.epoch, batch.sequence, batch.posts[-1].index)
            predicted = await model().predict([tagged_post.clean for tagged_post in batch.posts])
            batch = await without_stored(batch, waiting().is_current)
            records, counts = classify(predicted, backlog.partition, batch)
            found += records.get(backlog.feed, [])
            counts.index = whole.posts[-1].index  # as where it comes again for all its feeds
            counted.append(counts)
    if not found:
        return
    may_write = partial(_may_write, backlog)
    try:
        limit = services.producer.limit(backlog.feed, probe=True)
        await write(backlog.feed, found, may_write, limit, lacking=True)
        if not backlog.counted:
            await count([codec.encode(record) for record in counted if record.counts], may_write)
    except RecordRejected as error:
        log.error("%s lacks posts: %s", backlog.feed, error)


def _may_write(backlog: Backlog) -> bool:
    return waiting().is_current() and is_live(backlog.feed)


def of_feed(batch: TaggedBatch, feed: str) -> TaggedBatch:
    """The posts of a batch that belong to this feed."""
    numbers = {number for number, name in enumerate(batch.feeds) if name == feed}
    posts = [msgspec.structs.replace(post, feeds=(0,)) for post in batch.posts if numbers.intersection(post.feeds)]
    return TaggedBatch(batch.epoch, batch.sequence, batch.command, [feed], posts)
