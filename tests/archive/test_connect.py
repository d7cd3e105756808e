"""The configuration of Kafka Connect in docs/archive.md, in a real worker of Connect: its sink gets every post."""

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kafka.apache_kafka import QUICK, KafkaAddress
from support.kafka.deployment import Deployment
from support.kafka.jars import CONNECT, CONNECT_POM, fetch
from support.paths import ROOT
from support.waiting import until_async

from tweetream.kafka.embedded import dies_with_parent, free_ports

DOCUMENT = (ROOT / "docs" / "archive.md").read_text()
WORKER, SINK = re.findall(r"```properties\n(.*?)```", DOCUMENT, re.DOTALL)
MAIN = "org.apache.kafka.connect.cli.ConnectStandalone"


@contextlib.contextmanager
def connect(folder: Path, kafka: KafkaAddress, namespace: str) -> Iterator[Path]:
    """A standalone worker with the files of the document, but with the places of this test; the file that it writes."""
    fetch(CONNECT, CONNECT_POM)
    out = folder / "posts.jsonl"
    (jar,) = CONNECT.glob("connect-file-*.jar")
    (port,) = free_ports(1)
    places = {
        "kafka:9092": kafka.bootstrap,
        "127.0.0.1:8083": f"127.0.0.1:{port}",
        "/var/lib/connect/offsets": f"{folder}/offsets",
        "/opt/kafka/libs/connect-file-4.3.1.jar": str(jar),
        "/srv/posts.jsonl": str(out),
        "tweetream-feed": f"{namespace}-feed",
    }
    for name, text in (("worker", WORKER), ("sink", SINK)):
        for place, here in places.items():
            text = text.replace(place, here)
        (folder / f"{name}.properties").write_text(text)
    for place in places:
        assert place in WORKER + SINK, f"the document has no {place}"
    logging = ROOT / "tests" / "support" / "kafka" / "log4j2.properties"
    flags = ["-Xmx256m", *QUICK, f"-Dlog4j2.configurationFile={logging}", f"-Dkafka.log={folder}/connect.log"]
    command = ["java", *flags, "-cp", f"{CONNECT}/*", MAIN, "worker.properties", "sink.properties"]
    with (folder / "out").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, preexec_fn=dies_with_parent())
    try:
        yield out
        assert process.poll() is None, (folder / "out").read_text()[-2000:]
    finally:
        process.kill()
        process.wait()


def ids(file: Path) -> list[str]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line)["id"] for line in lines]


@pytest.mark.soak
async def test_the_file_sink_of_the_document_writes_every_post_also_of_a_topic_that_is_added_later(
    apache_kafka: KafkaAddress, namespace: str, tmp_path: Path
) -> None:
    deployment = await Deployment(apache_kafka, namespace).start()
    try:
        await deployment.write_numbers(await deployment.add("macet"), range(300))
        with connect(tmp_path, apache_kafka, namespace) as file:
            await until_async(lambda: len(ids(file)) == 300, 60, "the posts in the sink", 0.5)
            later = await deployment.add("hujan")
            await deployment.write_numbers(later, range(300, 350), "hujan")
            await until_async(lambda: len(ids(file)) == 350, 60, "posts of a new topic", 0.5)
        assert ids(file) == [f"replay:posts.txt:{n}" for n in range(350)]
        post = json.loads(file.read_text().splitlines()[-1])
        assert (post["topic"], post["label"]) == ("hujan", "non_traffic")
    finally:
        await deployment.stop()
