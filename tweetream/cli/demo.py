"""`tweetream demo`: an embedded broker, a worker and the page on this machine. It removes all its files at the end.

The worker is a process of its own, so that this process can clean up even if the worker crashes.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import IO
from urllib.parse import quote

from tweetream.cli.web_port import check_port
from tweetream.kafka.embedded import BrokerError, EmbeddedBroker, dies_with_parent, end_process, free_ports
from tweetream.models.messages import PREFIX, fail, say
from tweetream.models.signals import end_signals
from tweetream.preflight import check_archive
from tweetream.settings import Settings, in_url, load

SAMPLE = files("tweetream") / "data" / "sample.csv"
TOPICS = ("jakarta", "macet", "hujan", "london")
STOP = 5.0  # seconds for the worker to end


def run(options: argparse.Namespace) -> None:
    """Run until Ctrl-C, SIGTERM or the end of the terminal. Ends by SystemExit."""
    port: int = options.port
    if not 0 <= port <= 65535:
        fail(f"--port: {port} is not a port; a port is a number from 0 to 65535")
    # Settings for the user's own Kafka are not for the demo's. An empty value hides the one in `.env`.
    given = {name.upper(): "" for name in Settings.model_fields if name.startswith("kafka_")} | {
        "SOURCES": " ".join(options.source or (f"replay:{quote(str(SAMPLE))}?rate=20&loop=true",)),
        "TOPICS": ",".join(options.topic or TOPICS),
        "FAUST_APP_STORE": "memory://",  # a new demo has a new Kafka, so no state can go on
        "PARTITIONS": "2",
        "LOG_FORMAT": "text",  # the worker's last line says why it ended
        "METRICS_PORT": "",
        "READ": "open",
        "REPLICATION": "1",
        "REBALANCE_TIMEOUT": "1s",
        "SESSION_TIMEOUT": "2s",  # the embedded broker lets a worker join after half of it
        "BROKER": "",
        "WEB_PORT": "",
        "ARCHIVE": _archive(options.archive),
    }
    os.environ.update({PREFIX + name: value for name, value in given.items()})
    host = load().web_host
    check_port(host, port, "another by --port N (make demo DEMO='--port N')")
    stopping = _stop_by_signal()
    with tempfile.TemporaryDirectory(prefix="tweetream-") as folder:
        try:
            port = port or free_ports(1)[0]
            with EmbeddedBroker(Path(folder)) as broker:
                own = {"DATA_DIR": str(Path(folder) / "worker"), "WEB_PORT": str(port), "BROKER": broker.url}
                os.environ.update({PREFIX + name: value for name, value in own.items()})
                status = _run_worker(host, port, given["TOPICS"].split(","), not options.no_browser, stopping)
        except BrokerError as error:
            fail(str(error))
    raise SystemExit(status)


def _stop_by_signal() -> threading.Event:
    """An event that a signal sets, from before there is anything to clean up."""
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in end_signals():
        signal.signal(number, stop)
    return stopping


def _run_worker(host: str, port: int, topics: Sequence[str], browser: bool, stopping: threading.Event) -> int:
    worker = subprocess.Popen(
        [sys.executable, "-m", "tweetream", "worker", "-l", "warn"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=dies_with_parent(),
    )
    last_line = LastLine(worker)
    archiver: subprocess.Popen[bytes] | None = None
    try:
        # Each of these names is all addresses, and a browser needs one of them.
        url = f"http://{in_url({'0.0.0.0': '127.0.0.1', '::': '127.0.0.1'}.get(host, host))}:{port}"
        if _await_topics(worker, url, topics, stopping):
            archiver = _start_archiver()
            print(f"Tweetream: {url}", flush=True)
            if host in ("0.0.0.0", "::") and (own := own_address(host)):
                print(f"From a phone or another machine in this network: http://{in_url(own)}:{port}", flush=True)
            if browser:
                webbrowser.open(url)
        while worker.poll() is None and not stopping.is_set():
            stopping.wait(0.2)
    finally:
        if archiver is not None:
            end_process(archiver, STOP)  # it writes what it has read
        end_process(worker, STOP)
        reason = last_line.end()
    if stopping.is_set():
        return 0
    say(f"the worker ended {_how(worker.returncode)}: {reason or 'it did not say why'}")
    return worker.returncode if worker.returncode > 0 else 2


def _archive(given: str | None) -> str:
    """The address of the archive; a name without a scheme is a file of SQLite. Empty without an archive."""
    if not given:
        return ""
    url = given if ":" in given else f"sqlite:///{quote(str(Path(given).absolute()))}"
    check_archive(url)
    return url


def _start_archiver() -> "subprocess.Popen[bytes] | None":
    """The archiver, if there is to be an archive. What it says goes to this terminal."""
    if not os.environ[f"{PREFIX}ARCHIVE"]:
        return None
    command = [sys.executable, "-m", "tweetream", "archive"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True, preexec_fn=dies_with_parent())


def _how(status: int) -> str:
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal has no name
        return f"by signal {-status}"


class LastLine:
    """Passes on what the worker says on standard error, but keeps back its own last line, which says why it ended."""

    def __init__(self, worker: "subprocess.Popen[bytes]") -> None:
        self._kept = ""
        self._thread = threading.Thread(target=self._read, args=(worker.stderr,), daemon=True)
        self._thread.start()

    def end(self) -> str:
        """The reason that the worker gave, if any; the worker has ended."""
        self._thread.join(STOP)
        return self._kept.removeprefix("tweetream: ").strip()

    def _read(self, lines: IO[bytes]) -> None:
        with lines:
            for line in lines:
                self._pass_on()
                text = line.decode(errors="replace")
                self._kept = text if text.startswith("tweetream: ") else ""
                if not self._kept:
                    sys.stderr.write(text)
                    sys.stderr.flush()

    def _pass_on(self) -> None:
        sys.stderr.write(self._kept)
        sys.stderr.flush()
        self._kept = ""


def own_address(host: str) -> str:
    """The address of this machine that others in its network reach; empty if it is in none. Nothing is sent."""
    ways = [(socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")]  # for examples: no machine has these
    for family, other in ways if host == "::" else ways[:1]:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((other, 9))
            found: str = probe.getsockname()[0]
            return found
    return ""


def _await_topics(worker: "subprocess.Popen[bytes]", url: str, names: Sequence[str], stopping: threading.Event) -> bool:
    while worker.poll() is None and not stopping.is_set():
        try:
            with urllib.request.urlopen(f"{url}/topics", timeout=1) as answer:
                if set(names) <= {topic["name"] for topic in json.load(answer)}:
                    return True
        except OSError:
            pass
        time.sleep(0.05)
    return False
