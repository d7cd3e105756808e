"""Runs the work of a program here on a Kafka of its own. What is missing or fails is one line, and the status 2."""

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from beside import open_files
from measure import Failed

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.kafka.apache_kafka import ApacheKafka  # noqa: E402
from support.kafka.jars import (
    ApacheKafkaError,
    missing,  # noqa: E402
)


def run(name: str, work: Callable[[ApacheKafka, Path], None]) -> int:
    """Call `work` with Kafka and an empty folder. The exit status of the program of this `name`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if reason := missing():
        return _refuse(name, f"Apache Kafka cannot run: {reason}")
    try:
        open_files()
        with tempfile.TemporaryDirectory(prefix="tweetream-bench-") as folder, ApacheKafka(quick=False) as kafka:
            work(kafka, Path(folder).resolve())
    except (ApacheKafkaError, Failed, AssertionError) as error:
        return _refuse(name, str(error))
    except KeyboardInterrupt:
        return _refuse(name, "interrupted")
    return 0


def _refuse(name: str, line: str) -> int:
    print(f"{name}: {line}", file=sys.stderr)
    return 2
