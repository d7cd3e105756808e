"""Several sources at once on a real worker: one is of another package, the others fail, each in its way."""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from support.faults.network_thread import NetworkThread
from support.networks.contract import Said
from support.networks.lines_server import LinesHarness, install, package
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker

TOPIC = "macet"
BROKEN = """
class Source:
    unpaced = False
    def __init__(self, url, context): self.url = url
    async def chunks(self, position):
        raise ValueError("of another package")
        yield
"""


class Sources:
    """A worker's sources by their name here, what they are on, and what the worker says of them."""

    def __init__(self, worker: Worker, networks: dict[str, NetworkThread], urls: dict[str, str]) -> None:
        self.worker, self.networks, self.urls = worker, networks, urls

    def of(self, name: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.worker.url}/sources", timeout=5).json()
        found: dict[str, Any] = next(source for source in answer if source["url"] == self.urls[name])
        return found

    def wait(self, name: str, state: str) -> dict[str, Any]:
        until(lambda: self.of(name)["state"] == state, 15, f"{name} is {state}; it is {self.of(name)}")
        return self.of(name)

    def flows(self, number: int) -> None:
        """The sound one says something, and it comes."""
        before = self.worker.count(TOPIC)
        self.networks["sound"].say(Said(number, f"{TOPIC} {number}"))
        until(lambda: self.worker.count(TOPIC) > before, 15, f"post {number}; {self.worker.tail()}")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    folder = tmp_path_factory.mktemp("sources")
    packages = folder / "packages"
    packages.mkdir()
    package(packages)
    install(packages, "broken-source", "[tweetream.sources]\nbroken = broken_source:Source\n")
    (packages / "broken_source.py").write_text(BROKEN)
    cut = folder / "cut.txt.gz"
    cut.write_bytes(gzip.compress("".join(f"{n * n}\n" for n in range(2_000)).encode())[:-200])
    with ExitStack() as stack:
        networks = {}
        for name in ("sound", "refusing", "closing"):
            (folder / name).mkdir()
            networks[name] = stack.enter_context(NetworkThread(LinesHarness, folder / name))
        networks["refusing"].harness.gate.answering("401 Unauthorized")
        networks["closing"].harness.gate.closing()
        urls = {name: network.url for name, network in networks.items()}
        urls |= {"broken": "broken:", "cut": f"replay:{cut}?rate=0", "away": "lines:http://nowhere.invalid/"}
        settings = {"SOURCES": " ".join(urls.values()), "TOPICS": TOPIC, "PARTITIONS": 2}
        settings |= {"SESSION_TIMEOUT": "2s", "REBALANCE_TIMEOUT": "1s"}
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("PYTHONPATH", str(packages), prepend=":")
        broker = stack.enter_context(EmbeddedBroker(folder))
        [worker] = stack.enter_context(workers(1, broker.url, "failing", folder, **settings))
        yield Sources(worker, networks, urls)


def test_a_source_of_another_package_streams(sources: Sources) -> None:
    sources.flows(1)
    assert sources.of("sound")["state"] == "streaming"
    assert sources.worker.metric("tweetream_posts_read_total", source=sources.urls["sound"]) == 1


def test_each_that_fails_says_why_and_the_sound_one_goes_on(sources: Sources) -> None:
    assert "401" in sources.wait("refusing", "refused")["reason"]
    assert "archive is incomplete" in sources.wait("cut", "refused")["reason"]
    assert "of another package" in sources.wait("broken", "backing-off")["reason"]
    for name in ("closing", "away"):
        until(lambda name=name: sources.of(name)["reconnects"] >= 2, 15, f"{name} is tried again: {sources.of(name)}")
        assert "127.0.0.1" in sources.of(name)["reason"] or "nowhere.invalid" in sources.of(name)["reason"]
    sources.flows(2)
    assert sources.of("refusing")["reconnects"] == 0
    assert sources.of("sound")["reconnects"] == 0, "it was never begun again for another one's sake"


def test_one_that_failed_streams_as_soon_as_it_can(sources: Sources) -> None:
    sources.networks["closing"].harness.gate.heal()
    sources.wait("closing", "streaming")
    before = sources.worker.count(TOPIC)
    sources.networks["closing"].say(Said(3, f"{TOPIC} again"))
    until(lambda: sources.worker.count(TOPIC) > before, 15, "its post")
    sources.flows(4)
