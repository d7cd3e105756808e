"""Tagged → feeds: the labels of a batch, then one record a post in the feed of each of its topics.

The record is the JSON that browsers get; the label, the score, the stamp and the model are its headers. The header
of a post without a label is `unsure`, and its score 0. Only feeds of active topics are written: for a deleted one a
send would wait, or bring its Kafka topic back. A batch that names another Kafka topic is forged. A feed that Kafka
cannot write, or that gets stored posts first (`backfill`), is passed over (`waiting`), so that it holds no other.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache, lru_cache, partial
from typing import Any

import msgspec
from faust.types import EventT

from tweetream import metrics
from tweetream.agents.at_least_once import AtLeastOnce, Delivery, time_of
from tweetream.agents.feed_writes import FeedWrites, written
from tweetream.agents.model import Predicted, model
from tweetream.agents.order import InOrder
from tweetream.agents.preprocessing import tagger
from tweetream.agents.stored import without_stored
from tweetream.agents.waiting import waiting
from tweetream.app import app
from tweetream.feeds.written import Records
from tweetream.kafka.producer import Abandoned, RecordRejected
from tweetream.kafka.send_queue import Headers, StillAssigned
from tweetream.kafka.write_watch import Unwritable
from tweetream.models import codec
from tweetream.models.counts import CountRecord
from tweetream.models.feed import UNSURE, Header, PostRecord, event_line, label_header, pack_stamp, score_header
from tweetream.models.model_info import ModelInfo
from tweetream.models.post import Post, TaggedBatch, read_tagged
from tweetream.topology import (
    COUNTS,
    dead_letter,
    feed_name,
    is_feed,
    is_filling,
    is_live,
    services,
    tagged,
    topics_table,
)

FORGET_EVERY = 60.0  # seconds
MAX_FED = 1024 * 1024  # characters of a post in all its feeds; a long text can have the words of a thousand topics
FEW = 3  # posts of a feed in an event; with many topics most feeds have no more, and their counts repeat
ByFeed = dict[str, Records]
Fact = tuple[int, str, str]  # of a post: minute, label, source
ByMinute = dict[int, dict[str, int]]


@cache
def counting_order() -> InOrder:
    """The order in which the posts of a partition are counted, which is that of their stamps."""
    return InOrder()


@app.timer(FORGET_EVERY)
async def _forget_deleted() -> None:
    written().keep(is_live)


@app.agent(tagged, name="classification")
async def classification(stream: Any) -> None:
    """Classify the posts and write them to the feeds."""
    await AtLeastOnce(_work).run(stream)


async def _work(event: EventT[Any], still_assigned: StillAssigned) -> Delivery | None:
    batch = read_tagged(event.value, time_of(event))
    if not all(map(is_feed, batch.feeds)):
        raise codec.Undecodable("it names a Kafka topic that is no feed")
    if not batch.posts:
        return None
    if not topics_table.live_feeds().issuperset(batch.feeds):  # deleted; or so new that this worker does not know it
        await tagger().catch_up(batch.command, still_assigned)
    if not waiting().is_current():
        await waiting().read(still_assigned)
    predicted = await model().predict([tagged_post.clean for tagged_post in batch.posts])
    batch = await without_stored(batch, still_assigned)  # last: what it finds is true until the next await
    records, counts = classify(predicted, event.message.partition, batch)
    # Encoded here: else each garbage collection would look at the thousands of dicts of the counts.
    return partial(_send, records, codec.encode(counts), event.message.partition, event.message.offset, still_assigned)


def classify(predicted: Predicted, partition: int, batch: TaggedBatch) -> tuple[ByFeed, CountRecord]:
    """The records of each feed, and the numbers of posts by minute and label, and by minute and source."""
    labels, scores = predicted
    names = [feed_name(feed).topic for feed in batch.feeds]
    dead = {number for number, feed in enumerate(batch.feeds) if not is_live(feed)}
    found: list[Records] = [[] for _ in batch.feeds]
    facts: list[list[Fact]] = [[] for _ in batch.feeds]
    label_headers = {label: label_header(label) for label in set(labels)}
    model = model_headers(services.model)
    stamp = partial(pack_stamp, partition, batch.epoch, batch.sequence)
    for tagged_post, label, exact in zip(batch.posts, labels, scores, strict=True):
        post = tagged_post.post
        if len(post.text) * len(tagged_post.feeds) > MAX_FED:
            post = _cut(post, MAX_FED // len(tagged_post.feeds))
        score = None if exact is None else round(exact, 4)
        headers = label_headers[label], score_header(score), stamp(tagged_post.index), model
        fact = post.received_at // 60_000, label or UNSURE, post.source
        for number in tagged_post.feeds:
            if number not in dead:
                found[number].append(PostRecord(event_line(post, names[number], label, score), *headers))
                facts[number].append(fact)
    records = {feed: of_feed for feed, of_feed in zip(batch.feeds, found, strict=True) if of_feed}
    counted = {feed: _counted(of_feed) for feed, of_feed in zip(batch.feeds, facts, strict=True) if of_feed}
    counts, sources = ({feed: both[nth] for feed, both in counted.items()} for nth in (0, 1))
    return records, CountRecord(partition, batch.epoch, batch.sequence, batch.posts[-1].index, counts, sources)


def _cut(post: Post, most: int) -> Post:
    return msgspec.structs.replace(post, text=f"{post.text[: most - 1]}…")


def model_headers(model: ModelInfo | None) -> tuple[Header, ...]:
    """The headers that tell which model gave a record its label."""
    return (("model", model.name.encode()), ("model_sha256", model.sha256.encode())) if model else ()


def _counted(facts: list[Fact]) -> tuple[ByMinute, ByMinute]:
    """The numbers of posts by minute and label, and by minute and source. They are not to be changed."""
    return _of_few(tuple(facts)) if len(facts) <= FEW else _numbers(facts)


@lru_cache(maxsize=1_024)
def _of_few(facts: tuple[Fact, ...]) -> tuple[ByMinute, ByMinute]:
    return _numbers(facts)


def _numbers(facts: Sequence[Fact]) -> tuple[ByMinute, ByMinute]:
    by_label, by_source = ByMinute(), ByMinute()
    for (minute, label, source), posts in Counter(facts).items():
        for by_minute, kind in ((by_label, label), (by_source, source)):
            kinds = by_minute.setdefault(minute, {})
            kinds[kind] = kinds.get(kind, 0) + posts
    return by_label, by_source


async def _send(records: ByFeed, counts: bytes, partition: int, offset: int, still_assigned: StillAssigned) -> None:
    """Write the posts to their feeds, and then send their `counts`: what is counted need not be written again.

    What was written is counted also when a rebalance or the stop has begun meanwhile. The next owner would read it in
    the feed, but the feed's log may be lost before. Nothing is counted after posts that were not written: those come
    again, and must not be taken for counted.
    """
    with counting_order().place(partition) as its_turn:
        if not still_assigned():
            raise Abandoned("a rebalance came before it began")  # so did others before it, which have no place here
        writes = FeedWrites(partition, offset, still_assigned)
        others = writes.begin(records)
        steps = [
            writes.step_by_step(feed, _feed(feed, records[feed], partition, offset, still_assigned)) for feed in others
        ]
        # All of them end before the event is done. An abandoned send brings it again, whatever else was rejected.
        sent = await asyncio.gather(*steps, return_exceptions=True)
        failed = [*await writes.ended(), *(error for error in sent if isinstance(error, BaseException))]
        failed.sort(key=lambda error: (isinstance(error, RecordRejected), not isinstance(error, Abandoned)))
        if not failed or isinstance(failed[0], RecordRejected):
            uncounted = {feed for feed, counted in zip(others, sent, strict=True) if counted is False}
            uncounted.update(writes.uncounted)
            all_counted = await its_turn()
            if not uncounted.issuperset(records):
                await count([_without(counts, uncounted)], lambda: all_counted or still_assigned())
        if failed:
            raise failed[0]


def _without(counts: bytes, feeds: set[str]) -> bytes:
    """The record of counts without these feeds."""
    if not feeds:
        return counts
    record = codec.decode(counts, CountRecord)
    by_label, by_source = (
        {feed: numbers for feed, numbers in of_feeds.items() if feed not in feeds}
        for of_feeds in (record.counts, record.sources)
    )
    return codec.encode(msgspec.structs.replace(record, counts=by_label, sources=by_source))


async def count(records: list[bytes], still_assigned: StillAssigned) -> None:
    """Send these records of counts. Raises RecordRejected or Abandoned."""
    found: list[tuple[bytes, Headers]] = [(record, ()) for record in records]
    if found and await services.producer.send_all(COUNTS, 0, found, still_assigned=still_assigned):
        raise RecordRejected("its counts are too large for Kafka")


async def _feed(feed: str, records: Records, partition: int, offset: int, still_assigned: StillAssigned) -> bool:
    """Send the records of one feed, made of a record of tagged. They are dropped if the feed is deleted meanwhile.

    While Kafka cannot write the feed, or it gets stored posts, and until it has what it lacks from that time, the
    records wait in tagged. Returns whether they are to be counted now.
    """
    if is_filling(feed):
        if waiting().pass_over(partition, feed, offset):
            return waiting().is_counted(partition, feed)
        await waiting().begin(partition, feed, offset, still_assigned, counted=False)
        return False

    def may_send() -> bool:
        return still_assigned() and is_live(feed) and not waiting().is_behind(partition, feed)

    try:
        await write(feed, records, may_send, services.producer.limit(feed))
        return True
    except Unwritable:
        await waiting().begin(partition, feed, offset, still_assigned)
    except Abandoned:
        if not still_assigned():  # a rebalance can take a topic out of the table for a moment
            raise
        if not is_live(feed):
            written().forget(feed)
        elif not waiting().pass_over(partition, feed, offset):
            raise
    return waiting().is_counted(partition, feed)


async def write(
    feed: str,
    records: Records,
    may_send: StillAssigned,
    limit: AbstractContextManager[None],
    *,
    lacking: bool = False,
) -> None:
    """Write the records that a feed does not have. Those that are too large for Kafka become dead letters.

    `lacking` records are part of a backlog. Raises Abandoned or Unwritable.
    """

    def may_read() -> bool:
        if may_send() and services.producer.is_leaderless(feed) and not services.producer.is_missing(feed):
            raise Unwritable(feed)
        return may_send()

    new = await written().unwritten(feed, records, app.rebalancing_count, may_read, lacking=lacking)
    if len(new) < len(records):
        metrics.duplicates.inc(len(records) - len(new))
    pairs = [(record.value, record.headers()) for record in new]
    too_large = await services.producer.send_all(feed, 0, pairs, still_assigned=may_send, limit=limit)
    written().add(feed, new)
    for nth in too_large:
        await dead_letter(feed, new[nth].value, f"{len(new[nth].value)} bytes are too many for Kafka")
    metrics.posts_fed.labels(feed_name(feed).topic).inc(len(new) - len(too_large))
