"""The worker process: it ends within seconds, and with one line when the end is its own fault."""

import asyncio
import gc
import itertools
import logging
import os
import signal
import sys
import threading
from ssl import SSLError
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.cli.worker import worker as worker_command
from typing_extensions import override

from tweetream import __version__
from tweetream.engine.application import App
from tweetream.engine.memory import give_back
from tweetream.models.errors import is_machine_error
from tweetream.models.log_lines import formatter
from tweetream.models.messages import fail, say
from tweetream.models.printable import PrintableLog, escape_output
from tweetream.models.signals import end_signals
from tweetream.settings import load, secrets

log = logging.getLogger(__name__)
LOG_EVERY = 10.0  # seconds between two lines of the Kafka client about the same kind of trouble
SWITCH = 0.0005  # seconds that a busy thread may keep the interpreter while the loop waits for it; Python's own: 0.005
COLLECT_ALL = 30  # seconds between two full garbage collections, after which memory is given back
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


class OutsideErrors(logging.Filter):
    """Says what Kafka, a network or this machine does in the line alone: a traceback would tell of our code only."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and _is_from_outside(error):
            message = record.getMessage()
            record.msg = message if repr(error) in message else f"{message}: {error!r}"
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


def _is_from_outside(error: BaseException) -> bool:
    return isinstance(error, (KafkaError, ConnectionError, TimeoutError, SSLError)) or is_machine_error(error)


async def _collect() -> None:
    """Collect garbage by time. Counting objects is not enough: a cycle may hold a megabyte of Kafka's records."""
    for seconds in itertools.count(1):
        await asyncio.sleep(1.0)
        gc.collect(2 if seconds % COLLECT_ALL == 0 else 1)
        if seconds % COLLECT_ALL == 0:
            await give_back()


def _say_nothing(self: object, worker: object) -> None:
    """In place of Faust's banner."""


class Worker(faust.Worker):
    """Faust's worker, which ends in bounded time.

    Nothing is lost by that: events that were not acknowledged are delivered again.
    """

    app: App

    def __init__(self, app: App, *args: Any, **kwargs: Any) -> None:
        super().__init__(app, *args, **kwargs)
        self.spinner = None  # Faust's signs of progress on standard output
        escape_output()
        app.run_preflight()
        # Faust prints a banner next, before it is known whether the worker can run. Its line comes when it is ready.
        worker_command.on_worker_created = _say_nothing  # type: ignore[method-assign]

    @override
    def carp(self, msg: str) -> None:
        """Faust prints signs of a signal, in no form of a log."""

    @override
    async def on_startup_finished(self) -> None:
        await self.maybe_start_blockdetection()
        if self._shutdown_immediately:
            return
        line = f"Tweetream {__version__} is ready: {self.app.web_server_url}"
        if load().log_format == "json":
            log.info(line)
        else:
            print(line, file=self.stdout, flush=True)

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
        known = load()
        hidden = secrets(known)
        for handler in logger.handlers:
            if handler.formatter is not None:  # Faust's, which makes tables of many lines
                handler.setFormatter(formatter(known.log_format))
            handler.addFilter(RateLimitedLogFilter())
            handler.addFilter(OutsideErrors())
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
        say(line, sys.__stderr__)
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
                fail(self.app.stop_reason, sys.__stderr__)
            raise SystemExit(end.code) from None
