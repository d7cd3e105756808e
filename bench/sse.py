"""What a delivery costs: streams of the real worker, beside nchan's, with the same events and clients, in one table.

    python bench/sse.py

Apache Kafka runs on this machine for as long as it takes (Java 17 or newer, and Maven the first time), and so does an
nginx with the module nchan. Other programs that run meanwhile make every number worse. Needs Linux.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import nchan
import sampling
from beside import Beside, open_files
from measure import Failed
from nchan import Nchan
from sse_runs import Ours, Run, Server, appender, idle_cpu, run
from sse_slow import Slow, SlowClient
from sse_table import Crowd, Deliveries, row, table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.kafka.apache_kafka import ApacheKafka  # noqa: E402
from support.kafka.jars import (
    ApacheKafkaError,
    missing,  # noqa: E402
)

Found = TypeVar("Found")

DELIVERIES = {f"{clients}x{rate}": (clients, rate) for clients in (100, 1_000) for rate in (20, 200)}
SATURATED, SLOW = "saturated", "slow"
ROWS = [*DELIVERIES, SATURATED, SLOW]
CLIENTS, RATE = 1_000, 60  # of the last two
PATIENCE = 150.0  # seconds that a worker may take to drop a client that does not read
AFTER = 3.0  # seconds that events go on after it has come back
POSTS = 20_000  # lines that are replayed over and over to saturate the pipeline
FILLING = 5.0  # seconds until it is


def main() -> int:
    """Run what is asked for and print the table; 2 when something is missing or a run fails."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if reason := missing():
        return _refuse(f"Apache Kafka cannot run: {reason}")
    if any(name in DELIVERIES for name in options.only) and (reason := nchan.missing()):
        return _refuse(f"nchan cannot run: {reason}")
    if options.profile and (sampling.missing() or len(options.only) != 1):
        return _refuse("--profile needs one row (--only), and py-spy: pip install py-spy")
    try:
        open_files()
        with tempfile.TemporaryDirectory(prefix="tweetream-bench-") as name, ApacheKafka(quick=False) as kafka:
            bench = Bench(kafka, Path(name).resolve(), options)
            deliveries = bench.deliveries()
            crowd = bench.crowd()
    except (ApacheKafkaError, Failed, AssertionError) as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return _refuse("interrupted")
    print(table(deliveries, crowd))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of events in each run (default %(default)s)")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS, metavar="ROW", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="write the worker's stacks there, by py-spy")
    return parser.parse_args()


def _refuse(line: str) -> int:
    print(f"sse: {line}", file=sys.stderr)
    return 2


class Bench:
    """All rows, on one Kafka."""

    def __init__(self, kafka: ApacheKafka, folder: Path, options: argparse.Namespace) -> None:
        self._kafka = kafka
        self._folder = folder
        self._options = options

    def deliveries(self) -> Deliveries:
        """The rows of ours beside nchan's; each with servers of its own, since memory is not given back."""
        found: Deliveries = {}
        for name, (clients, rate) in DELIVERIES.items():
            if name not in self._options.only:
                continue
            with Ours(self._kafka, self._folder, f"ours-{name}") as ours:
                found[clients, rate] = {"ours": self._row(ours, clients, rate, ours.worker.pid)}
            with Nchan(self._folder / f"nchan-{name}") as server:
                found[clients, rate]["nchan"] = self._row(server, clients, rate)
            for which, measured in found[clients, rate].items():
                self._say(clients, rate, which, measured)
        return found

    def _row(self, server: Server, clients: int, rate: int, profiled: int | None = None) -> Run:
        with appender(server) as appending:
            idle = idle_cpu(server, appending, rate, self._options.seconds)
            return self._profiled(profiled, partial(run, server, appending, clients, rate, self._options.seconds, idle))

    def _profiled(self, pid: int | None, measured: Callable[[], Found]) -> Found:
        sampler = sampling.Sampler(self._options.profile) if self._options.profile and pid else None
        if sampler and pid:
            sampler.start(pid)
        try:
            return measured()
        finally:
            if sampler:
                sampler.stop()
                print(f"\nthe worker's time by function (measured with the profiler beside it)\n{sampler.top()}\n")

    def crowd(self) -> Crowd | None:
        """The same clients on a worker with nothing else to do, with one that does not read, and on a saturated one."""
        wanted = {SATURATED, SLOW} & set(self._options.only)
        if not wanted:
            return None
        saturated, posts, slow, dropped = None, 0.0, None, None
        with Ours(self._kafka, self._folder, "ours-crowd") as ours, appender(ours) as appending:
            idle = idle_cpu(ours, appending, RATE, self._options.seconds)
            quiet = run(ours, appending, CLIENTS, RATE, self._options.seconds, idle)
            if SLOW in wanted:
                slow, dropped = self._profiled(ours.worker.pid, partial(_one_not_reading, ours, appending, idle))
                self._say(CLIENTS, RATE, "ours", slow, SLOW)
            if SATURATED in wanted:
                saturated, posts = self._saturated(ours, appending, idle)
                self._say(CLIENTS, RATE, "ours", saturated, SATURATED)
        return Crowd(CLIENTS, RATE, quiet, saturated, posts, slow, dropped)

    def _saturated(self, ours: Ours, appending: Beside, idle: float) -> tuple[Run, float]:
        """The run while the worker replays a file as fast as it goes, half of it for another topic; its posts/s."""
        ours.add("busy", "motorway")
        ours.replace([_post(number) for number in range(POSTS)])
        time.sleep(FILLING)
        before, began = ours.posts(), time.monotonic()
        measured = partial(run, ours, appending, CLIENTS, RATE, self._options.seconds, idle)
        found = self._profiled(ours.worker.pid, measured)
        posts = (ours.posts() - before) / (time.monotonic() - began)
        ours.replace([])
        return found, posts

    def _say(self, clients: int, rate: int, name: str, found: Run, more: str = "") -> None:
        """Show what is done: all of it takes minutes."""
        print(row(clients, rate, name, found, more), file=sys.stderr, flush=True)


def _one_not_reading(ours: Ours, appending: Beside, idle: float) -> tuple[Run, Slow]:
    """The run with one more client, which stops reading, for as long as it takes until that one is back."""
    client: list[SlowClient] = []

    def meanwhile() -> None:
        client.append(SlowClient(ours))
        client[0].read_one()
        client[0].wait_dropped(PATIENCE)
        client[0].resume(AFTER)

    found = run(ours, appending, CLIENTS, RATE, PATIENCE + 60, idle, meanwhile)
    return found, client[0].finish(found.appended.last)


def _post(number: int) -> str:
    where = "motorway" if number % 2 else "village"
    return (
        f"Lorry broken down on the {where} near junction {number}, left lane closed, expect delays of {number % 50} min"
    )


if __name__ == "__main__":
    sys.exit(main())
