"""What a Kafka topic had when it was deleted, by the files that its brokers still have.

A broker renames the folder of a deleted partition to `NAME-0.UUID-delete` when nothing can be written to it any more,
and removes it a minute later (`log.segment.delete.delay.ms`). A consumer cannot tell: posts come until the very end.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiokafka.record.memory_records import MemoryRecords


def deleted_log(folder: Path, kafka_topic: str, copies: int, timeout: float = 30.0) -> list[Any]:
    """The records of partition 0 in order, from all `copies` in the brokers' folder. AssertionError after timeout."""
    end = time.monotonic() + timeout
    while len(found := list(folder.glob(f"data-*/{kafka_topic}-0.*-delete"))) < copies:
        assert time.monotonic() < end, f"{len(found)} of {copies} brokers have put {kafka_topic} away"
        time.sleep(0.1)
    records = {record.offset: record for copy in found for log in copy.glob("*.log*") for record in _records(log)}
    return [records[offset] for offset in sorted(records)]


def _records(log: Path) -> Iterator[Any]:
    batches = MemoryRecords(log.read_bytes())
    while (batch := batches.next_batch()) is not None:
        yield from batch
