"""Apache Kafka for tests: what the other tests lean on when they kill, freeze and restart it."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from support.kafka import jars
from support.kafka.apache_kafka import ApacheKafka, process_environment
from support.kafka.jars import ApacheKafkaError

from tweetream.kafka.embedded import ask, free_ports, port_in_use

RUN = [sys.executable, "-m", "support.kafka.run_kafka"]


async def create(cluster: ApacheKafka, topic: str, copies: int = 1) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, copies)])
    finally:
        await admin.close()


async def write(cluster: ApacheKafka, topic: str, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=cluster.bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def read(cluster: ApacheKafka, topic: str, count: int) -> list[bytes | None]:
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=cluster.bootstrap, auto_offset_reset="earliest", group_id=f"{topic}-readers"
    ) as consumer:
        return [(await consumer.getone()).value for _ in range(count)]


@pytest.mark.kafka
async def test_a_killed_broker_comes_back_with_its_records_and_leaves_nothing(namespace: str) -> None:
    with ApacheKafka() as cluster:
        await create(cluster, namespace)
        await write(cluster, namespace, b"one", b"two")
        cluster.kill()
        assert cluster.dead() == [0] and not ask(cluster.ports[0]).brokers
        cluster.restart()
        assert await read(cluster, namespace, 2) == [b"one", b"two"]
        cluster.pause()
        assert not ask(cluster.ports[0], timeout=0.2).brokers
        cluster.resume()
        assert ask(cluster.ports[0], timeout=5).brokers == {0}
        pid, folder = cluster.pid(), cluster.folder
    assert not psutil.pid_exists(pid)
    assert not folder.exists()
    assert not port_in_use(cluster.ports[0])


@pytest.mark.soak
@pytest.mark.kafka
async def test_three_brokers_answer_while_one_is_dead(namespace: str) -> None:
    with ApacheKafka(3) as cluster:
        await create(cluster, namespace, copies=3)
        await write(cluster, namespace, b"before")
        cluster.kill(1)
        await write(cluster, namespace, b"after")
        assert await read(cluster, namespace, 2) == [b"before", b"after"]
        cluster.restart(1)
        assert not cluster.dead()


@pytest.mark.kafka
def test_a_setting_it_refuses_is_one_line() -> None:
    cluster = ApacheKafka(settings={"log.segment.bytes": "many"})
    with pytest.raises(ApacheKafkaError, match="log.segment.bytes") as caught:
        cluster.start()
    assert "\n" not in str(caught.value)
    assert not cluster.folder.exists()


@pytest.mark.kafka
def test_make_kafka_says_its_address_and_ends_on_ctrl_c() -> None:
    (port,) = free_ports(1)
    command, env = [*RUN, "--port", str(port)], process_environment()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as run:
        assert run.stdout and run.stdout.readline() == f"Apache Kafka: kafka://127.0.0.1:{port}\n"
        children = psutil.Process(run.pid).children()
        again = subprocess.run(command, capture_output=True, text=True, env=env)
        run.send_signal(2)
        run.wait(60)
    assert run.returncode == 0
    assert not any(child.is_running() for child in children) and not port_in_use(port)
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1 and str(port) in again.stderr


def test_names_what_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(jars, "LIBS", tmp_path)
    assert jars.missing() == "java and mvn are not installed"
    (tmp_path / "mvn").write_text("")
    os.chmod(tmp_path / "mvn", 0o755)
    assert jars.missing() == "java is not installed"


def test_a_failed_fetch_is_one_line_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text("#!/bin/sh\necho '[ERROR] no such host'\necho '[ERROR] more'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(maven.parent), prepend=os.pathsep)
    monkeypatch.setattr(jars, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(jars, "LIBS", tmp_path / "cache" / "libs")
    with pytest.raises(ApacheKafkaError, match=r"no such host$"):
        jars.fetch()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]
