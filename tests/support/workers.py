"""Workers as users start them: processes of their own, driven over HTTP. Limits: this machine only.

A worker gets a fresh port and data folder; tests give it a namespace, so that many can share a broker.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from support import rest
from support.forked import Forked, Process
from support.paths import TESTS
from support.waiting import until

from tweetream.kafka.embedded import dies_with_parent, free_ports

WRONG_CLOCK = TESTS / "support" / "faults" / "wrong_clock"
READY = 60.0  # seconds; an idle machine needs 4


def _outside(environment: Mapping[str, str]) -> dict[str, str]:
    """What others have set: packages, certificates, time zone and the like."""
    return {name: value for name, value in environment.items() if not name.startswith(("TWEETREAM_", "PYTEST_"))}


AT_IMPORT = _outside(os.environ)  # what the process has that workers are forked from; some of it counts at an import


class Worker:
    """One worker process; its log is in the folder."""

    forks = False  # in a run of tests: started by `support.forked` where that makes no difference

    def __init__(self, broker: str, namespace: str, folder: Path, **settings: Any) -> None:
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"worker-{self.port}.log"
        given = {
            "BROKER": broker,
            "NAMESPACE": namespace,
            "WEB_PORT": self.port,
            "DATA_DIR": folder / f"data-{self.port}",
            "PARTITIONS": 4,
            "SESSION_TIMEOUT": "3s",
            "REBALANCE_TIMEOUT": "3s",
            **settings,
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}
        self.environment = clean | {f"TWEETREAM_{name}": str(value) for name, value in given.items()}
        self.auth = {"Authorization": f"Bearer {settings['API_TOKEN']}"} if "API_TOKEN" in settings else {}
        self.process: Process | None = None

    def set_clock(self, ahead: float) -> None:
        """From the next start on, its clock is so many seconds ahead."""
        path = os.pathsep.join(filter(None, (str(WRONG_CLOCK), os.environ.get("PYTHONPATH"))))
        self.environment |= {"PYTHONPATH": path, "CLOCK_AHEAD": str(ahead)}

    def start(self, *options: str) -> "Worker":
        """Start it with these options of the command line in place of `-l info`."""
        with self.log.open("ab") as log:
            # A debug log shows the variables of all that called: also those of the program that forks.
            if self.forks and not options and _outside(self.environment) == AT_IMPORT:
                self.process = Forked(("-l", "info"), self.environment, self.log)
                return self
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tweetream", "worker", *(options or ("-l", "info"))],
                env=self.environment,
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_parent(),
            )
        return self

    def wait_ready(self) -> "Worker":
        until(self.is_ready, READY, f"ready; the log ends with {self.tail()!r}")
        return self

    def is_ready(self) -> bool:
        assert self.process is not None and self.process.poll() is None, f"the worker ended: {self.tail()}"
        return self.get("/readyz") == 200

    def get(self, path: str) -> int:
        """The status of a GET; 0 without an answer."""
        return rest.status(self.url + path)

    def topics(self) -> dict[str, dict[str, Any]]:
        """The topics by name; none while the worker does not answer."""
        return rest.topics(self.url)

    def count(self, name: str) -> int:
        """How many posts a topic has had, as REST says."""
        return sum(self.topics().get(name, {}).get("posts", {}).values())

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels; 0 without an answer."""
        try:
            text = httpx.get(f"{self.url}/metrics", timeout=5).text
        except httpx.HTTPError:
            return 0.0
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.split("{")[0].split(" ")[0] == name and all(label in line for label in wanted)
        )

    def streams(self) -> bool:
        """Whether this worker runs the sources: it has counted what it read."""
        return "streaming from" in self.log.read_text(errors="replace")

    def tail(self, lines_of_log: int = 15) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-lines_of_log:])

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, timeout: float = 15.0) -> float:
        """SIGTERM; how many seconds it took to end."""
        assert self.process is not None
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        self.process.wait(timeout)
        return time.monotonic() - began

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """Kill it; where coverage is measured, let it write its data before that."""
        if "COVERAGE_PROCESS_CONFIG" in os.environ and self.process is not None and self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.signal(signal.SIGCONT)
                self.stop()
        self.kill()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid


@contextmanager
def workers(count: int, broker: str, namespace: str, folder: Path, **settings: Any) -> Iterator[list[Worker]]:
    """A group of workers, ready; they end with the block."""
    group = [Worker(broker, namespace, folder, **settings) for _ in range(count)]
    if count > 1:
        group[-1].forks = False
    try:
        for worker in group:
            worker.start()
        for worker in group:
            worker.wait_ready()
        yield group
    finally:
        for worker in group:
            worker.end()


def write_lines(path: Path, lines: Mapping[int, str] | list[str]) -> Path:
    """A file of posts, a line each."""
    texts = lines.values() if isinstance(lines, Mapping) else lines
    path.write_text("".join(f"{line}\n" for line in texts))
    return path
