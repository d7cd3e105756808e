"""Workers and brokers that die and freeze at random while numbered posts flow: what was lost, and what came twice.

    python bench/faults.py --seed N [--brokers 1|3] [--seconds 180]

Three workers read numbered lines at 2,000 a second from Apache Kafka on this machine (Java 17 or newer, and Maven the
first time). At least twelve faults hit them: kill -9, SIGTERM, SIGSTOP for 20 s and SIGCONT, a third of them the
worker that streams. With three brokers (replication 3, min ISR 2) one of those is killed every 30 s besides. Then, with
a minute and a half of posts more, come those of `kafka_faults` and `topic_faults`: offsets and topics are deleted, a
broker moves, a clock is off. Exit status 1 when something is lost that no fault destroyed by itself, or comes twice to
a client that resumes.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.faults import chaos  # noqa: E402
from support.faults.fault_plan import BrokerDeaths, FaultRun, plan  # noqa: E402
from support.faults.kafka_faults import FAULTS  # noqa: E402
from support.faults.topic_faults import TOPIC_FAULTS  # noqa: E402
from support.kafka.apache_kafka import ApacheKafka  # noqa: E402
from support.kafka.jars import (
    ApacheKafkaError,
    missing,  # noqa: E402
)
from support.workers import workers  # noqa: E402

RATE = 2_000
WORKERS = 3
NAMESPACE = "faults"
MORE = 90.0  # seconds of posts for the faults after those
EVERY = 15.0  # seconds from fault to fault: twelve in three minutes


def main() -> int:
    """Run once and print the table; 1 when something is lost or doubled, 2 when it cannot run."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if reason := missing():
        return _refuse(f"Apache Kafka cannot run: {reason}")
    folder = Path(tempfile.mkdtemp(prefix="tweetream-faults-")).resolve()
    try:
        report = _run(folder, options)
    except (ApacheKafkaError, AssertionError) as error:
        return _refuse(f"seed {options.seed}: {error}; logs are in {folder}")
    except KeyboardInterrupt:
        return _refuse("interrupted")
    print(f"\n{report.table()}\n{'seed':<36}{options.seed:>36}\n")
    if found := report.faults_found():
        print("\n".join(found), f"logs are in {folder}", sep="\n")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--seconds", type=float, default=180.0, help="of posts (default %(default)s)")
    parser.add_argument("--session", default="10s", help="the workers' session timeout (default %(default)s)")
    return parser.parse_args()


def _refuse(line: str) -> int:
    print(f"faults: {line}", file=sys.stderr)
    return 2


def _run(folder: Path, options: argparse.Namespace) -> chaos.Report:
    rng = random.Random(options.seed)
    sent = int(RATE * (options.seconds + MORE))
    file = chaos.numbered_lines(folder / "numbers.txt", sent)
    settings = {
        "SOURCES": f"replay:{file}?rate={RATE}",
        "TOPICS": chaos.TOPIC,
        "REPLICATION": options.brokers,
        "SESSION_TIMEOUT": options.session,
        "REBALANCE_TIMEOUT": options.session,
    }
    faults = plan(rng, options.seconds, max(1, round(options.seconds / EVERY)))
    with (
        ApacheKafka(options.brokers) as kafka,
        workers(WORKERS, kafka.url_with_spare, NAMESPACE, folder, **settings) as group,
    ):
        client = chaos.Client(group, options.seed)
        client.start()
        deaths = BrokerDeaths(kafka, random.Random(options.seed)) if options.brokers > 1 else None
        if deaths:
            deaths.start()
        run = FaultRun(group, faults, rng)
        run.run()
        if deaths:
            deaths.end()
        done, destroyed = run.done + (deaths.done if deaths else []), chaos.Destroyed()
        for worker in group:
            worker.wait_ready()
        for fault in rng.sample(FAULTS, len(FAULTS)):
            done.append(fault(kafka, group, NAMESPACE))
            _print(client, done[-1])
        for delete in rng.sample(TOPIC_FAULTS, len(TOPIC_FAULTS)):
            done.append(delete(kafka, group, NAMESPACE, client, destroyed))
            _print(client, done[-1])
        return chaos.finish(kafka.bootstrap, group, client, sent, done, destroyed)


def _print(client: chaos.Client, done: str) -> None:
    """What was done, and the longest time without a post at the client until now."""
    print(f"           {done:<24}longest pause until now: {client.longest_pause:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
