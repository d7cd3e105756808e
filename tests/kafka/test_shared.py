"""One Apache Kafka for all processes of a test run: begun once, ended with the last user, however that one ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.kafka.apache_kafka import process_environment
from support.kafka.shared import shared_kafka
from support.waiting import until

from tweetream.kafka.embedded import ask, port_in_use

pytestmark = pytest.mark.kafka
USER = """
import sys, time
from pathlib import Path
from support.kafka.shared import shared_kafka
with shared_kafka(Path(sys.argv[1])) as address:
    print(*address.ports, flush=True)
    time.sleep(600)
"""


def user(folder: Path) -> tuple["subprocess.Popen[str]", int]:
    """Another process that uses the broker, and the port it was given."""
    command = [sys.executable, "-c", USER, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=process_environment())
    assert process.stdout
    with process.stdout as said:
        return process, int(said.readline())


def test_processes_share_one_broker_that_ends_when_the_last_of_them_is_killed(tmp_path: Path) -> None:
    first, port = user(tmp_path)
    with shared_kafka(tmp_path) as address:
        assert address.ports == [port]
        first.send_signal(signal.SIGKILL)
        first.wait()
        second, same = user(tmp_path)
        assert same == port and ask(port, timeout=10).brokers
    assert ask(port, timeout=10).brokers
    second.send_signal(signal.SIGKILL)
    second.wait()
    until(lambda: not port_in_use(port), 15, "the broker ends with its last user")
