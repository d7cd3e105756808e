"""How long nobody streams after the worker that did was killed, or ended.

    python bench/handover.py [--times 5] [--session 10s]

Three workers on Apache Kafka on this machine. Each time goes from the signal to the moment at which another worker read
its first post, as the post says. Exit status 1 when a client saw anything else than the feed has, each post once.
"""

import argparse
import asyncio
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.faults import chaos  # noqa: E402
from support.kafka.apache_kafka import ApacheKafka  # noqa: E402
from support.kafka.jars import (
    ApacheKafkaError,
    missing,  # noqa: E402
)
from support.waiting import until  # noqa: E402
from support.workers import Worker, workers  # noqa: E402

RATE = 500
SETTLE = 5.0  # seconds from one to the next
KINDS = (signal.SIGKILL, signal.SIGTERM)


def main() -> int:
    """Measure and print a line for each kind; 2 when it cannot run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=5, help="of each kind (default %(default)s)")
    parser.add_argument("--session", default="10s", help="the workers' session timeout (default %(default)s)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if reason := missing():
        return _refuse(f"Apache Kafka cannot run: {reason}")
    try:
        with tempfile.TemporaryDirectory(prefix="tweetream-handover-") as name:
            return _run(Path(name).resolve(), options.times, options.session)
    except (ApacheKafkaError, AssertionError) as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return _refuse("interrupted")


def _refuse(line: str) -> int:
    print(f"handover: {line}", file=sys.stderr)
    return 2


def _run(folder: Path, times: int, session: str) -> int:
    file = chaos.numbered_lines(folder / "numbers.txt", RATE * 1200)
    settings = {
        "SOURCES": f"replay:{file}?rate={RATE}",
        "TOPICS": chaos.TOPIC,
        "SESSION_TIMEOUT": session,
        "REBALANCE_TIMEOUT": session,
    }
    with ApacheKafka() as kafka, workers(3, kafka.url, "handover", folder, **settings) as group:
        client = chaos.Client(group)
        client.start()
        signals = [(kind, _end(group, kind)) for _ in range(times) for kind in KINDS]
        client.end()
        feed = until(lambda: group[0].topics(), 30, "topics")[chaos.TOPIC]["kafka_topic"]
        records = asyncio.run(chaos.read_feed(kafka.bootstrap, feed))
    print(f"session timeout {session}")
    for kind in KINDS:
        took = [chaos.moved_after(records, at) for signalled, at in signals if signalled is kind]
        print(f"{kind.name}: median {statistics.median(took):.1f} s, longest {max(took):.1f} s, of {times}")
    once = list(dict.fromkeys(record.number for record in records))
    same = client.seen == once[: len(client.seen)]
    doubled = len(client.seen) - len(set(client.seen))
    print(f"{len(client.seen):,} posts at the client, {doubled} doubled; {'all' if same else 'not'} as in the feed")
    return 0 if same else 1


def _end(group: list[Worker], kind: signal.Signals) -> float:
    """End the worker that streams and start it again once another does; when it was signalled (seconds since 1970)."""
    victim = until(lambda: chaos.streaming(group), 60, "somebody streams")
    time.sleep(SETTLE)
    at = time.time()
    victim.signal(kind)
    others = [worker for worker in group if worker is not victim]
    until(lambda: chaos.streaming(others), 60, "another streams")
    assert victim.process is not None
    victim.process.wait(15)
    victim.start().wait_ready()
    return at


if __name__ == "__main__":
    sys.exit(main())
