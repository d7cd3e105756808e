"""The end of a worker: soon, whatever hangs, and with one line when it is our own fault."""

import asyncio
import gc
import itertools
import logging
import os
import signal
import sys
import threading
from typing import Any

import faust

from tweetream.settings import fail

SAY_EVERY = 10.0  # seconds
COLLECT_ALL = 30  # seconds
PATIENCE = 4.5  # seconds from the signal to the end, at most
_reason: list[str] = []


def stop_worker(reason: str) -> None:
    """Stop this worker, with one line on standard error and status 2."""
    if not _reason:
        _reason.append(reason)
        os.kill(os.getpid(), signal.SIGTERM)


class RateLimitedLogFilter(logging.Filter):
    """Of what the Kafka client says while a broker is away, hundreds of lines, one every few seconds.

    The line that is let through says how many were not, so that nobody takes it for all there was.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}
        self._kept = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("aiokafka"):
            return True
        bad = record.levelno >= logging.WARNING
        kind = "" if bad else str(record.msg)
        if record.created - self._said.get(kind, 0.0) < SAY_EVERY:
            self._kept += bad
            return False
        self._said[kind] = record.created
        if bad and self._kept:
            record.msg = f"{record.getMessage()} (and {self._kept} lines like it)"
            record.args = ()  # for None, mode formats with (None,)
            self._kept = 0
        return True


async def _collect() -> None:
    """Free by time what counting does not see: few cycles, but each may hold a megabyte that Kafka sent."""
    for seconds in itertools.count(1):
        await asyncio.sleep(1.0)
        gc.collect(2 if seconds % COLLECT_ALL == 0 else 1)


class Worker(faust.Worker):
    """Faust's worker, with an end that is bound in time.

    Nothing is lost by it: what was not acknowledged is delivered again.
    """

    async def on_first_start(self) -> None:
        await super().on_first_start()
        # Batches make containers by the thousand and free them by count; looking for cycles among them, and among
        # all that the imports made, took a fifth of the time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        self.add_future(_collect())

    def on_setup_root_logger(self, logger: logging.Logger, level: int) -> None:
        for handler in logger.handlers:
            handler.addFilter(RateLimitedLogFilter())
        logger.setLevel(level)  # Faust leaves it at DEBUG for all but -l info, and its senders pay for that
        super().on_setup_root_logger(logger, level)

    def _schedule_shutdown(self, signum: signal.Signals) -> None:
        watchdog = threading.Timer(PATIENCE, self._cut)
        watchdog.daemon = True
        watchdog.start()
        super()._schedule_shutdown(signum)

    def _cut(self) -> None:
        reason = _reason[0] if _reason else "something did not end in time, ending without it"
        print(f"tweetream: {reason}", file=sys.__stderr__, flush=True)
        os._exit(2 if _reason else 0)

    def _gather_all(self) -> None:
        """What is left now waits for a broker that is away, or for nothing: Faust would give it a second."""
        for task in asyncio.all_tasks(loop=self.loop):
            task.cancel()

    async def _sentinel_task(self) -> None:
        """Faust waits here for a second; there is nothing to wait for."""

    def execute_from_commandline(self) -> Any:
        try:
            super().execute_from_commandline()
        except SystemExit as end:
            if _reason:
                fail(_reason[0])
            raise SystemExit(end.code) from None
