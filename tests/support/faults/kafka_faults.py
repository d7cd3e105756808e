"""Faults beside deaths and frozen processes, a function each: what they do to a running group, and that it recovers.

Each gets the cluster, the group and its namespace, and returns what was done, when all workers are ready again.
"""

import asyncio
from collections.abc import Callable, Sequence

from support.kafka.apache_kafka import ApacheKafka
from support.kafka.group_offsets import delete_offsets
from support.waiting import until
from support.workers import Worker

TWO_HOURS = 7200.0  # seconds
Fault = Callable[[ApacheKafka, Sequence[Worker], str], str]


def group_offsets_deleted(kafka: ApacheKafka, group: Sequence[Worker], namespace: str) -> str:
    """All workers end, the offsets are deleted, and all start again: they read everything again."""
    for worker in group:
        worker.stop()
    asyncio.run(delete_offsets(kafka.bootstrap, namespace))
    for worker in group:
        worker.start()
    _wait(group)
    return "group-offsets-deleted"


def broker_moved(kafka: ApacheKafka, group: Sequence[Worker], namespace: str) -> str:
    """The first broker comes back at its spare address, which the workers know as a bootstrap server."""
    kafka.move(kafka.spare)
    _wait(group)
    return "broker-moved"


def clock_two_hours_off(kafka: ApacheKafka, group: Sequence[Worker], namespace: str) -> str:
    """A worker starts with a clock that is ahead, is not ready and says why, and starts again with the right one."""
    victim = group[0]
    victim.stop()
    victim.set_clock(TWO_HOURS)
    victim.start()
    until(lambda: "clock is 2:00:00 ahead of Kafka's: set it" in victim.tail(1000), 60, "the clock is said to be off")
    assert until(lambda: victim.get("/readyz"), 30, "an answer") == 503
    victim.stop()
    victim.set_clock(0)
    victim.start()
    _wait(group)
    return "clock-off"


def _wait(group: Sequence[Worker]) -> None:
    for worker in group:
        worker.wait_ready()


FAULTS: tuple[Fault, ...] = (group_offsets_deleted, broker_moved, clock_two_hours_off)
