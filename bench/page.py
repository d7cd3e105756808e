"""The page in Chromium, by the browser's own tracing: the memory of a wall after more and more posts, the longest tasks
of six columns, and the first content. On the embedded broker of this machine; one table.

Each part of the posts is written as fast as it gets through; the page must show its last one before it is measured,
after a garbage collection. The exit status is 1 when a bar is missed. Limits: one tab; other work of the
machine is part of the times.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.browser.page_load import measure  # noqa: E402
from support.browser.tab import launch  # noqa: E402
from support.kafka.post_writer import PostWriter  # noqa: E402
from support.tools import CHROMIUM  # noqa: E402
from support.workers import Worker, workers  # noqa: E402

from tweetream.kafka.embedded import EmbeddedBroker  # noqa: E402


@contextmanager
def running(chromium: str) -> Iterator[tuple[Browser, Worker, PostWriter]]:
    """A browser, a worker without sources, and a writer of its posts."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedBroker(Path(folder)) as broker,
        workers(1, broker.url, "bench", Path(folder), PARTITIONS=1) as (worker,),
        PostWriter(broker.bootstrap, "bench") as posting,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright, chromium)
        yield browser, worker, posting
        browser.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=500_000, help="pushed through to a wall as fast as it goes")
    parser.add_argument("--rate", type=float, default=50, help="posts a second of the steady part")
    parser.add_argument("--seconds", type=float, default=60, help="how long that is")
    options = parser.parse_args()
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        raise SystemExit("Chromium is not installed")
    with running(path) as (browser, worker, posting):
        measured = measure(browser, worker, posting, options.posts, options.rate, options.seconds)
    print(measured.table())
    return 1 if measured.missed() else 0


if __name__ == "__main__":
    sys.exit(main())
