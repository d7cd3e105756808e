"""Formatted folders of brokers: Kafka's tool makes one for each set of users, kept in `.kafka`; brokers get copies.

The tool costs as much as a broker's start. Limits: one cluster id for all; brokers are told apart by `meta.properties`.
"""

import base64
import fcntl
import hashlib
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from support.kafka.jars import CACHE, LIBS, POM, ApacheKafkaError

CLUSTER = "TweetreamTestsAAAAAAAA"  # any 16 bytes in base 64
META = "meta.properties"


def formatted(folder: Path, node: int, users: Sequence[str]) -> None:
    """Make this folder one that Kafka's tool has formatted for this node."""
    shutil.copytree(_template(users), folder)
    id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
    own = {"cluster.id": CLUSTER, "directory.id": id, "node.id": str(node), "version": "1"}
    (folder / META).write_text("".join(f"{name}={value}\n" for name, value in own.items()))


def _template(users: Sequence[str]) -> Path:
    """The folder that is copied. Several processes may ask at once: one makes it, the others wait for it."""
    key = hashlib.sha256(b"\0".join([POM.read_bytes(), *(user.encode() for user in users)])).hexdigest()
    made = CACHE / f"formatted-{key[:16]}"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            with tempfile.TemporaryDirectory(prefix="formatting-", dir=CACHE) as name:
                _format(Path(name), users)
                (Path(name) / "data").rename(made)
    return made


def _format(folder: Path, users: Sequence[str]) -> None:
    """Run the tool for a node of which only the number of its quorum's members matters, not their addresses."""
    (folder / "server.properties").write_text(
        f"process.roles=broker,controller\nnode.id=0\nlog.dirs={folder / 'data'}\n"
        "controller.quorum.voters=0@127.0.0.1:1\ncontroller.listener.names=CONTROLLER\n"
        "listeners=PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1\n"
    )
    command = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{LIBS}/*", "kafka.tools.StorageTool", "format"]
    command += ["-t", CLUSTER, "-c", str(folder / "server.properties")]
    for user in users:
        command += ["--add-scram", user]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except OSError as error:
        raise ApacheKafkaError(f"Apache Kafka cannot be run: {error}") from error
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise ApacheKafkaError(f"Apache Kafka cannot format a folder: {(said or ['it says nothing'])[0]}")
