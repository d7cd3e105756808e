"""The thread of the consumer: it survives commits that the broker refuses, and finds a cluster that moved."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from typing_extensions import override

from tweetream.kafka.rebootstrap import rebootstrapping
from tweetream.kafka.retry import wait_at_most

FETCH_WAIT_MS = 200
COMMIT_TIMEOUT = 5.0  # seconds
GIVE_UP = 2.0  # seconds that a rebalance or a stop waits for events that were not acknowledged


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The consumer's thread. It survives a commit that the broker refuses."""

    @override
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = rebootstrapping(super()._create_worker_consumer(transport))
        # A broker answers the requests of a connection in turn: a seek would wait for a fetch that finds nothing.
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    @override
    async def on_thread_stop(self) -> None:
        await wait_at_most(patience(self.app), super().on_thread_stop())  # leaving a group asks its broker

    @override
    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        mine = consumer.assignment()
        # For a topic that is gone, Kafka's client would try for ever, and commit nothing else.
        there = {tp for tp in mine if consumer.partitions_for_topic(tp.topic)}
        offsets = {tp: offset for tp, offset in offsets.items() if tp in there}
        if not offsets:
            return False
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT):  # it may not be known to be gone; this thread does nothing else
                await consumer.commit(offsets)
        except (KafkaError, ValueError, OSError, MemoryError) as error:
            # These records are delivered again, and recognised by their stamps.
            self.log.warning("Offsets not committed: %r", error)
            return False
        # After five minutes Faust calls a partition stuck that is missing here.
        self.tp_last_committed_at.update(dict.fromkeys(offsets, time.monotonic()))
        return True


def patience(app: Any) -> float:
    """Seconds that the application (application.App) waits for a broker now."""
    return float(app.patience())
