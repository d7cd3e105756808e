"""Faults that delete Kafka topics under a running group, a function each: what they destroy, and that all recovers.

A feed's topic destroys what its clients have not read. That cannot be read afterwards. So it is what the log had right
before, and a span of numbers around the last posts that the log and a client had before and after it: SPREAD to each
side, a second at 2,000 a second.
"""

import asyncio
from collections.abc import Callable, Sequence

from support.faults.chaos import TOPIC, Client, Destroyed, read_feed
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.plain_clients import delete_topics
from support.waiting import until
from support.workers import Worker

SPREAD = 2_000
TopicFault = Callable[[KafkaAddress, Sequence[Worker], str, Client, Destroyed], str]


def feed_deleted(
    kafka: KafkaAddress, group: Sequence[Worker], namespace: str, client: Client, destroyed: Destroyed
) -> str:
    """The feed's Kafka topic is deleted: it is made again, without what it had, and the client gets a gap."""
    feed = until(lambda: group[0].topics().get(TOPIC), 30, "the topic")["kafka_topic"]
    until(lambda: _in_order(client.seen), 60, "no older posts are read again", 0.5)
    gaps, before = len(client.gaps), max(client.seen, default=0)
    in_log = {record.number for record in asyncio.run(read_feed(kafka.bootstrap, feed))}
    asyncio.run(delete_topics(kafka.bootstrap, feed))
    after = max(in_log.union(client.seen), default=0)  # posts go on while Kafka deletes
    destroyed.spans.append((before - SPREAD, after + SPREAD))
    until(lambda: len(client.gaps) > gaps, 60, "a gap")
    destroyed.in_feed |= in_log.union(client.seen)  # before the gap they were in the old log
    destroyed.gaps += len(client.gaps) - gaps
    _wait(group)
    return "feed-deleted"


def posts_deleted(
    kafka: KafkaAddress, group: Sequence[Worker], namespace: str, client: Client, destroyed: Destroyed
) -> str:
    """The topic posts is deleted: the group is not ready, and then it reads again what was in transit there."""
    asyncio.run(delete_topics(kafka.bootstrap, f"{namespace}-posts"))
    until(lambda: group[0].get("/readyz") == 503, 30, "not ready")
    _wait(group)
    before = len(client.seen)
    until(lambda: len(client.seen) > before, 60, "posts again")
    return "posts-deleted"


def _in_order(seen: list[int]) -> bool:
    """Whether the last posts are the newest: then those that the client lacks are around the last one."""
    return len(seen) > 2 * SPREAD and min(seen[-SPREAD:]) > max(seen[: -2 * SPREAD])


def _wait(group: Sequence[Worker]) -> None:
    for worker in group:
        worker.wait_ready()
        until(lambda worker=worker: worker.metric("tweetream_feeds_waiting") == 0, 60, "all feeds have their posts")


TOPIC_FAULTS: tuple[TopicFault, ...] = (feed_deleted, posts_deleted)
