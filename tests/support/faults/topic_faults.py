"""Faults that delete Kafka topics under a running group, a function each: what they destroy, and that all recovers.

A feed's topic destroys what its clients have not read: nobody can read it afterwards. What it had is known from the
brokers' files, to the last record.
"""

import asyncio
from collections.abc import Callable, Sequence

from support.faults.chaos import TOPIC, Client, Destroyed, seen
from support.kafka.apache_kafka import ApacheKafka
from support.kafka.deleted_log import deleted_log
from support.kafka.plain_clients import delete_topics
from support.waiting import until
from support.workers import Worker

TopicFault = Callable[[ApacheKafka, Sequence[Worker], str, Client, Destroyed], str]


def feed_deleted(
    kafka: ApacheKafka, group: Sequence[Worker], namespace: str, client: Client, destroyed: Destroyed
) -> str:
    """The feed's Kafka topic is deleted: it is made again, without what it had, and the client gets a gap."""
    feed = until(lambda: group[0].topics().get(TOPIC), 30, "the topic")["kafka_topic"]
    gaps = len(client.gaps)
    asyncio.run(delete_topics(kafka.bootstrap, feed))
    log = [seen(record).number for record in deleted_log(kafka.folder, feed, kafka.count)]
    until(lambda: len(client.gaps) > gaps, 60, "a gap")
    destroyed.gaps += len(client.gaps) - gaps
    destroyed.in_feed.update(log)
    destroyed.unread.update(_after(log, set(client.seen[: client.seen_before[gaps]])))
    _wait(group)
    return "feed-deleted"


def posts_deleted(
    kafka: ApacheKafka, group: Sequence[Worker], namespace: str, client: Client, destroyed: Destroyed
) -> str:
    """The topic posts is deleted: the group is not ready, and then it reads again what was in transit there."""
    asyncio.run(delete_topics(kafka.bootstrap, f"{namespace}-posts"))
    until(lambda: group[0].get("/readyz") == 503, 30, "not ready")
    _wait(group)
    before = len(client.seen)
    until(lambda: len(client.seen) > before, 60, "posts again")
    return "posts-deleted"


def _after(log: Sequence[int], read: set[int]) -> set[int]:
    """What a log has after the last post that a client read there. A post that it has twice counts where it began."""
    numbers = list(dict.fromkeys(log))
    last = max((i for i, number in enumerate(numbers) if number in read), default=-1)
    return set(numbers[last + 1 :])


def _wait(group: Sequence[Worker]) -> None:
    for worker in group:
        worker.wait_ready()
        until(lambda worker=worker: worker.metric("tweetream_feeds_waiting") == 0, 60, "all feeds have their posts")


TOPIC_FAULTS: tuple[TopicFault, ...] = (feed_deleted, posts_deleted)
