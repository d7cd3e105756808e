"""One worker and one browser for all tests of the page, which write its posts themselves. Each process has its own."""

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright
from support.browser.tab import Open, add, launch, tab
from support.kafka.post_writer import PostWriter
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker

NAMESPACE = "page"
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, PostWriter]]:
    """A worker without sources, and a writer of its posts."""
    folder = tmp_path_factory.mktemp("page")
    with (
        EmbeddedBroker(folder) as broker,
        workers(1, broker.url, NAMESPACE, folder, PARTITIONS=1) as (worker,),
        PostWriter(broker.bootstrap, NAMESPACE) as posting,
    ):
        yield worker, posting


@pytest.fixture
def worker(desk: tuple[Worker, PostWriter]) -> Iterator[Worker]:
    """The worker; the topics of a test are deleted after it."""
    yield desk[0]
    for name in desk[0].topics():
        httpx.delete(f"{desk[0].url}/topics/{name}", timeout=30)


@pytest.fixture
def posting(desk: tuple[Worker, PostWriter]) -> PostWriter:
    return desk[1]


@pytest.fixture
def topic(worker: Worker) -> str:
    """A topic that no other test has; its name is its one word."""
    name = f"u{uuid.uuid4().hex[:8]}"
    add(worker, name)
    return name


class Browsers:
    """Browsers that start when a test asks for them, and end before a test of another folder begins.

    The loop that playwright runs in this thread would be in the way of asynchronous tests.
    """

    def __init__(self) -> None:
        self._playwright: Playwright | None = None
        self._browsers: dict[str, Browser] = {}

    def open(self, path: str) -> Browser:
        if self._playwright is None:
            self._playwright = sync_playwright().start()
        if path not in self._browsers:
            self._browsers[path] = launch(self._playwright, path)
        return self._browsers[path]

    def close(self) -> None:
        for browser in self._browsers.values():
            browser.close()
        if self._playwright is not None:
            self._playwright.stop()
        self._playwright, self._browsers = None, {}


BROWSERS = pytest.StashKey[Browsers]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    yield
    if BROWSERS in item.config.stash and (nextitem is None or HERE not in nextitem.path.parents):
        item.config.stash[BROWSERS].close()


@pytest.fixture
def browser(chromium_shell: str, pytestconfig: pytest.Config) -> Browser:
    """Without windows, notifications and times of painting: a tab takes a quarter of the CPU."""
    return pytestconfig.stash.setdefault(BROWSERS, Browsers()).open(chromium_shell)


@pytest.fixture
def whole_browser(chromium: str, pytestconfig: pytest.Config) -> Browser:
    return pytestconfig.stash.setdefault(BROWSERS, Browsers()).open(chromium)


@pytest.fixture
def visit(browser: Browser, worker: Worker) -> Open:
    """Opens a tab of a visitor: `with visit(locale="id") as tab`."""
    return partial(tab, browser, worker.url)


@pytest.fixture
def visit_whole(whole_browser: Browser, worker: Worker) -> Open:
    """As visit, in the whole browser."""
    return partial(tab, whole_browser, worker.url)
