"""The end of a worker: soon, whatever hangs, and with one line when it is our own fault."""

import logging
import os
import signal
import sys
import threading
from typing import Any

import faust

log = logging.getLogger(__name__)
PATIENCE = 4.5  # seconds from the signal to the end, at most
_reason: list[str] = []


def stop_worker(reason: str) -> None:
    """Stop this worker, with one line on standard error and status 2."""
    if not _reason:
        _reason.append(reason)
        log.critical("%s", reason)
        os.kill(os.getpid(), signal.SIGTERM)


class Worker(faust.Worker):
    """Faust's worker, with an end that is bound in time.

    Nothing is lost by it: what was not acknowledged is delivered again.
    """

    def on_setup_root_logger(self, logger: logging.Logger, level: int) -> None:
        logger.setLevel(level)  # Faust leaves it at DEBUG for all but -l info, and its senders pay for that
        super().on_setup_root_logger(logger, level)

    def _schedule_shutdown(self, signum: signal.Signals) -> None:
        watchdog = threading.Timer(PATIENCE, self._cut)
        watchdog.daemon = True
        watchdog.start()
        super()._schedule_shutdown(signum)

    def _cut(self) -> None:
        print("tweetream: something did not end in time, ending without it", file=sys.__stderr__, flush=True)
        os._exit(2 if _reason else 0)

    async def _sentinel_task(self) -> None:
        """Faust waits here for a second; there is nothing to wait for."""

    def on_worker_shutdown(self) -> None:
        super().on_worker_shutdown()
        if _reason:
            print(f"tweetream: {_reason[0]}", file=sys.__stderr__, flush=True)

    def execute_from_commandline(self) -> Any:
        try:
            super().execute_from_commandline()
        except SystemExit as end:
            raise SystemExit(2 if _reason else end.code) from None
