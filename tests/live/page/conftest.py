"""One worker for all tests of the page, which write its posts themselves; a browser for each file of tests."""

import uuid
from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright
from support.browser.tab import Open, add, launch, tab
from support.kafka.post_writer import PostWriter
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker

NAMESPACE = "page"


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, PostWriter]]:
    """A worker without sources, and who writes its posts."""
    folder = tmp_path_factory.mktemp("page")
    with (
        EmbeddedBroker(folder) as broker,
        workers(1, broker.url, NAMESPACE, folder, PARTITIONS=1) as (worker,),
        PostWriter(broker.bootstrap, NAMESPACE) as posting,
    ):
        yield worker, posting


@pytest.fixture
def worker(desk: tuple[Worker, PostWriter]) -> Iterator[Worker]:
    """Its topics go with the test."""
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


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Not for the whole run: the loop that playwright runs in this thread would be in the way of other tests."""
    with sync_playwright() as playwright:
        browser = launch(playwright, chromium)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, worker: Worker) -> Open:
    """Opens a tab of a visitor: `with visit(locale="id") as tab`."""
    return partial(tab, browser, worker.url)
