"""`tweetream demo`: an embedded broker, a worker and the page on this machine. It removes all its files at the end.

The worker is a process of its own, so that this process can clean up even if the worker crashes.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import webbrowser
from importlib.resources import files
from pathlib import Path
from types import FrameType
from urllib.parse import quote

from tweetream.cli.web_port import check_port
from tweetream.kafka.embedded import BrokerError, EmbeddedBroker, dies_with_parent, end_process, free_ports
from tweetream.settings import PREFIX, Settings, fail

SAMPLE = files("tweetream") / "data" / "sample.csv"
TOPICS = ("jakarta", "macet", "hujan", "london")
STOP = 5.0  # seconds for the worker to end


def run(options: argparse.Namespace) -> None:
    """Run until Ctrl-C or SIGTERM. Ends by SystemExit."""
    port: int = options.port
    if not 0 <= port <= 65535:
        fail(f"--port: {port} is not a port; a port is a number from 0 to 65535")
    check_port("127.0.0.1", port)
    settings = {
        "SOURCES": " ".join(options.source or (f"replay:{quote(str(SAMPLE))}?rate=20&loop=true",)),
        "TOPICS": ",".join(options.topic or TOPICS),
        "WEB_HOST": "127.0.0.1",
        "FAUST_APP_STORE": "memory://",  # a new demo has a new Kafka, so no state can go on
        "PARTITIONS": "2",
        "METRICS_PORT": "",
        "READ": "open",
        "REPLICATION": "1",
        "REBALANCE_TIMEOUT": "1s",
        "SESSION_TIMEOUT": "2s",  # the embedded broker lets a worker join after half of it
    }
    with tempfile.TemporaryDirectory(prefix="tweetream-") as folder:
        settings["DATA_DIR"] = str(Path(folder) / "worker")
        try:
            port = port or free_ports(1)[0]
            settings["WEB_PORT"] = str(port)
            with EmbeddedBroker(Path(folder)) as broker:
                settings["BROKER"] = broker.url
                status = _run_worker(settings, port, not options.no_browser)
        except BrokerError as error:
            fail(str(error))
    raise SystemExit(status)


def _run_worker(settings: dict[str, str], port: int, browser: bool) -> int:
    # Settings for the user's own Kafka are not for the demo's. An empty value hides the one in `.env`.
    environment = os.environ | {
        PREFIX + name.upper(): "" for name in Settings.model_fields if name.startswith("kafka_")
    }
    environment |= {PREFIX + name: value for name, value in settings.items()}
    command = [sys.executable, "-m", "tweetream", "worker", "-l", "warn"]
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    worker = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True, preexec_fn=dies_with_parent()
    )
    try:
        url = f"http://127.0.0.1:{port}"
        if _await_topics(worker, url, settings["TOPICS"].split(","), stopping):
            print(f"Tweetream: {url}", flush=True)
            if browser:
                webbrowser.open(url)
        while worker.poll() is None and not stopping.is_set():
            stopping.wait(0.2)
    finally:
        end_process(worker, STOP)
    return 0 if stopping.is_set() else worker.returncode


def _await_topics(worker: "subprocess.Popen[bytes]", url: str, names: list[str], stopping: threading.Event) -> bool:
    while worker.poll() is None and not stopping.is_set():
        try:
            with urllib.request.urlopen(f"{url}/topics", timeout=1) as answer:
                if set(names) <= {topic["name"] for topic in json.load(answer)}:
                    return True
        except OSError:
            pass
        time.sleep(0.05)
    return False
