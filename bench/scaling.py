"""What more workers cost: posts/s and CPU a post with 1, 2 and 4 workers over the same posts, in one table.

    python bench/scaling.py FILE…

FILE is text, a post a line. Apache Kafka runs on this machine, on the same cores as the workers, so that the posts a
second say little where cores are few; CPU a post, all workers together, is what shows whether work is shared without
being made more. Each group runs twice: at a pace that all of them sustain, and as fast as it can. What the workers do
when nothing comes is measured beside it, and what is left without it.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import measure
from corpus import BadCorpus, Corpus, make, read
from fed import Fed
from measure import Failed, Measured

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.kafka.apache_kafka import ApacheKafka  # noqa: E402
from support.kafka.jars import (
    ApacheKafkaError,
    missing,  # noqa: E402
)

GROUPS = (1, 2, 4)
DEARER = 1.10  # goal: CPU a post of any group, times that of one worker
IDLE = 5.0  # seconds of watching workers that have nothing to do


class Row(NamedTuple):
    """A group of workers at a pace (0: none)."""

    workers: int
    pace: int
    run: Measured
    idle: float  # cores, all workers together

    @property
    def busy_each(self) -> float:
        """Microseconds of CPU a post, without what idle workers take in the same time."""
        return self.run.cpu_each - self.idle * self.run.seconds / self.run.posts * 1e6


def main() -> int:
    """Run all groups and print the table; 2 when something is missing or a run fails."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if reason := missing():
            raise Failed(f"Apache Kafka cannot run: {reason}")
        corpus = make(read(options.files), options.posts)
        print(f"{options.posts} posts; {corpus.shares()}", flush=True)
        rows = [_measure(corpus, count, pace, options) for pace in (options.rate, 0) for count in options.workers]
    except (BadCorpus, ApacheKafkaError, Failed, AssertionError) as error:
        print(f"scaling: {error}", file=sys.stderr)
        return 2
    print(_table(rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="posts, one a line")
    parser.add_argument("--posts", type=int, default=100_000, help="of each run (default %(default)s)")
    parser.add_argument("--rate", type=int, default=8_000, help="posts/s of the paced runs (default %(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=GROUPS, metavar="N", help="default: 1 2 4")
    parser.add_argument("--partitions", type=int, default=8, help="of each topic (default %(default)s)")
    return parser.parse_args()


def _measure(corpus: Corpus, count: int, pace: int, options: argparse.Namespace) -> Row:
    """A group on a broker of its own, so that none inherits what another has left there."""
    with (
        tempfile.TemporaryDirectory(prefix="tweetream-bench-") as name,
        ApacheKafka(quick=False) as kafka,
        Fed(corpus, kafka, Path(name).resolve(), count, options.partitions, pace) as fed,
    ):
        fed.warm()
        measure.wait_calm(fed.pids)
        before = measure.cpu(fed.pids)
        time.sleep(IDLE)
        idle = (measure.cpu(fed.pids) - before) / IDLE
        seconds, cpu = fed.run(corpus.lines, sum(corpus.matches))
    row = Row(count, pace, Measured(options.posts, seconds, cpu), idle)
    print(_line(row, row.run.cpu_each), flush=True)
    return row


def _line(row: Row, one: float) -> str:
    pace = f"{row.pace:,}" if row.pace else "none"
    ratio = row.run.cpu_each / one
    return (
        f"{row.workers:>7}{pace:>9}{row.run.posts:>10,}{row.run.seconds:>9.2f}{row.run.rate:>10,.0f}"
        f"{row.run.cpu_each:>10.1f}{100 * row.idle:>8.1f} %{row.busy_each:>10.1f}{ratio:>9.2f}"
    )


def _table(rows: list[Row]) -> str:
    lines = [
        "",
        f"{'':>45}{'CPU µs':>10}{'idle, %':>10}{'CPU µs,':>10}{'times':>9}",
        f"{'workers':>7}{'pace':>9}{'posts':>10}{'seconds':>9}{'posts/s':>10}"
        f"{'a post':>10}{'of a core':>10}{'less idle':>10}{'one':>9}",
    ]
    first = {row.pace: row.run.cpu_each for row in reversed(rows)}
    for row in rows:
        missed = row.run.cpu_each > DEARER * first[row.pace]
        lines.append(_line(row, first[row.pace]) + (f"  missed (<= {DEARER:.2f})" if missed else ""))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
