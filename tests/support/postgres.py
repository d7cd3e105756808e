"""A server of PostgreSQL for tests, in a folder of its own, without a password and on a socket alone."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.waiting import until

from tweetream.kafka.embedded import dies_with_parent

# A test's data may be lost with the machine.
OPTIONS = ("-c", "listen_addresses=", "-c", "fsync=off")


def program(name: str) -> str | None:
    """Debian keeps the server's programs apart from the path, a folder for each version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


def missing() -> str | None:
    return None if program("postgres") and program("initdb") else "postgresql is not installed"


class PostgresServer:
    """The server; `restart` begins it again where a kill ended it."""

    def __init__(self, folder: Path, options: Sequence[str] = OPTIONS) -> None:
        self._data, self._folder, self._options = folder / "data", folder, options
        self._user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if self._user:
            shutil.chown(folder, self._user)
        command = [
            str(program("initdb")),
            "-D",
            str(self._data),
            "-U",
            "tests",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run([*command, "--locale=C.UTF-8"], check=True, capture_output=True, user=self._user, cwd=folder)

    def url(self, database: str) -> str:
        return f"postgresql://tests@/{database}?host={self._folder}"

    def start(self) -> None:
        command = [str(program("postgres")), "-D", str(self._data), "-k", str(self._folder), *self._options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, user=self._user, cwd=self._folder, preexec_fn=dies_with_parent()
            )
        until(self._answers, 60, "the server answers")

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            self.start()  # processes of a server that was killed held its memory
        return self.sql("postgres", "SELECT 1") == "1"

    def sql(self, database: str, statement: str) -> str:
        """What psql answers; empty if it fails."""
        command = [str(program("psql")), "-h", str(self._folder), "-U", "tests", "-Atqc", statement, database]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def kill(self) -> None:
        """As a power failure would end it, with all its processes."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # ends without waiting for clients
            self._process.wait(30)


@contextmanager
def running(folder: Path, options: Sequence[str] = OPTIONS) -> Iterator[PostgresServer]:
    server = PostgresServer(folder, options)
    try:
        server.start()
        yield server
    finally:
        server.stop()
