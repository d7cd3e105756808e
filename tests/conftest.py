"""Brokers and browsers for all tests; how a run is shared out and what it leaves out stands in `support/run.py`."""

import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
from support import tls_contexts
from support.kafka.apache_kafka import KafkaAddress
from support.kafka.feed_writer import Writer
from support.kafka.secure_kafka import SecureKafka
from support.kafka.shared import shared_creating_kafka, shared_kafka, shared_secure_kafka
from support.postgres import PostgresServer, running
from support.tools import CHROMIUM, CHROMIUM_SHELL
from support.workers import Worker

from tweetream.feeds.hub import Hub
from tweetream.kafka.embedded import EmbeddedBroker

pytest_plugins = ["support.run"]


def pytest_configure(config: pytest.Config) -> None:
    """Tests send SIGINT; where pytest was started in the background it is ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The long tests measure what a user starts, and coverage is measured from a worker's start on.
    Worker.forks = not (config.getoption("markexpr") or "COVERAGE_PROCESS_CONFIG" in os.environ)
    tls_contexts.share()
    # How long an example takes is the machine's; what must be quick has a test of its own that measures CPU time.
    hypothesis.settings.register_profile("tests", deadline=None)
    hypothesis.settings.load_profile("tests")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of this run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder if worker_id == "master" else folder.parent


@pytest.fixture(scope="session")
def apache_kafka(run_folder: Path) -> Iterator[KafkaAddress]:
    """One broker for the whole run, with auto-creation off. Shared: keep to your own namespace and do not kill it."""
    with shared_kafka(run_folder) as address:
        yield address


@pytest.fixture(scope="session")
def creating_kafka(run_folder: Path) -> Iterator[KafkaAddress]:
    """One broker for the whole run that creates each topic it is asked for. Shared, as the other is."""
    with shared_creating_kafka(run_folder) as address:
        yield address


@pytest.fixture(scope="session")
def secure_kafka(run_folder: Path) -> Iterator[SecureKafka]:
    """One broker for the whole run that asks for a password or a certificate. Shared, as the other is."""
    with shared_secure_kafka(run_folder) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a browser for playwright, which brings none of its own here."""
    return next(path for path in map(shutil.which, CHROMIUM) if path)


@pytest.fixture(scope="session")
def chromium_shell(chromium: str) -> str:
    """The path of the same browser without a desktop around its tabs, where it is installed."""
    return shutil.which(CHROMIUM_SHELL) or chromium


@pytest.fixture(scope="session")
def caddy() -> str:
    """The path of the proxy that docker-compose.yml runs."""
    return next(path for path in [shutil.which("caddy")] if path)


@pytest.fixture(scope="session")
def nginx() -> str:
    """The path of a proxy that many have already."""
    return next(path for path in [shutil.which("nginx")] if path)


@pytest.fixture(scope="session")
def haproxy() -> str:
    """The path of a proxy that many have already."""
    return next(path for path in [shutil.which("haproxy"), "/usr/sbin/haproxy"] if path)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for the tests of this process. Shared: make a database of your own and do not kill it."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder, running(Path(folder)) as server:
        yield server


@pytest.fixture
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """A fresh one, for this test alone: it may be killed."""
    with EmbeddedBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def any_broker(request: pytest.FixtureRequest) -> EmbeddedBroker | KafkaAddress:
    """The same test on both: the embedded broker hides faults of ours that Apache Kafka shows."""
    broker: EmbeddedBroker | KafkaAddress = request.getfixturevalue(
        "embedded_broker" if request.param == "embedded" else "apache_kafka"
    )
    return broker


@pytest.fixture
def namespace() -> str:
    """A name no other test has, for topics, groups and app ids."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def writer(any_broker: EmbeddedBroker | KafkaAddress, namespace: str) -> AsyncIterator[Writer]:
    """Of a feed of its own."""
    writer = Writer(any_broker, f"{namespace}-feed-x-1")
    await writer.begin()
    yield writer
    await writer.producer.stop()


@pytest.fixture
async def live(writer: Writer) -> AsyncIterator[Hub]:
    """A hub at the writer's broker."""
    live = Hub(writer.kafka)
    await live.start()
    yield live
    await live.stop()
