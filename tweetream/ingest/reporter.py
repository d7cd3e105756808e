"""Sends the statuses of the sources from the worker that runs them to all others, and sets its metrics.

A change of the state is sent at once, new counts once a second, and an unchanged status every few seconds.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from tweetream import metrics
from tweetream.ingest.settled import SettledPositions
from tweetream.kafka.producer import RecordRejected
from tweetream.models import codec
from tweetream.sources.status import REPORT_INTERVAL, Settled, State, Status, StatusReport
from tweetream.sources.supervisor import Supervisor
from tweetream.topology import SOURCES, dead_letter, services

SECOND = 1.0


class Reporter:
    """The reports of one run. Supervisors call `changed`."""

    def __init__(self, settled: SettledPositions) -> None:
        self._settled = settled
        self._changed = asyncio.Event()
        self._began = time.time()
        self._sent: dict[str, tuple[float, Status, Settled | None]] = {}

    @property
    def changed(self) -> Callable[[], None]:
        """Makes the reporter send reports at once."""
        return self._changed.set

    async def run(self, epoch: int, supervisors: Sequence[Supervisor]) -> None:
        """Report until cancelled."""
        try:
            while True:
                self._changed.clear()
                for supervisor in supervisors:
                    await self._report(epoch, supervisor.status)
                try:
                    async with asyncio.timeout(SECOND):
                        await self._changed.wait()
                except TimeoutError:
                    pass
        finally:
            metrics.forget_sources()

    async def _report(self, epoch: int, status: Status) -> None:
        settled = self._settled.by_url().get(status.url)
        at, before, settled_before = self._sent.get(status.url, (0.0, None, None))
        if status == before and settled == settled_before and time.monotonic() < at + REPORT_INTERVAL:
            return
        self._sent[status.url] = time.monotonic(), status, settled
        self._measure(status, before)
        report = codec.encode(StatusReport(epoch, status, settled))
        try:
            await services.producer.send(SOURCES, 0, report, key=status.url.encode())
        except RecordRejected as error:  # the sources go on, but other workers do not get this status
            await dead_letter(SOURCES, report, str(error))

    def _measure(self, status: Status, before: Status | None) -> None:
        for state in State:
            metrics.source_state.labels(status.url, state.value).set(status.state is state)
        if status.last_post_at is not None:
            metrics.source_last_post.labels(status.url).set(status.last_post_at / 1000)
        metrics.follow_silence(status.url, max(self._began, (status.last_post_at or 0) / 1000))
        metrics.source_reconnects.labels(status.url).inc(status.reconnects - before.reconnects if before else 0)
