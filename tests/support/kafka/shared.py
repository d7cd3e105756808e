"""One broker for all processes of a test run.

The first process that asks for a broker starts a guard: a process that owns the broker. Every user keeps a connection
to the guard, and the guard ends with its last user. So a user that is killed is counted out too, and no broker
outlives the run. Run as a program, this module is the guard.
"""

import fcntl
import json
import os
import select
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from support.kafka.apache_kafka import ApacheKafka, KafkaAddress, process_environment
from support.kafka.jars import ApacheKafkaError
from support.kafka.secure_kafka import SecureKafka, secure_kafka

from tweetream.kafka.embedded import HOST

FIRST_USER_TIMEOUT = 30.0  # seconds from the guard's first word to its first user


@contextmanager
def shared_kafka(folder: Path) -> Iterator[KafkaAddress]:
    """The plain broker of all processes that name this folder."""
    with _shared("plain", folder) as ports:
        yield KafkaAddress(ports)


@contextmanager
def shared_creating_kafka(folder: Path) -> Iterator[KafkaAddress]:
    """The plain broker that creates each topic it is asked for, as brokers do by default."""
    with _shared("creating", folder) as ports:
        yield KafkaAddress(ports)


@contextmanager
def shared_secure_kafka(folder: Path) -> Iterator[SecureKafka]:
    """The broker that asks for a password or a certificate."""
    with _shared("secure", folder) as fields:
        yield SecureKafka.from_fields(fields)


@contextmanager
def _shared(kind: str, folder: Path) -> Iterator[Any]:
    """What the guard says of its broker, for as long as the block takes."""
    with (folder / f"kafka-{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = folder / f"kafka-{kind}.json"
        connection = _connect(known)
        if connection is None:
            known.write_text(_start_guard(kind))
            connection = _connect(known)
    if connection is None:
        raise ApacheKafkaError("the shared Apache Kafka ended at once")
    with connection:
        yield json.loads(known.read_text())["broker"]


def _connect(known: Path) -> socket.socket | None:
    """A connection to the guard that the file names; None when there is no file or no guard any more."""
    try:
        connection = socket.create_connection((HOST, json.loads(known.read_text())["guard"]), 10)
    except OSError:
        return None
    try:
        if connection.recv(1):
            return connection
    except OSError:  # the guard is ending
        pass
    connection.close()
    return None


def _start_guard(kind: str) -> str:
    """Start it; its first line, which comes when the broker answers. It stays when we end."""
    reader, writer = os.pipe()
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "support.kafka.shared", kind],
        process_environment(),
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)],
        setsid=True,  # Ctrl-C is for pytest
    )
    os.close(writer)
    with open(reader) as said:
        line = said.readline()
    if not line.startswith("{"):
        raise ApacheKafkaError(line.strip() or "the shared Apache Kafka ended without a word")
    return line


def guard(kind: str) -> None:
    """Own a broker until its last user has gone."""
    with socket.create_server((HOST, 0)) as listener, _BROKERS[kind]() as broker:
        print(json.dumps({"guard": listener.getsockname()[1], "broker": broker}, default=str), flush=True)
        listener.settimeout(FIRST_USER_TIMEOUT)
        users = {_welcome(listener)}
        while users:
            for ready in select.select([listener, *users], [], [])[0]:
                if ready is listener:
                    users.add(_welcome(listener))
                elif not _is_there(ready):
                    users.remove(ready)
                    ready.close()


def _welcome(listener: socket.socket) -> socket.socket:
    user, _ = listener.accept()
    user.sendall(b".")
    return user


def _is_there(user: socket.socket) -> bool:
    try:
        return bool(user.recv(1))
    except ConnectionError:
        return False


@contextmanager
def _plain(creating: str = "false") -> Iterator[list[int]]:
    with ApacheKafka(settings={"auto.create.topics.enable": creating}) as kafka:
        yield kafka.ports


@contextmanager
def _secure() -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="tweetream-secure-") as name, secure_kafka(Path(name)) as kafka:
        yield asdict(kafka)


_BROKERS: dict[str, Callable[[], Any]] = {"plain": _plain, "creating": partial(_plain, "true"), "secure": _secure}


if __name__ == "__main__":
    try:
        guard(sys.argv[1])
    except (ApacheKafkaError, TimeoutError) as error:
        print(error, flush=True)
