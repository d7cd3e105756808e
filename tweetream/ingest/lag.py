"""Shows the lag of the group, as Kafka knows it, on the worker that runs the sources."""

import asyncio
import contextlib

from tweetream import metrics
from tweetream.app import kafka, settings
from tweetream.kafka.group_lag import GroupLag
from tweetream.kafka.retry import Unavailable
from tweetream.topology import COMMANDS, COUNTS, NAMESPACE, POSTS, TAGGED

EVERY = 5.0  # seconds between two looks


async def watch_group_lag() -> None:
    """Look until cancelled."""
    group = GroupLag(
        kafka, NAMESPACE, {POSTS: settings.partitions, TAGGED: settings.partitions, COMMANDS: 1, COUNTS: 1}
    )
    try:
        while True:
            with contextlib.suppress(Unavailable):
                for topic, lag in (await group.read()).items():
                    metrics.group_lag.labels(topic).set(lag)
            await asyncio.sleep(EVERY)
    finally:
        metrics.group_lag.clear()
        await group.close()
