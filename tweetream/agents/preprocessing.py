"""Posts → tagged: match each post with the topics, and clean those that match. The others are dropped and counted.

A batch of a lower epoch after a higher one in its partition is `fenced`: another worker had replaced its sender. A
worker that begins to read a partition looks at the records right before, where the higher epoch may be. Partition p
of posts goes to partition p of tagged, so that a post keeps its stamp.

When topics change, their matcher is built anew in a thread. A batch that comes after the change waits for it.
"""

import asyncio
import logging
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import msgspec
from aiokafka.errors import KafkaError
from faust.types import EventT

from tweetream import metrics
from tweetream.agents.at_least_once import AtLeastOnce, Delivery, time_of
from tweetream.app import app, kafka, settings
from tweetream.kafka.admin import TIMEOUT
from tweetream.kafka.fencing import highest_epoch
from tweetream.kafka.producer import Abandoned
from tweetream.kafka.send_queue import StillAssigned
from tweetream.matching import Matcher
from tweetream.models import codec
from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, Post, PostBatch, TaggedBatch, TaggedPost, read_posts, size_of
from tweetream.text import Cleaner, load_abbreviations, normalise
from tweetream.topology import POSTS, TAGGED, dead_letter, posts, services, topics_table

log = logging.getLogger(__name__)
WAIT_FOR_COMMAND = 15.0  # seconds, at most and once for each command
LONG = 2_048  # characters of a post that is not worked on in the loop
SLICE = 300  # posts that are tagged before others have their turn: 2 ms
MOST_WAITS = 5  # without a command that is applied between them


class CurrentMatcher:
    """The matcher of the topics. It is built at most once in 100 ms, so that a thousand changes are gathered."""

    _INTERVAL = 0.1  # seconds

    def __init__(self) -> None:
        self._version = -1
        self._building: asyncio.Task[None] | None = None
        self._next_at = 0.0  # by the loop's clock
        self.matcher = Matcher({})
        self.applied = -1  # the last command whose topics the matcher knows

    async def catch_up(self) -> None:
        """Wait until the matcher knows the topics of the table, as they are now or later."""
        version = topics_table.version
        while self._version < version:
            await asyncio.shield(self._build_soon())

    def _build_soon(self) -> asyncio.Task[None]:
        if self._building is None or self._building.done():
            self._building = asyncio.create_task(self._build())
        return self._building

    async def _build(self) -> None:
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(self._next_at - clock())
        version, applied = topics_table.version, topics_table.applied
        topics = {topic.kafka_topic: topic.track for topic in topics_table.alive()}
        self.matcher = await asyncio.to_thread(Matcher, topics)
        self._version, self.applied, self._next_at = version, applied, clock() + self._INTERVAL


