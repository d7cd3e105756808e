"""A broker whose machine says nothing is given up in time; the one after it is asked. On Apache Kafka."""

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from support.kafka.apache_kafka import KafkaAddress

from tweetream.kafka import connecting
from tweetream.kafka.rebootstrap import rebootstrapping


@pytest.fixture
def silent() -> Iterator[int]:
    """A port at which the kernel answers no SYN, like a machine without power: its queue of connections is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]
        for one in waiting:
            one.close()


async def test_a_machine_that_says_nothing_is_given_up(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "CONNECT", 0.2)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await connecting.connect("127.0.0.1", silent, request_timeout_ms=60_000)
    assert time.monotonic() - began < 10


async def test_a_slow_name_server_does_not_count(any_broker: KafkaAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "CONNECT", 0.5)
    port = int(any_broker.bootstrap.rpartition(":")[2])
    loop = asyncio.get_running_loop()
    resolve = loop.getaddrinfo

    async def slowly(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(1)
        return await resolve(*args, **kwargs)

    monkeypatch.setattr(loop, "getaddrinfo", slowly)
    connection = await connecting.connect("localhost", port, request_timeout_ms=60_000)
    connection.close()


async def test_the_next_bootstrap_server_is_asked(
    silent: int, any_broker: KafkaAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "CONNECT", 0.2)
    monkeypatch.setattr("aiokafka.conn.random.shuffle", lambda hosts: None)  # the silent one comes first
    servers = [f"127.0.0.1:{silent}", any_broker.bootstrap]
    producer = rebootstrapping(AIOKafkaProducer(bootstrap_servers=servers, request_timeout_ms=60_000))
    began = time.monotonic()
    await producer.start()
    await producer.stop()
    assert time.monotonic() - began < 10


async def test_once_connected_the_time_of_a_request_counts(
    any_broker: KafkaAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "CONNECT", 3.0)
    host, _, port = any_broker.bootstrap.partition(":")
    connection = await connecting.connect(host, int(port), request_timeout_ms=60_000)
    assert connection._request_timeout == 60
    connected = connection._writer.get_extra_info("socket")
    options = {name: value for name, value in connecting.OPTIONS.items() if hasattr(socket, name)}
    set_to = {name: connected.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in options}
    assert set_to == options
    connection.close()
