"""The worker that runs the sources tells all others how they do, and its own metrics.

When a state changes it is told at once, posts once a second, and every few seconds that it is still so.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from tweetream import metrics
from tweetream.kafka.producer import RecordRejected
from tweetream.models import codec
from tweetream.sources.status import EVERY, Report
from tweetream.sources.supervisor import State, Status, Supervisor
from tweetream.topology import SOURCES, dead_letter, services

SECOND = 1.0


class Reporter:
    """Reports of one run. `changed` is for the supervisors to call."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._told: dict[str, tuple[float, Status]] = {}

    @property
    def changed(self) -> Callable[[], None]:
        return self._changed.set

    async def run(self, epoch: int, supervisors: Sequence[Supervisor]) -> None:
        """Report until cancelled."""
        try:
            while True:
                self._changed.clear()
                for supervisor in supervisors:
                    await self._tell(epoch, supervisor.status)
                try:
                    async with asyncio.timeout(SECOND):
                        await self._changed.wait()
                except TimeoutError:
                    pass
        finally:
            metrics.forget_sources()

    async def _tell(self, epoch: int, status: Status) -> None:
        at, told = self._told.get(status.url, (0.0, None))
        if status == told and time.monotonic() < at + EVERY:
            return
        self._told[status.url] = time.monotonic(), status
        _measure(status, told)
        report = codec.encode(Report(epoch, status))
        try:
            await services.producer.send(SOURCES, 0, report, key=status.url.encode())
        except RecordRejected as error:  # the sources go on; nobody else hears of them
            await dead_letter(SOURCES, report, str(error))


def _measure(status: Status, told: Status | None) -> None:
    for state in State:
        metrics.source_state.labels(status.url, state.value).set(status.state is state)
    if status.last_post_at is not None:
        metrics.source_last_post.labels(status.url).set(status.last_post_at / 1000)
    metrics.source_reconnects.labels(status.url).inc(status.reconnects - told.reconnects if told else 0)
