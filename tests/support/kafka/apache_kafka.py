"""Apache Kafka itself for tests and `make kafka`: one broker or three, in a folder of its own, removed afterwards.

Needs Java 17 or newer, and Maven until the jars are there. The brokers are KRaft nodes that are controllers as well;
they die with the thread that started them. The folder's data is lost: this is no way to keep data.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from support.kafka.class_archive import archived
from support.kafka.jars import LIBS, ApacheKafkaError, fetch
from support.kafka.storage import formatted
from support.paths import ROOT, TESTS

from tweetream.kafka.embedded import HOST, ask, dies_with_parent, end_process, free_ports

LOGGING = Path(__file__).with_name("log4j2.properties")
START_TIMEOUT = 60.0  # seconds; one needs 4 on an idle machine
STOP_TIMEOUT = 20.0

QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")


def process_environment() -> dict[str, str]:
    """For a Python process that imports `support`, also from a checkout that is not installed."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, TESTS)))}


class KafkaAddress:
    """Where a cluster is, as clients and settings take it."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = list(ports)

    @property
    def bootstrap(self) -> str:
        return ",".join(f"{HOST}:{port}" for port in self.ports)

    @property
    def url(self) -> str:
        """As settings and Faust take it: several brokers are separated by semicolons."""
        return ";".join(f"kafka://{HOST}:{port}" for port in self.ports)


class ApacheKafka(KafkaAddress):
    """A cluster, from `start()` to `close()`, or for a `with` block. Brokers are numbered from 0.

    `settings` go into every server.properties and win over ours. `port` is that of the first broker, the others
    follow it; without it they get free ones. `quick=False` leaves the JVM to itself, as a benchmark needs it.
    `users` are added by SCRAM in each folder: MECHANISM=[name=…,password=…].
    """

    def __init__(
        self,
        brokers: int = 1,
        settings: Mapping[str, str | int] | None = None,
        port: int | None = None,
        quick: bool = True,
        users: Sequence[str] = (),
    ) -> None:
        self.count = brokers
        self.users = users
        self._flags = list(QUICK if quick else ())
        self.settings = dict(settings or {})
        self.folder = Path()
        *ports, self.spare = free_ports(2 * brokers + 1)  # `spare` is free, for a broker that moves
        super().__init__([port + i for i in range(brokers)] if port else ports[:brokers])
        self._controllers = ports[brokers:]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._preexec: Callable[[], None] | None = None

    def start(self) -> None:
        """Return when every broker answers and knows all of them. On failure nothing is left behind."""
        fetch()
        if self._flags == list(QUICK):
            self._flags += archived(_write_archive)
        self.folder = Path(tempfile.mkdtemp(prefix="tweetream-kafka-"))
        self._preexec = dies_with_parent()
        try:
            for i in range(self.count):
                (self.folder / f"{i}.properties").write_text(self._properties(i))
            self._format()
            for i in range(self.count):
                self._launch(i)
            for i in range(self.count):
                self._wait(i, set(range(self.count)))
        except BaseException:  # Ctrl-C too must leave no process and no folder
            self.close()
            raise

    def close(self) -> None:
        """End all at once and take the folder away. Nobody needs the data, so nobody waits for it to be written."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
        self._processes.clear()
        if self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pid(self, i: int = 0) -> int:
        return self._processes[i].pid

    def dead(self) -> list[int]:
        """The brokers that ended, by themselves or by us."""
        return [i for i in range(self.count) if i not in self._processes or self._processes[i].poll() is not None]

    def kill(self, i: int = 0) -> None:
        """SIGKILL: nothing is flushed and nobody is told."""
        process = self._processes.pop(i)
        process.kill()
        process.wait()

    def stop(self, i: int = 0, timeout: float = STOP_TIMEOUT) -> None:
        """SIGTERM, and wait: leaders move away first."""
        self.resume(i)  # or a paused one would not hear it
        end_process(self._processes.pop(i), timeout)

    def restart(self, *brokers: int) -> None:
        """Stop those that run; start them again with the same ports and data; return when they answer.

        Several together, since most of the three must be there before one answers. Without a number: the first.
        """
        for i in brokers or (0,):
            if i in self._processes:
                self.stop(i)
            self._launch(i)
        for i in brokers or (0,):
            self._wait(i, {i})

    @property
    def url_with_spare(self) -> str:
        """For workers whose cluster will move."""
        return f"{self.url};kafka://{HOST}:{self.spare}"

    def move(self, port: int, i: int = 0) -> None:
        """Stop it, and start it at another port with its data: the same cluster at another address."""
        if i in self._processes:
            self.stop(i)
        self.ports[i] = port
        (self.folder / f"{i}.properties").write_text(self._properties(i))
        self.restart(i)

    def pause(self, i: int = 0) -> None:
        """SIGSTOP: it is there and does not answer. Returns when all its threads have stopped."""
        self._processes[i].send_signal(signal.SIGSTOP)
        os.waitpid(self.pid(i), os.WUNTRACED)

    def resume(self, i: int = 0) -> None:
        self._processes[i].send_signal(signal.SIGCONT)

    def _properties(self, i: int) -> str:
        copies = min(self.count, 3)
        in_sync = 2 if copies == 3 else 1
        properties: dict[str, str | int] = {
            "process.roles": "broker,controller",
            "node.id": i,
            "controller.quorum.voters": ",".join(f"{n}@{HOST}:{p}" for n, p in enumerate(self._controllers)),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": f"PLAINTEXT://{HOST}:{self.ports[i]},CONTROLLER://{HOST}:{self._controllers[i]}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.ports[i]},CONTROLLER://{HOST}:{self._controllers[i]}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.folder / f"data-{i}"),
            "auto.create.topics.enable": "false",
            "delete.topic.enable": "true",
            "num.partitions": 1,
            "default.replication.factor": copies,
            "min.insync.replicas": in_sync,
            "offsets.topic.num.partitions": 8,  # 50 by default, each with its files
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.num.partitions": 8,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": in_sync,
            "share.coordinator.state.topic.num.partitions": 8,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": in_sync,
            # A broker that was killed cannot register again before its old session is over: 9 s by default.
            "broker.session.timeout.ms": 4000,
            "broker.heartbeat.interval.ms": 500,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            **self.settings,
        }
        return "".join(f"{name}={value}\n" for name, value in properties.items())

    def _java(self, i: int, *arguments: str) -> subprocess.Popen[bytes]:
        heap = "-Xmx512m" if self.count == 1 else "-Xmx384m"
        flags = [heap, *self._flags, f"-Dkafka.log={self.folder / f'{i}.log'}"]
        flags.append(f"-Dlog4j2.configurationFile={LOGGING}")
        with (self.folder / f"{i}.out").open("ab") as out:
            try:
                return subprocess.Popen(
                    ["java", *flags, "-cp", f"{LIBS.resolve()}/*", *arguments],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for the one who started it
                    preexec_fn=self._preexec,
                )
            except OSError as error:
                raise ApacheKafkaError(f"Apache Kafka cannot be run: {error}") from error

    def _format(self) -> None:
        for i in range(self.count):
            formatted(self.folder / f"data-{i}", i, self.users)

    def _launch(self, i: int) -> None:
        self._processes[i] = self._java(i, "kafka.Kafka", f"{i}.properties")

    def _wait(self, i: int, wanted: set[int]) -> None:
        """Until broker i answers and knows those wanted."""
        deadline = time.monotonic() + START_TIMEOUT
        while not wanted <= ask(self.ports[i]).brokers:
            if self._processes[i].poll() is not None:
                raise ApacheKafkaError(f"Apache Kafka {i} ended: {self._last_line(i)}")
            if time.monotonic() > deadline:
                raise ApacheKafkaError(f"Apache Kafka {i} does not answer: {self._last_line(i)}")
            time.sleep(0.05)

    def _last_line(self, i: int) -> str:
        text = "".join(
            path.read_text(errors="replace")
            for path in (self.folder / f"{i}.out", self.folder / f"{i}.log")
            if path.exists()
        )
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("\tat ", "    at "))]
        telling = [line for line in lines if "Exception" in line or " ERROR " in line or " FATAL " in line]
        return (telling or lines or ["it says nothing"])[-1].strip()


def _write_archive(archive: Path) -> None:
    """Java writes it when the broker has ended."""
    broker = ApacheKafka()
    broker._flags.append(f"-XX:ArchiveClassesAtExit={archive}")
    with broker:
        broker.stop(timeout=START_TIMEOUT)