class Tagger:
    """Tags batches with the feeds of the topics, as they were when the batch was read or later."""

    def __init__(self, cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._current = CurrentMatcher()
        self._highest: dict[int, int] = {}  # the highest epoch of each partition, up to the offset reached
        self._reached: dict[int, int] = {}  # the next offset of each partition
        self._given_up: set[int] = set()  # the commands that did not come in time, since one was applied here
        self._stuck_at = -1  # the command applied here when they were waited for

    async def catch_up(self, command: int, still_assigned: StillAssigned) -> None:
        """Wait until this worker and its matcher know the topics that were there when the batch was read.

        Raises Abandoned if a rebalance ends the wait: the batch comes again after it, and is waited for again.
        """
        if topics_table.applied != self._stuck_at:
            self._stuck_at = topics_table.applied
            self._given_up.clear()
        # Forged batches can name ever new commands, and no wait is of use while none is applied here.
        known = command <= topics_table.applied or command in self._given_up or len(self._given_up) >= MOST_WAITS
        if not known and not await topics_table.applied_within(command, WAIT_FOR_COMMAND):
            if not still_assigned():
                raise Abandoned("a rebalance came before the command was applied here")
            log.warning(
                "command %d is not applied here after %g s: its topic may miss posts", command, WAIT_FOR_COMMAND
            )
            self._given_up.add(command)
        await self._current.catch_up()

    def pass_over(self, partition: int, offset: int) -> None:
        """A record at this offset does not decode, so it has no epoch."""
        if self._reached.get(partition) == offset:
            self._reached[partition] = offset + 1

    async def check_fence(self, partition: int, offset: int, epoch: int, still_assigned: StillAssigned) -> bool:
        """Whether a higher epoch precedes this batch in its partition."""
        if self._reached.get(partition) != offset:
            self._highest[partition] = await _epoch_before(partition, offset, still_assigned)
        self._reached[partition] = offset + 1
        self._highest[partition] = max(epoch, self._highest[partition])
        return epoch < self._highest[partition]

    async def tagged(self, batch: PostBatch) -> TaggedBatch:
        """As `tag`; streams get their events meanwhile. A long post can take 100 ms, so a thread does it."""
        if any(len(post.text) > LONG for post in batch.posts):
            return await asyncio.to_thread(self.tag, batch)
        slices = self._slices(batch)
        while (found := next(slices)) is None:
            await asyncio.sleep(0)
        return found

    def tag(self, batch: PostBatch) -> TaggedBatch:
        """The posts of a batch that match, each with its feeds."""
        return next(filter(None, self._slices(batch)))

    def _slices(self, batch: PostBatch) -> Iterator[TaggedBatch | None]:
        """None after each slice of the posts, and at the end the tagged batch."""
        match, clean = self._current.matcher.match, self._cleaner.clean
        applied = self._current.applied
        feeds: dict[str, int] = {}
        numbers: dict[tuple[str, ...], tuple[int, ...]] = {}  # of the feeds; few sets of topics occur in a batch
        tagged = []
        for index, post in enumerate(batch.posts):
            if index and index % SLICE == 0:
                yield None
            text = normalise(post.text)
            matched = match(words_of(post) if post.also else text)
            if matched:
                known = numbers.get(matched)
                if known is None:
                    known = numbers[matched] = tuple([feeds.setdefault(feed, len(feeds)) for feed in matched])
                tagged.append(TaggedPost(index, post, clean(text), known))
        yield TaggedBatch(batch.epoch, batch.sequence, applied, list(feeds), tagged)


def words_of(post: Post) -> str:
    """All words that count for matching, normalised: of the text, and beside it."""
    return normalise(f"{post.text}\n{post.also}")


async def _epoch_before(partition: int, offset: int, still_assigned: StillAssigned) -> int:
    """The highest epoch right before an offset of posts. Waits for a broker that is away."""
    while still_assigned():
        try:
            async with asyncio.timeout(TIMEOUT):
                return await highest_epoch(kafka, POSTS, partition, offset)
        except (KafkaError, TimeoutError, OSError, MemoryError):
            await asyncio.sleep(0.1)
    raise Abandoned("a rebalance came before the epoch was known")


@cache
def tagger() -> Tagger:
    """The worker's one tagger."""
    own = load_abbreviations(settings.abbreviations) if settings.abbreviations else None
    return Tagger(Cleaner(own))


@app.before
async def _load_tables() -> None:
    """Read the tables now: a file that changes later must not part the workers of a group."""
    tagger()


@app.agent(posts, name="preprocessing")
async def preprocessing(stream: Any) -> None:
    """Tag the posts with their feeds."""
    await AtLeastOnce(_work).run(stream)


async def _work(event: EventT[Any], still_assigned: StillAssigned) -> Delivery | None:
    partition, offset = event.message.partition, event.message.offset
    try:
        batch = read_posts(event.value, time_of(event))
    except codec.Undecodable:
        tagger().pass_over(partition, offset)
        raise
    if await tagger().check_fence(partition, offset, batch.epoch, still_assigned):
        metrics.posts_dropped.labels(Drop.FENCED.value).inc(len(batch.posts))
        return None
    if not batch.posts:
        return None
    await tagger().catch_up(batch.command, still_assigned)
    tagged = await tagger().tagged(batch)
    return partial(_send, partition, len(batch.posts), tagged, still_assigned)


async def _send(partition: int, read: int, tagged: TaggedBatch, still_assigned: StillAssigned) -> None:
    # In one send: readers would skip a part that comes after the next batch as old.
    parts = partial(encoded, tagged)
    for record in await services.producer.send_each(TAGGED, partition, parts, still_assigned=still_assigned):
        await dead_letter(TAGGED, record, f"{len(record)} bytes are too many for Kafka")
    metrics.posts_matched.inc(len(tagged.posts))
    metrics.posts_dropped.labels(Drop.UNMATCHED.value).inc(read - len(tagged.posts))


def encoded(batch: TaggedBatch, limit: int) -> Iterator[bytes]:
    """The records of a batch, of up to `limit` bytes; a single post can be larger."""
    whole = codec.encode(batch)
    if len(whole) <= min(limit, MAX_BYTES):  # its texts have no more bytes than that
        yield whole
        return
    parts = split(batch)[::-1]
    while parts:
        part = parts.pop()
        record = codec.encode(part)
        if len(record) <= limit or len(part.posts) == 1:
            yield record
        else:
            half = len(part.posts) // 2
            parts += [msgspec.structs.replace(part, posts=posts) for posts in (part.posts[half:], part.posts[:half])]


def split(batch: TaggedBatch) -> list[TaggedBatch]:
    """Split a batch into parts of at most MAX_BYTES of text, in order, since tags make it larger."""
    parts: list[TaggedBatch] = []
    size = 0
    for post in batch.posts:
        length = size_of(post.post.text) + size_of(post.clean)
        if not parts or size + length > MAX_BYTES:
            parts.append(TaggedBatch(batch.epoch, batch.sequence, batch.command, batch.feeds, []))
            size = 0
        parts[-1].posts.append(post)
        size += length
    return parts
