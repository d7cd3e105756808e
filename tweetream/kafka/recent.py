"""The posts of the last while, as far as a few seconds allow; of very many an even sample. Knows no Faust.

The embedded broker's ends can be too low, so reading goes on until a fetch finds nothing.
"""

import asyncio
import contextlib
from collections.abc import Mapping

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from tweetream.kafka.connection import Connection
from tweetream.kafka.readers import POLL_MS, consumer, offset_of_time
from tweetream.kafka.retry import wait_at_most
from tweetream.models import codec
from tweetream.models.post import Post, PostBatch

MOST_POSTS = 20_000
MOST_RECORDS = 4_000
MOST_BYTES = 64 * 1024 * 1024  # of records; a post can have 64 KiB
STRETCH = 10  # records that are read in a row where not all are
QUIET_MS = 2 * POLL_MS  # a fetch that finds nothing for so long has reached the end

Offsets = dict[TopicPartition, int]


class Recent(msgspec.Struct):
    """The posts that were read, and the share of all records that they come from."""

    posts: list[Post] = []
    share: float = 0.0
    size: int = 0  # bytes of the records


async def recent_posts(kafka: Connection, topic: str, partitions: int, since: int, timeout: float) -> Recent:
    """The posts that were read since a time (ms), or a sample of them, found within `timeout` seconds."""
    reader, found = consumer(kafka), Recent()
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await reader.start()
                await _read(reader, [TopicPartition(topic, number) for number in range(partitions)], since, found)
    finally:
        await wait_at_most(1.0, reader.stop())
    return found


async def _read(reader: AIOKafkaConsumer, tps: list[TopicPartition], since: int, found: Recent) -> None:
    ends: Offsets = await reader.end_offsets(tps)
    starts = {tp: start for tp in tps if (start := await offset_of_time(reader, tp, since)) is not None}
    if not starts:
        found.share = 1.0
        return
    total = sum(max(1, ends[tp] - start) for tp, start in starts.items())
    most = MOST_RECORDS
    if total > STRETCH:  # a record has one post or two hundred
        first, start = next(iter(starts.items()))
        read = await _take(reader, {first: start}, STRETCH, since, found, ends)
        fitting = min(MOST_POSTS * read // max(1, len(found.posts)), MOST_BYTES * read // max(1, found.size))
        most = min(most, max(STRETCH, fitting))
        found.posts.clear()
        found.size = 0
    if total <= most:
        read = await _take(reader, starts, 0, since, found, ends, total)
        found.share = 1.0 if read >= total else read / total
        return
    step, read = STRETCH * total // most, 0
    for tp, start in starts.items():
        for offset in range(start, ends[tp], step):
            if found.size >= MOST_BYTES:
                return
            read += await _take(reader, {tp: offset}, STRETCH, since, found, ends)
            found.share = min(1.0, read / total)


async def _take(
    reader: AIOKafkaConsumer, starts: Offsets, most: int, since: int, found: Recent, ends: Mapping[TopicPartition, int],
    total: int = 0,
) -> int:  # fmt: skip
    """Read from these offsets on, at most `most` records (0: all), and return how many. Tells the share of `total`."""
    reader.assign(list(starts))
    for tp, start in starts.items():
        reader.seek(tp, start)
    read, reached = 0, dict(starts)
    while True:
        limit = {"max_records": most - read} if most else {}
        records = await reader.getmany(timeout_ms=QUIET_MS, **limit)
        for tp, raws in records.items():
            reached[tp] = raws[-1].offset + 1
            found.size += sum(len(raw.value or b"") for raw in raws)
            for raw in raws:
                with contextlib.suppress(codec.Undecodable, codec.TooNew):
                    batch = codec.decode(raw.value, PostBatch)
                    found.posts += [post for post in batch.posts if post.received_at >= since]
                await asyncio.sleep(0)
            read += len(raws)
        if total:
            found.share = min(1.0, read / total)
        done = all(offset >= ends[tp] for tp, offset in reached.items())
        full = found.size >= MOST_BYTES  # the records of the sample were smaller
        if full or (most and (read >= most or done)) or (not records and done):
            return read
