"""Taking over the streaming: a new epoch, its markers, and what the last worker left in the posts topic.

A marker in every partition divides what was sent before from what comes after: what another worker still
sends behind it is of a lower epoch, and dropped. Before it are the positions to go on from.
"""

import asyncio

import msgspec

from tweetream.kafka.connection import Connection
from tweetream.kafka.fencing import FIRST_TAIL, read_batches
from tweetream.kafka.producer import OrderedProducer
from tweetream.models import codec
from tweetream.models.post import PostBatch

LATELY = 120.0  # seconds of ids that are enough: a source goes back 30 s at most, and a post comes late by as much
MAX_IDS = 50_000  # ids read lately that are remembered


class Fenced(Exception):
    """Another worker has begun a higher epoch: what we send is dropped."""


class TakeoverState(msgspec.Struct):
    """What a worker that takes over begins with."""

    epoch: int
    positions: dict[str, str]
    ids: dict[str, None]  # in the order read
    ends: dict[int, int]  # the offset behind the marker of each partition


async def take_over(
    kafka: Connection, producer: OrderedProducer, topic: str, partitions: int, now: int
) -> TakeoverState:
    """Begin an epoch above any seen (`now`: ms since 1970, its least value). Waits for a broker that is away."""
    epoch = now
    while True:
        marker = codec.encode(PostBatch(epoch, 0, -1, {}, []))
        sent = await asyncio.gather(*(producer.send(topic, p, marker) for p in range(partitions)))
        markers = {p: metadata.offset for p, metadata in enumerate(sent)}
        tails = [await _tail(kafka, topic, p, markers[p], MAX_IDS // partitions) for p in markers]
        highest = max((batch.epoch for tail in tails for batch in tail), default=0)
        if highest < epoch:
            return _inherit(epoch, tails, {p: offset + 1 for p, offset in markers.items()})
        epoch = highest + 1  # a worker whose clock is ahead was here


def _inherit(epoch: int, tails: list[list[PostBatch]], ends: dict[int, int]) -> TakeoverState:
    batches = sorted((batch for tail in tails for batch in tail), key=lambda batch: (batch.epoch, batch.sequence))
    positions: dict[str, str] = {}
    ids: dict[str, None] = {}
    for batch in batches:
        if batch.sequence:
            positions = batch.positions
        ids.update((post.id, None) for post in batch.posts)
    for old in list(ids)[: max(0, len(ids) - MAX_IDS)]:
        del ids[old]
    return TakeoverState(epoch, positions, ids, ends)


async def _tail(kafka: Connection, topic: str, partition: int, marker: int, ids: int) -> list[PostBatch]:
    """The batches right before the marker's offset.

    Enough of them to have one with positions, if there is one, and the posts of LATELY, or so many `ids`: a partition
    may get many small batches a second, and sources go back by time.
    """
    found: list[tuple[int, PostBatch]] = []
    span, end = FIRST_TAIL, marker
    while True:
        start = max(0, marker - span)
        found = [batch async for batch in read_batches(kafka, topic, partition, start, end)] + found
        times = [time for time, batch in found if batch.sequence]
        batches = unfenced([batch for _, batch in found])
        enough = times and max(times) - min(times) >= LATELY * 1000 or sum(len(b.posts) for b in batches) >= ids
        if start == 0 or (enough and any(batch.sequence for batch in batches)):
            return batches
        span, end = span * 4, start


def unfenced(batches: list[PostBatch]) -> list[PostBatch]:
    """The batches of a partition's tail that preprocessing does not drop: none of a lower epoch behind a higher one."""
    kept: list[PostBatch] = []
    highest = 0
    for batch in batches:
        if batch.epoch > highest and batch.sequence:
            kept.clear()  # its marker is before this tail, so all up to here stands behind it
        if batch.epoch >= highest:
            highest = batch.epoch
            kept.append(batch)
    return kept
