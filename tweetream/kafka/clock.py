"""This machine's clock, compared with Kafka's: Kafka stamps a record of a topic with LogAppendTime when it arrives.

Posts, topics and positions in time carry this machine's time, so a clock that is far off spoils them on all workers.
The embedded broker keeps the sender's time; it is on this machine.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache

from tweetream.kafka.producer import OrderedProducer
from tweetream.kafka.send_queue import StillAssigned

log = logging.getLogger(__name__)
LIMIT = 60.0  # seconds; with a time service, clocks differ by milliseconds


class KafkaClock:
    """What is known of this machine's clock. `now` gives it, in seconds since 1970."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._ahead = 0.0  # seconds

    async def look(self, producer: OrderedProducer, topic: str, still_assigned: StillAssigned) -> None:
        """Compare the clocks, and say it if they differ. `topic` has LogAppendTime. Raises as the producer does."""
        before = self._now()
        arrived = (await producer.send(topic, 0, b"", still_assigned=still_assigned)).timestamp / 1000
        after = self._now()
        # It arrived at some time between the two, if the clocks agree.
        self._ahead = before - arrived if arrived < before else min(0.0, after - arrived)
        if self.reason():
            log.warning("not ready: %s", self.reason())

    def reason(self) -> str:
        """Why the worker is not ready; empty if the clock is right."""
        if abs(self._ahead) <= LIMIT:
            return ""
        off = timedelta(seconds=round(abs(self._ahead)))
        return f"this machine's clock is {off} {'ahead of' if self._ahead > 0 else 'behind'} Kafka's: set it"


@cache
def clock() -> KafkaClock:
    """The worker's one."""
    return KafkaClock()
