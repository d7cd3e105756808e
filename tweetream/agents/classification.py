"""Tagged → feeds: one prediction a batch, then a record a post in the feed of each of its topics.

The record is the JSON that browsers get; label, score and origin are its headers. A feed whose topic was
deleted meanwhile gets nothing: sending there would wait, or bring it back.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from faust.types import EventT

from tweetream import metrics
from tweetream.agents.at_least_once import Delivery, run
from tweetream.app import app, settings
from tweetream.engine.worker import stop_worker
from tweetream.kafka.producer import Abandoned, Headers, StillAssigned
from tweetream.models import codec
from tweetream.models.codec import json_line
from tweetream.models.feed import feed_entry, pack_stamp
from tweetream.models.post import TaggedBatch
from tweetream.models.topic import CountRecord
from tweetream.topology import COUNTS, is_dead, producer, tagged, topic_of

if TYPE_CHECKING:
    from tweetream.classifier.model import Classifier

log = logging.getLogger(__name__)
Records = dict[str, list[tuple[bytes, Headers]]]


class Model:
    """The classifier, loaded in a thread once the worker is up: its libraries take longer to import than all else."""

    def __init__(self) -> None:
        self._loading: asyncio.Future[Classifier] | None = None

    async def get(self) -> "Classifier":
        if self._loading is None:
            self._loading = asyncio.ensure_future(asyncio.to_thread(_load))
        return await asyncio.shield(self._loading)


def _load() -> "Classifier":
    from tweetream.classifier.model import BadModel, Classifier

    try:
        found = Classifier.load(settings.model)
        log.info("model %s, SHA-256 %s", settings.model or "as shipped", found.digest)
        return found
    except BadModel as error:
        stop_worker(f"TWEETREAM_MODEL: {error}" if settings.model else str(error))
        raise Abandoned("there is no model") from None


model = Model()


@app.task
async def load() -> None:
    """Have the model before the first post comes."""
    with contextlib.suppress(Abandoned):
        await model.get()


@app.agent(tagged, name="classification")
async def classification(stream: Any) -> None:
    """Classify the posts and feed them."""
    await run(stream, _work)


async def _work(event: EventT[Any], still_assigned: StillAssigned) -> Delivery | None:
    batch = codec.decode(event.value, TaggedBatch)
    if not batch.posts:
        return None
    records, counts = classify(await model.get(), event.message.partition, batch)
    return partial(_send, batch.command, records, counts, still_assigned)


def classify(classifier: "Classifier", partition: int, batch: TaggedBatch) -> tuple[Records, CountRecord]:
    """The records of each feed, and how many posts of each minute, label and source each gets."""
    labels, scores = classifier.predict([tagged.clean for tagged in batch.posts])
    names = [topic_of(feed) for feed in batch.feeds]
    dead = {number for number, feed in enumerate(batch.feeds) if is_dead(feed, batch.command)}
    found: list[list[tuple[bytes, Headers]]] = [[] for _ in batch.feeds]
    tally: Counter[tuple[int, int, str]] = Counter()
    of_sources: Counter[tuple[int, int, str]] = Counter()
    label_header = {label: ("label", label.encode()) for label in set(labels)}
    stamp = partial(pack_stamp, partition, batch.epoch, batch.sequence)
    for tagged_post, label, score in zip(batch.posts, labels, scores, strict=True):
        post = tagged_post.post
        headers = [label_header[label], ("score", b"%.4f" % score), ("origin", stamp(tagged_post.index))]
        minute = post.received_at // 60_000
        for number in tagged_post.feeds:
            if number not in dead:
                found[number].append((json_line(feed_entry(post, names[number], label, score)), headers))
                tally[number, minute, label] += 1
                of_sources[number, minute, post.source] += 1
    records = {feed: of_feed for feed, of_feed in zip(batch.feeds, found, strict=True) if of_feed}
    last = batch.posts[-1].index
    counts, sources = _by_feed(batch.feeds, tally), _by_feed(batch.feeds, of_sources)
    return records, CountRecord(partition, batch.epoch, batch.sequence, last, counts, sources)


def _by_feed(feeds: list[str], tally: Counter[tuple[int, int, str]]) -> dict[str, dict[int, dict[str, int]]]:
    """How many posts, by feed, minute and what they were counted by."""
    counts: dict[str, dict[int, dict[str, int]]] = {}
    for (number, minute, kind), posts in tally.items():
        counts.setdefault(feeds[number], {}).setdefault(minute, {})[kind] = posts
    return counts


async def _send(command: int, records: Records, counts: CountRecord, still_assigned: StillAssigned) -> None:
    sends = [_feed(feed, command, found, still_assigned) for feed, found in records.items()]
    sent = asyncio.gather(
        *sends, producer.send(COUNTS, 0, codec.encode(counts), still_assigned=still_assigned), return_exceptions=True
    )
    # All of them end before the record counts as done, and what is given up comes again whatever else was refused.
    failed = [error for error in await sent if isinstance(error, BaseException)]
    failed.sort(key=lambda error: not isinstance(error, Abandoned))
    if failed:
        raise failed[0]


async def _feed(feed: str, command: int, records: list[tuple[bytes, Headers]], still_assigned: StillAssigned) -> None:
    """Send what goes to one feed; a feed that is deleted meanwhile needs it no more."""
    try:
        await producer.send_all(
            feed, 0, records, still_assigned=lambda: still_assigned() and not is_dead(feed, command)
        )
    except Abandoned:
        if not is_dead(feed, command):
            raise
        return
    metrics.posts_fed.labels(topic_of(feed)).inc(len(records))
