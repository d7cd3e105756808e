"""An archiver as a process that tests kill, and an independent reader of the feeds that it archives."""

import os
import subprocess
import sys
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from support.kafka.deployment import Deployment

from tweetream.kafka.embedded import dies_with_parent


def start(deployment: Deployment, url: str, folder: Path) -> "subprocess.Popen[bytes]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}
    own = {"TWEETREAM_BROKER": f"kafka://{deployment.broker.bootstrap}", "TWEETREAM_NAMESPACE": deployment.namespace}
    command = [sys.executable, "-m", "tweetream", "archive", "--to", url]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command, env=clean | own, cwd=folder, stdout=log, stderr=log, preexec_fn=dies_with_parent()
        )


async def ids_in(deployment: Deployment, kafka_topic: str) -> set[bytes]:
    """What an independent reader finds in a feed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=deployment.broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    tp, found = TopicPartition(kafka_topic, 0), set()
    consumer.assign([tp])
    while records := (await consumer.getmany(tp, timeout_ms=1500)).get(tp, []):
        found |= {record.value.split(b'"')[3] for record in records}
    await consumer.stop()
    return found
