"""Erases an author's posts: retracts them, so that no feed gives them any more, and deletes them from the archive."""

import asyncio
import contextlib
import time

from tweetream.archive.batch import Store
from tweetream.archive.errors import BadArchive
from tweetream.archive.feed_reader import retractions_of
from tweetream.kafka import admin
from tweetream.kafka.connection import Connection, probe
from tweetream.kafka.producer import OrderedProducer
from tweetream.kafka.retry import Unavailable

TIMEOUT = 30.0  # seconds that Kafka has to take the retractions


async def erase(kafka: Connection, namespace: str, store: Store, author: str) -> int:
    """Returns how many posts there were. Raises BadArchive, ArchiveUnavailable, AccessDenied or Unavailable."""
    ids = list(await asyncio.to_thread(store.ids_of, author))
    if not ids:
        raise BadArchive(f"there is no post of {author!r}; write the name as the posts have it")
    await _retract(kafka, retractions_of(namespace), ids)
    now = time.time_ns() // 1_000_000
    return await asyncio.to_thread(store.retract, dict.fromkeys(ids, now))


async def _retract(kafka: Connection, topic: str, ids: list[str]) -> None:
    if reason := await probe(kafka):
        raise Unavailable(f"Kafka at {kafka}: {reason}; nothing is erased")
    if topic not in await admin.names(kafka):
        raise Unavailable(f"Kafka at {kafka} has no topic {topic}; nothing is erased")
    producer = OrderedProducer(kafka)
    await producer.start()
    try:
        async with asyncio.timeout(TIMEOUT):
            await producer.send_all(topic, 0, [(b"1", [])] * len(ids), keys=[id.encode() for id in ids])
    except TimeoutError:
        raise Unavailable(f"Kafka at {kafka} does not take the retractions; nothing is erased here") from None
    finally:
        with contextlib.suppress(TimeoutError):
            await producer.stop()
