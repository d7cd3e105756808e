"""The stages of a load test. Each ends with a row of its table (table.py); one that fails makes the run fail.

The CPU is that of each worker whose metrics can be reached (WORKERS, addresses separated by commas; default: HOST).
"""

import os
import socket
import time
import urllib.parse
import urllib.request
from typing import Any

from locust import LoadTestShape, events
from table import HEAD, Stage

USERS = [int(users) for users in os.environ.get("STAGES", "10,50,100,250,500,1000").split(",")]
SECONDS = float(os.environ.get("STAGE_SECONDS", "60"))
MOST_MS = float(os.environ.get("MOST_MS", "250"))  # the 99th percentile of an event
SKIPPED = int(os.environ.get("SKIPPED", "0"))  # records in a row that may be skipped as duplicates
EVENT, HOLE, CUT = "event", "hole", "cut off"


def event(environment: Any, late: float) -> None:
    """A post has arrived, so many seconds after it was read."""
    _note(environment, EVENT, 1000 * late)


def hole(environment: Any, error: Exception) -> None:
    _note(environment, HOLE, 0, error)


def cut(environment: Any, error: Exception) -> None:
    _note(environment, CUT, 0, error)


def _note(environment: Any, name: str, ms: float, error: Exception | None = None) -> None:
    environment.events.request.fire(
        request_type="SSE", name=name, response_time=max(0.0, ms), response_length=0, exception=error
    )


class Stages(LoadTestShape):
    """So many users for so many seconds, one stage after the other. A row is printed at the end of each."""

    use_common_options = False

    def __init__(self) -> None:
        super().__init__()
        self._stage = -1
        self._cpu = Cpu()
        self.rows: list[str] = []
        self.failures: list[str] = []

    def tick(self) -> tuple[int, float] | None:
        stage = int(self.get_run_time() // SECONDS)
        if stage != self._stage:
            if self._stage >= 0:
                self._end(USERS[self._stage])
            self._stage = stage
        return (USERS[stage], max(1.0, USERS[stage] / 10)) if stage < len(USERS) else None

    def _end(self, users: int) -> None:
        assert self.runner is not None
        stats = self.runner.stats
        late = stats.get(EVENT, "SSE")
        holes = stats.get(HOLE, "SSE").num_failures
        p50, p95, p99 = (late.get_response_time_percentile(share) or 0 for share in (0.5, 0.95, 0.99))
        errors = stats.total.num_failures - holes
        cpu = self._cpu.since_last()
        stage = Stage(users, late.num_requests, p50, p95, p99, late.max_response_time, errors, holes, cpu)
        self.rows.append(stage.row)
        self.failures += stage.failures(MOST_MS)
        print(f"{HEAD}\n{stage.row}", flush=True)
        stats.clear_all()


class Cpu:
    """The CPU that workers used between two calls, as they show it."""

    def __init__(self) -> None:
        host = os.environ.get("HOST", "http://127.0.0.1:6066")
        self._workers = [one for worker in os.environ.get("WORKERS", host).split(",") for one in _each(worker)]
        self._at, self._used = time.monotonic(), self._read()

    def since_last(self) -> str:
        """The share of a core of each worker; empty for those that do not show it."""
        now, used = time.monotonic(), self._read()
        shares = [
            f"{100 * (new - old) / (now - self._at):.0f} %"
            for new, old in zip(used, self._used, strict=True)
            if new is not None and old is not None
        ]
        self._at, self._used = now, used
        return ", ".join(shares)

    def _read(self) -> list[float | None]:
        return [_cpu_seconds(worker) for worker in self._workers]


def _each(worker: str) -> list[str]:
    """The addresses behind a name: Docker gives those of all workers to one."""
    url = urllib.parse.urlsplit(worker)
    if url.scheme != "http" or not url.hostname:
        return [worker]
    try:
        _, _, addresses = socket.gethostbyname_ex(url.hostname)
    except OSError:
        return [worker]
    return sorted(f"http://{address}:{url.port or 80}" for address in addresses)


def _cpu_seconds(worker: str) -> float | None:
    try:
        with urllib.request.urlopen(f"{worker}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return None
    return next((float(line.split()[1]) for line in lines if line.startswith("process_cpu_seconds_total ")), None)


@events.quitting.add_listener
def _end(environment: Any, **_: Any) -> None:
    """Print the whole table on the process that leads, and set the status."""
    shape = environment.shape_class
    if not isinstance(shape, Stages) or not shape.rows:
        return
    print("\n".join(["", HEAD, *shape.rows, *shape.failures]), flush=True)
    environment.process_exit_code = 1 if shape.failures else 0
