"""Watches this worker: Kafka's presence, the event loop, the streams and the tables. The probes answer by it.

It also tells systemd that the worker lives. The faults are kept by `engine.health`, which knows when they count.
"""

import asyncio
from functools import cache
from typing import cast

from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from tweetream import metrics
from tweetream.app import app, kafka
from tweetream.engine.consumer import Consumer
from tweetream.engine.health import Health
from tweetream.engine.loop_watch import LoopWatch
from tweetream.engine.progress import Offsets, Progress
from tweetream.engine.systemd import tell_systemd
from tweetream.kafka.clock import clock
from tweetream.kafka.presence import KafkaPresence, ask_kafka
from tweetream.kafka.required import required
from tweetream.topology import TABLES, recovered, services
from tweetream.web.feed_server import feed_server

EVERY = 1.0  # seconds between two looks


class HealthWatch:
    """Looks every second, and at each probe."""

    def __init__(self) -> None:
        self._health = Health()
        self._presence = KafkaPresence(lambda: ask_kafka(kafka, services.producer.client))
        self._loop_watch = LoopWatch()
        self._progress: Progress[str] = Progress()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._loop_watch.start()
        self._tasks = [asyncio.create_task(work()) for work in (self._presence.watch, self._watch)]

    def stop(self) -> None:
        self._loop_watch.stop()
        for task in self._tasks:
            task.cancel()

    def unready(self) -> str:
        """Why no client should be sent to this worker now; empty if it is ready."""
        self._look()
        if app.should_stop:
            return "the worker is stopping"
        return self._health.unready() or clock().reason() or required().reason()

    def unable(self) -> str:
        """Why this worker will not recover by itself; empty if it lives."""
        self._look()
        return app.stop_reason or feed_server().hub.ended or self._health.unable()

    def _look(self) -> None:
        held, seconds = self._loop_watch.fault()
        away = self._presence.reason()
        self._health.note(away, self._fault(bool(away)), since=self._presence.since, held=held, held_for=seconds)

    def _fault(self, away: bool) -> str:
        """What is wrong with this worker itself now."""
        flowing = recovered() and app.is_flowing() and not app.rebalancing
        still = self._progress.look(_offsets() if flowing and not away else {})
        if stale := [table.changelog_topic_name for table in TABLES if table.stale]:
            return f"tables are behind Kafka, and are read again: {', '.join(stale)}"
        return still if flowing else "the worker is starting or its group is rebalancing"

    async def _watch(self) -> None:
        was_ready = False
        while True:
            ready, lives = not self.unready(), not self.unable()
            metrics.ready.set(ready)
            if ready and not was_ready:
                tell_systemd("READY=1")
                was_ready = True
            if lives:
                tell_systemd("WATCHDOG=1")
            await asyncio.sleep(EVERY)


def _offsets() -> dict[str, Offsets]:
    """Those of each partition of this worker."""
    try:
        found: dict[TP, Offsets] = cast(Consumer, app.consumer).offsets()
    except ConsumerNotStarted:
        return {}
    return {f"partition {tp.partition} of {tp.topic}": offsets for tp, offsets in found.items()}


@cache
def health_watch() -> HealthWatch:
    """This worker's own."""
    return HealthWatch()


@app.before
async def _start() -> None:
    health_watch().start()


@app.closing
async def _stop() -> None:
    health_watch().stop()
