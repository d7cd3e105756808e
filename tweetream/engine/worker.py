"""The worker process: it ends within seconds, and with one line when the end is its own fault."""

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
from typing_extensions import override

from tweetream.engine.application import App
from tweetream.models.printable import PrintableLog, escape_output
from tweetream.models.signals import end_signals
from tweetream.settings import fail, load, secrets

LOG_EVERY = 10.0  # seconds between two lines of the Kafka client about the same kind of trouble
SWITCH = 0.0005  # seconds that a busy thread may keep the interpreter while the loop waits for it; Python's own: 0.005
COLLECT_ALL = 30  # seconds between two full garbage collections
PATIENCE = 4.5  # seconds from the signal to the end, at most


class RateLimitedLogFilter(logging.Filter):
    """Lets one line of the Kafka client pass every few seconds; while a broker is away it logs hundreds.

    The line that passes says how many did not.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}
        self._suppressed = 0

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("aiokafka"):
            return True
        bad = record.levelno >= logging.WARNING
        kind = "" if bad else str(record.msg)
        if record.created - self._last.get(kind, 0.0) < LOG_EVERY:
            self._suppressed += bad
            return False
        self._last[kind] = record.created
        if bad and self._suppressed:
            record.msg = f"{record.getMessage()} (and {self._suppressed} lines like it)"
            record.args = ()  # for None, mode formats with (None,)
            self._suppressed = 0
        return True


async def _collect() -> None:
    """Collect garbage by time. Counting objects is not enough: a cycle may hold a megabyte of Kafka's records."""
    for seconds in itertools.count(1):
        await asyncio.sleep(1.0)
        gc.collect(2 if seconds % COLLECT_ALL == 0 else 1)


class Worker(faust.Worker):
    """Faust's worker, which ends in bounded time.

    Nothing is lost by that: events that were not acknowledged are delivered again.
    """

    app: App

    def __init__(self, app: App, *args: Any, **kwargs: Any) -> None:
        super().__init__(app, *args, **kwargs)
        escape_output()  # Faust's banner is not ASCII
        app.run_preflight()  # before Faust prints its banner

    @override
    async def on_first_start(self) -> None:
        await super().on_first_start()
        # Batches allocate containers by the thousand and free them by reference count. Searching them, and all
        # objects that the imports made, for cycles took a fifth of the time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        sys.setswitchinterval(SWITCH)
        self.add_future(_collect())

    @override
    def on_setup_root_logger(self, logger: logging.Logger, level: int) -> None:
        hidden = secrets(load())
        for handler in logger.handlers:
            handler.addFilter(RateLimitedLogFilter())
            handler.addFilter(PrintableLog(hidden))
        logger.setLevel(level)  # Faust leaves it at DEBUG for all but -l info, which slows its producer down
        super().on_setup_root_logger(logger, level)

    @override
    def install_signal_handlers(self) -> None:
        super().install_signal_handlers()
        for number in end_signals():
            if number not in (signal.SIGINT, signal.SIGTERM):
                self.loop.add_signal_handler(number, self._schedule_shutdown, number)

    @override
    def _schedule_shutdown(self, signum: signal.Signals) -> None:
        watchdog = threading.Timer(PATIENCE, self._cut)
        watchdog.daemon = True
        watchdog.start()
        super()._schedule_shutdown(signum)

    def _cut(self) -> None:
        reason = self.app.stop_reason
        line = reason or "a part of the worker did not end in time; ending without it"
        print(f"tweetream: {line}", file=sys.__stderr__, flush=True)
        os._exit(2 if reason else 0)

    @override
    def _gather_all(self) -> None:
        """Cancel the tasks that are left, which wait for a broker that is away; Faust would give them a second."""
        for task in asyncio.all_tasks(loop=self.loop):
            task.cancel()

    @override
    async def _sentinel_task(self) -> None:
        """Faust sleeps here for a second; there is nothing to wait for."""

    @override
    def execute_from_commandline(self) -> Any:
        try:
            super().execute_from_commandline()
        except SystemExit as end:
            if self.app.stop_reason:
                fail(self.app.stop_reason)
            raise SystemExit(end.code) from None
