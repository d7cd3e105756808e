"""Brokers for tests, and what is left out where a tool is missing.

A test says what it needs by a marker, or by using a fixture that needs it. Where the tool is missing, such tests are
not collected and one line at the end says so; where CI is set in the environment they fail instead, since there
nothing may be left out.
"""

import os
import shutil
import signal
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from support.kafka import apache_kafka as kafka
from support.kafka import secure_kafka as secure
from support.kafka.feed_writer import Writer
from support.tools import CHROMIUM, TOOLS

from tweetream.feeds.hub import Hub
from tweetream.kafka.embedded import EmbeddedBroker

LEFT_OUT = pytest.StashKey[list[str]]()
MISSING = pytest.StashKey[dict[str, str]]()


def pytest_configure() -> None:
    """Tests send SIGINT; where pytest was started in the background it is ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark before pytest selects by -m and -k, leave out after it, so that only what was asked for is counted."""
    for item in items:
        for tool in TOOLS:
            if tool.fixtures & set(getattr(item, "fixturenames", ())):
                item.add_marker(tool.marker)
    yield
    if "soak" not in config.getoption("markexpr"):
        _leave_out(config, items, "soak")
    absent = {tool.marker: reason for tool in TOOLS if (reason := tool.missing())}
    config.stash[MISSING], config.stash[LEFT_OUT] = absent, []
    if os.environ.get("CI"):
        return
    for tool in TOOLS:
        if tool.marker in absent and (count := _leave_out(config, items, tool.marker)):
            line = (
                f"{count} {'test that needs' if count == 1 else 'tests that need'} {tool.name} ({absent[tool.marker]})"
            )
            config.stash[LEFT_OUT].append(line)


def _leave_out(config: pytest.Config, items: list[pytest.Item], marker: str) -> int:
    """Take the tests with this marker out; how many they were."""
    gone = [item for item in items if item.get_closest_marker(marker)]
    if gone:
        items[:] = [item for item in items if not item.get_closest_marker(marker)]
        config.hook.pytest_deselected(items=gone)
    return len(gone)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Reached with a missing tool only where nothing may be left out."""
    for marker, reason in item.config.stash[MISSING].items():
        if item.get_closest_marker(marker):
            pytest.fail(f"{reason}, and with CI set no test is left out", pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(f"left out: {'; '.join(lines)}", yellow=True)


@pytest.fixture(scope="session")
def apache_kafka() -> Iterator[kafka.ApacheKafka]:
    """One broker for the whole run, with auto-creation off. Shared: keep to your own namespace and do not kill it."""
    with kafka.ApacheKafka() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[secure.SecureKafka]:
    """One broker for the whole run that asks for a password or a certificate. Shared, as the other is."""
    with secure.secure_kafka(tmp_path_factory.mktemp("secure")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a browser for playwright, which brings none of its own here."""
    return next(path for path in map(shutil.which, CHROMIUM) if path)


@pytest.fixture(scope="session")
def caddy() -> str:
    """The path of the proxy that docker-compose.yml runs."""
    return next(path for path in [shutil.which("caddy")] if path)


@pytest.fixture
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """A fresh one, for this test alone: it may be killed."""
    with EmbeddedBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def any_broker(request: pytest.FixtureRequest) -> EmbeddedBroker | kafka.ApacheKafka:
    """The same test on both: the embedded broker hides faults of ours that Apache Kafka shows."""
    broker: EmbeddedBroker | kafka.ApacheKafka = request.getfixturevalue(
        "embedded_broker" if request.param == "embedded" else "apache_kafka"
    )
    return broker


@pytest.fixture
def namespace() -> str:
    """A name no other test has, for topics, groups and app ids."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def writer(any_broker: EmbeddedBroker | kafka.ApacheKafka, namespace: str) -> AsyncIterator[Writer]:
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
