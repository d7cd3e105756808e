"""Workers forked from a process that has imported what a worker imports: a start takes a third of the CPU time.

Such a worker runs the command `tweetream worker` from its first line: settings, preflight and application are its own.
Limits: workers of one server have equal hashes of strings, so one worker of each group is started as a user starts it.
"""

import contextlib
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol
from unittest import mock

from support.kafka.apache_kafka import process_environment

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["support.forked_imports"])
_FILES = 256  # more than the server has open


class Process(Protocol):
    """What tests do with the process of a worker."""

    pid: int

    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


class Forked:
    """A worker that was forked, with the methods of a Popen."""

    def __init__(self, options: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        files = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._process = _CONTEXT.Process(target=_run, args=(options, dict(environment), log, files), daemon=True)
        with mock.patch.dict(os.environ, process_environment()):  # the first start makes the server, which imports
            self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (status := self.returncode) is None:
            raise subprocess.TimeoutExpired("tweetream worker", timeout or 0.0)
        return status

    def send_signal(self, sig: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(options: Sequence[str], environment: dict[str, str], log: Path, files: tuple[int, int]) -> None:
    """In the new process: become what `python -m tweetream worker` is in its first moment."""
    from support.forked_imports import bind_to_server

    if bind_to_server:
        bind_to_server()
    os.setsid()
    os.chdir(log.parent)
    resource.setrlimit(resource.RLIMIT_NOFILE, files)
    with open(os.devnull, "rb") as nothing, log.open("ab") as out:
        for file, number in ((nothing, 0), (out, 1), (out, 2)):
            os.dup2(file.fileno(), number)
    os.closerange(3, _FILES)  # the server must not live on for us
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["tweetream"]
    from tweetream.cli.main import main

    main(["worker", *options])
