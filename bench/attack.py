"""What streams notice of an attack: 100 clients x 20 events/s without and with all attackers at once, in one table.

    python bench/attack.py --seconds 300
    python bench/attack.py --seconds 20 --only classify --only churn    # one after the other

Apache Kafka runs on this machine for as long as it takes (Java 17 or newer, and Maven the first time). The attackers
(`attackers.py`) are another process on the same cores, with the lowest priority, since true ones have machines of their
own: it is the worker's own work for them that is measured. What they cost through the shared cores and Kafka alone is
measured too: the table has the latency of a bare consumer of the same feed, and a run in which the attackers have a
decoy for a target. Needs Linux.
"""

import argparse
import contextlib
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import attackers
import httpx
import on_kafka
import psutil
import sse_appender
import witness
from beside import Beside
from sse_appender import Target
from sse_runs import Ours, Run, appender, memory, run
from witness import Seen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.kafka.apache_kafka import ApacheKafka  # noqa: E402

CLIENTS, RATE = 100, 20
PAST, PAST_RATE, PAST_SECONDS = "past", 10_000, 3  # a feed to search, without clients
POSTS_RATE = 4  # hostile posts a second
QUIET = 30.0  # seconds of the run without attackers, at most
CALM = 75.0  # seconds after the attack, until memory and files are looked at: feeds are followed for 60 s more
WORSE = 2.0  # goal: p99 with attackers, times that without


class State(NamedTuple):
    """What the worker holds: MiB, open files, connections; and the posts that it has lost."""

    memory: float
    files: int
    dead_letters: float
    uncounted: float  # posts read that were neither matched nor dropped


def main() -> int:
    """Run it and print the table; 2 when something is missing or a run fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="of the attack (default %(default)s)")
    parser.add_argument(
        "--only", action="append", choices=attackers.KINDS, help="this kind alone; repeatable: one after the other"
    )
    parser.add_argument("--profile", metavar="FILE", help="sample the worker under attack with py-spy")
    options = parser.parse_args()
    return on_kafka.run("attack", lambda kafka, folder: _attack(kafka, folder, options))


class Row(NamedTuple):
    """A run: what clients of the worker noticed, what a bare consumer did, and the worker's MiB at its end."""

    run: Run
    bare: Seen
    memory: float


def _attack(kafka: ApacheKafka, folder: Path, options: argparse.Namespace) -> None:
    outcomes: Counter[str] = Counter()
    with (
        Ours(kafka, folder, "attack", rate=POSTS_RATE) as ours,
        appender(ours) as appending,
        Beside(witness.serve, kafka.bootstrap, ours.target.place) as bare,
    ):
        bare.answer(30)

        def measured(seconds: float) -> Row:
            bare.ask("begin")
            found = run(ours, appending, CLIENTS, RATE, seconds)
            return Row(found, bare.ask("end"), memory(ours.pids()) / 2**20)

        _fill(ours, kafka)
        rows = {"without attackers": measured(min(options.seconds, QUIET))}
        with Beside(witness.serve_decoy) as decoy, Beside(attackers.serve, decoy.answer(30), PAST) as attacking:
            attacking.tell(*attackers.KINDS)
            rows["with all of them elsewhere"] = measured(min(options.seconds, QUIET))
            attacking.tell("stop")
            attacking.answer(60)
        # The first call loads the model, which then stays.
        httpx.post(f"{ours.worker.url}/classify", json={"texts": ["macet"]}, timeout=30).raise_for_status()
        before = _state(ours)
        with Beside(attackers.serve, ours.port, PAST) as attacking, _sampled(ours.worker.pid, options.profile):
            for kind in options.only or ("all of them",):
                kinds = (kind,) if options.only else attackers.KINDS
                ours.replace(attackers.hostile_posts(PAST) if "posts" in kinds else [])
                attacking.tell(*kinds)
                rows[f"with {kind}"] = measured(options.seconds)
                attacking.tell("stop")
                outcomes += attacking.answer(60)
        ours.replace([])
        time.sleep(CALM)
        _print(rows, before, _state(ours), outcomes)


@contextlib.contextmanager
def _sampled(pid: int, file: str | None) -> Iterator[None]:
    """Within the block py-spy samples the process into the file, if one is given."""
    if file is None:
        yield
        return
    sampling = subprocess.Popen(
        ["py-spy", "record", "--format", "raw", "--gil", "--threads", "--output", file, "--pid", str(pid)],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        sampling.send_signal(signal.SIGINT)
        sampling.wait(60)


def _fill(ours: Ours, kafka: ApacheKafka) -> None:
    """Make a feed with a past that is not in memory."""
    feed = ours.add(PAST, PAST)
    with Beside(sse_appender.serve, Target("kafka", kafka.bootstrap, feed)) as filling:
        filling.answer(30)
        filling.ask("run", PAST_RATE, PAST_SECONDS, timeout=60)


def _state(ours: Ours) -> State:
    worker = ours.worker
    read = worker.metric("tweetream_posts_read_total")
    handled = worker.metric("tweetream_posts_matched_total") + worker.metric("tweetream_posts_dropped_total")
    return State(
        memory(ours.pids()) / 2**20,
        psutil.Process(worker.pid).num_fds(),
        worker.metric("tweetream_dead_letters_total"),
        read - handled,
    )


def _print(rows: dict[str, Row], before: State, after: State, outcomes: Counter[str]) -> None:
    quiet = next(iter(rows.values())).run.collected
    heads = ("p50 ms", "p99 ms", "times", "short", "bare p50", "bare p99", "MiB")
    print(f"{f'{CLIENTS} clients x {RATE} events/s':<28}{''.join(f'{head:>9}' for head in heads)}")
    for name, (found, bare, size) in rows.items():
        times = found.collected.p99 / max(quiet.p99, 1e-9)
        clients = f"{found.collected.p50:>9.1f}{found.collected.p99:>9.1f}{times:>9.1f}{found.collected.short:>9}"
        print(f"{name:<28}{clients}{bare.p50:>9.1f}{bare.p99:>9.1f}{size:>9.0f}")
    print(f"\n{'worker':<28}{'MiB':>9}{'files':>9}{'dead letters':>15}{'posts lost':>12}")
    for name, state in (("before", before), (f"{CALM:.0f} s after", after)):
        print(f"{name:<28}{state.memory:>9.0f}{state.files:>9}{state.dead_letters:>15.0f}{state.uncounted:>12.0f}")
    print(f"\np99 with attackers is wanted to be {WORSE:g} times that without, at most")
    print("what the attackers got: " + ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items())))


if __name__ == "__main__":
    sys.exit(main())
