"""Takeover of the sources by this worker: a new epoch, its markers, and the state that the last worker left in Kafka.

A marker in each partition separates older batches from newer ones. Batches that another worker still sends after the
marker have a lower epoch and are dropped. The batches before it hold the positions to go on from.
"""

import asyncio

import msgspec

from tweetream.kafka.connection import Connection
from tweetream.kafka.fencing import FIRST_TAIL, read_batches
from tweetream.kafka.producer import OrderedProducer
from tweetream.models import codec
from tweetream.models.epoch import is_plausible
from tweetream.models.post import PostBatch

ID_WINDOW = 120.0  # seconds of ids to read: a source goes back at most 30 s, and a post is at most 30 s late
MAX_IDS = 50_000  # ids of the last posts


class Fenced(Exception):
    """Another worker has begun a higher epoch, so our batches are dropped."""


class ClockBehind(Exception):
    """This machine's clock is so far behind that no reader would take our epoch."""


class TakeoverState(msgspec.Struct):
    """The state with which a worker begins its run."""

    epoch: int
    positions: dict[str, str]
    ids: dict[str, None]  # in the order they were read
    ends: dict[int, int]  # the offset after the marker, by partition
    last: tuple[int, int]  # the epoch and sequence of the last batch, also of a fenced one; zeros without
    partition: int = 0  # that of the last batch


async def take_over(
    kafka: Connection, producer: OrderedProducer, topic: str, partitions: int, now: int
) -> TakeoverState:
    """Begin an epoch above all earlier ones, and at least `now` (ms since 1970). Waits for an unavailable broker.

    Raises ClockBehind.
    """
    epoch = now
    while True:
        if not is_plausible(epoch, now):
            raise ClockBehind(f"epoch {epoch - 1} is in use: this machine's clock is more than a day behind; set it")
        marker = codec.encode(PostBatch(epoch, 0, -1, {}, []))
        sent = await asyncio.gather(*(producer.send(topic, p, marker) for p in range(partitions)))
        markers = {p: metadata.offset for p, metadata in enumerate(sent)}
        tails = [await _tail(kafka, topic, p, markers[p], MAX_IDS // partitions) for p in markers]
        # While posts come slowly, they stay in one partition: then all ids may be there.
        sizes = [sum(len(batch.posts) for batch in tail) for tail in tails]
        fullest = sizes.index(max(sizes))
        if sizes[fullest] >= MAX_IDS // partitions and sum(sizes) < MAX_IDS:
            wanted = sizes[fullest] + MAX_IDS - sum(sizes)
            tails[fullest] = await _tail(kafka, topic, fullest, markers[fullest], wanted)
        highest = max((batch.epoch for tail in tails for batch in tail), default=0)
        if highest < epoch:
            return _state(epoch, tails, {p: offset + 1 for p, offset in markers.items()})
        epoch = highest + 1  # the clock of an earlier worker was fast


def _state(epoch: int, tails: list[list[PostBatch]], ends: dict[int, int]) -> TakeoverState:
    last, partition = max(
        (((batch.epoch, batch.sequence), p) for p, tail in enumerate(tails) for batch in tail if batch.sequence),
        default=((0, 0), 0),
    )
    kept = (batch for tail in tails for batch in unfenced(tail))
    batches = sorted(kept, key=lambda batch: (batch.epoch, batch.sequence))
    positions: dict[str, str] = {}
    ids: dict[str, None] = {}
    for batch in batches:
        if batch.sequence:
            positions = batch.positions
        ids.update((post.id, None) for post in batch.posts)
    for old in list(ids)[: max(0, len(ids) - MAX_IDS)]:
        del ids[old]
    return TakeoverState(epoch, positions, ids, ends, last, partition)


async def _tail(kafka: Connection, topic: str, partition: int, marker: int, ids: int) -> list[PostBatch]:
    """The last batches before the marker's offset.

    They include one with positions, if there is one. They cover ID_WINDOW, or have at least `ids` posts: a partition
    may get many small batches a second, and sources go back by time.
    """
    found: list[tuple[int, PostBatch]] = []
    span, end = FIRST_TAIL, marker
    while True:
        start = max(0, marker - span)
        found = [batch async for batch in read_batches(kafka, topic, partition, start, end)] + found
        times = [time for time, batch in found if batch.sequence]
        batches = unfenced([batch for _, batch in found])
        enough = times and max(times) - min(times) >= ID_WINDOW * 1000 or sum(len(b.posts) for b in batches) >= ids
        if start == 0 or (enough and any(batch.sequence for batch in batches)):
            return [batch for _, batch in found]
        span, end = span * 4, start


def unfenced(batches: list[PostBatch]) -> list[PostBatch]:
    """The batches that preprocessing does not drop: those that follow no batch of a higher epoch."""
    kept: list[PostBatch] = []
    highest = 0
    for batch in batches:
        if batch.epoch > highest and batch.sequence:
            kept.clear()  # its marker is before this tail, so all batches up to here follow the marker
        if batch.epoch >= highest:
            highest = batch.epoch
            kept.append(batch)
    return kept
