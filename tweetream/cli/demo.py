"""`tweetream demo`: an embedded broker, a worker and the page on this machine, gone without a trace at the end.

The worker is a process of its own, so that this one stays to clean up after it whatever happens.
"""

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
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from types import FrameType
from urllib.parse import quote

from tweetream.kafka.embedded import BrokerError, EmbeddedBroker, dies_with_parent, end_process, free_ports
from tweetream.settings import PREFIX, Settings, fail

SAMPLE = files("tweetream") / "data" / "sample.csv"
TOPICS = ("jakarta", "macet", "hujan", "london")
STOP = 5.0  # seconds that the worker has to end


def run(sources: Sequence[str] | None, topics: Sequence[str] | None, port: int, browser: bool) -> None:
    """Run until Ctrl-C or SIGTERM. Ends by SystemExit."""
    from tweetream.cli.main import _check_port

    if not 0 <= port <= 65535:
        fail(f"--port: {port} is no port")
    _check_port("127.0.0.1", port)
    settings = {
        "SOURCES": " ".join(sources or (f"replay:{quote(str(SAMPLE))}?rate=20&loop=true",)),
        "TOPICS": ",".join(topics or TOPICS),
        "WEB_HOST": "127.0.0.1",
        "FAUST_APP_STORE": "memory://",  # its Kafka is gone when it ends
        "PARTITIONS": "2",
        "REPLICATION": "1",
        "REBALANCE_TIMEOUT": "1s",
        "SESSION_TIMEOUT": "2s",  # the embedded broker takes half of it to let a worker in
    }
    with tempfile.TemporaryDirectory(prefix="tweetream-") as folder:
        settings["DATA_DIR"] = str(Path(folder) / "worker")
        try:
            port = port or free_ports(1)[0]
            settings["WEB_PORT"] = str(port)
            with EmbeddedBroker(Path(folder)) as broker:
                settings["BROKER"] = broker.url
                status = _work(settings, port, browser)
        except BrokerError as error:
            fail(str(error))
    raise SystemExit(status)


def _work(settings: dict[str, str], port: int, browser: bool) -> int:
    # What a Kafka of one's own wants to know is not for the demo's, and empty it wins over `.env`.
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
