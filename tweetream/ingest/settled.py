"""Positions of the sources up to which all posts are tagged, to go on from when Kafka's topic of posts has lost some.

The last batches in posts have the newest positions. That topic can be deleted or cut, with posts in it that no worker
has tagged. The sources are then read again from these older positions, and posts that are in tagged are dropped.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque

import msgspec

from tweetream.ingest.backpressure import Backpressure
from tweetream.ingest.takeover import MAX_IDS, TakeoverState
from tweetream.kafka import admin
from tweetream.kafka.connection import Connection
from tweetream.kafka.fencing import highest
from tweetream.kafka.readers import last_records
from tweetream.kafka.required import required
from tweetream.models import codec
from tweetream.models.post import MAX_POSITIONS, TaggedBatch, read_tagged
from tweetream.sources.status import MAX_POSITION, Settled
from tweetream.topology import POSTS, TAGGED, services, topics_table

log = logging.getLogger(__name__)
EVERY = 1.0  # seconds between two positions that are noted
MOST_NOTED = 600  # that wait until the group has committed
PAUSE = 0.2  # seconds between two looks whether the group reads posts
TAIL = 200  # records of each partition of tagged: more than are sent between two commits


class _Id(msgspec.Struct):
    id: str


class SettledPositions:
    """The last settled position of each source. `earlier` are those of the run before, by the source's URL."""

    def __init__(self, backpressure: Backpressure, earlier: dict[str, Settled]) -> None:
        self._backpressure, self._settled = backpressure, earlier
        self._noted: deque[tuple[dict[int, int], dict[str, Settled]]] = deque()
        self._next_at = 0.0

    def note(self, stamp: tuple[int, int], positions: dict[str, str]) -> None:
        """The batch of this epoch and sequence is in posts, and has these positions."""
        now = time.monotonic()
        if now >= self._next_at and len(self._noted) < MOST_NOTED:
            self._next_at = now + EVERY
            settled = {url: Settled(*stamp, at) for url, at in positions.items() if len(at) <= MAX_POSITION}
            self._noted.append((self._backpressure.sent_to(), settled))

    def by_url(self) -> dict[str, Settled]:
        while self._noted and self._backpressure.is_committed(self._noted[0][0]):
            self._settled = self._noted.popleft()[1]
        return self._settled


async def recall(kafka: Connection, takeover: TakeoverState, settled: dict[str, Settled], partitions: int) -> None:
    """Go back to the settled positions if posts has not the batches that they are of. Raises KafkaError."""
    newest = max(((one.epoch, one.sequence) for one in settled.values()), default=(0, 0))
    if newest <= takeover.last and not (settled and await _begins_after(kafka, newest)):
        return
    positions = takeover.positions | {url: one.position for url, one in settled.items()}
    if sum([len(url) + len(position) for url, position in positions.items()]) > MAX_POSITIONS:  # forged
        return
    log.warning("%s was cut or made anew: reading the sources again from where all posts were tagged", POSTS)
    takeover.positions = positions
    while required().is_unread(POSTS):  # workers still tag what they have fetched of its old log, until they rebalance
        await asyncio.sleep(PAUSE)
    takeover.ids |= await known_ids(kafka, partitions)


async def _begins_after(kafka: Connection, newest: tuple[int, int]) -> bool:
    """Whether posts was made anew since that batch, although it has a later one: one that was on its way meanwhile."""
    return await highest(kafka, POSTS, 0, 0, 1) > newest


async def known_ids(kafka: Connection, partitions: int) -> dict[str, None]:
    """The ids of the last posts that were tagged, and of the last posts in the feeds.

    Where offsets were lost too, posts are tagged again, and a tail of tagged may have old ones alone.
    """
    tails = await asyncio.gather(*(last_records(kafka, TAGGED, TAIL, partition) for partition in range(partitions)))
    batches: list[TaggedBatch] = []
    for raw in [raw for tail in tails for raw in tail]:
        with contextlib.suppress(codec.Undecodable):  # classification writes the dead letter
            batches.append(read_tagged(raw.value, raw.timestamp))
    batches.sort(key=lambda batch: (batch.epoch, batch.sequence))
    ids = [tagged.post.id for batch in batches for tagged in batch.posts]
    return dict.fromkeys(ids[-MAX_IDS:] + await _ids_in_feeds(kafka))


async def _ids_in_feeds(kafka: Connection) -> list[str]:
    """The ids of the last posts of all feeds that Kafka can read."""
    present = await admin.names(kafka)
    feeds = [topic.kafka_topic for topic in topics_table.alive() if topic.kafka_topic in present]
    feeds = [feed for feed in feeds if not services.producer.is_leaderless(feed)]
    ids = []
    for feed in feeds:
        for raw in await last_records(kafka, feed, MAX_IDS // len(feeds)):
            with contextlib.suppress(msgspec.MsgspecError):  # readers skip it
                ids.append(msgspec.json.decode(raw.value or b"", type=_Id).id)
    return ids
