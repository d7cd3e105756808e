"""The page in Chromium, by the browser's own tracing: what it weighs after ever more posts, how long it is busy, and
when it first shows something. On the embedded broker of this machine; one table.

Each part of the posts is written as fast as it gets through; the page must show its last one before it is weighed,
with its garbage collected. The exit status is 1 when a bar is missed. Limits: one tab, one topic; whatever else the
machine does is in the times.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from conftest import CHROMIUM  # noqa: E402
from page_load import Weight, everyday, first_content, flood, steady  # noqa: E402
from posting import Posting  # noqa: E402
from tab import add, launch, tab  # noqa: E402
from workers import Worker, workers  # noqa: E402

from tweetream.broker import EmbeddedBroker  # noqa: E402

FIRST = 1000.0  # ms to the first content
LONGEST = 100.0  # ms that a task may take
GROWTH = 1.1  # of the heap, from the first part of the posts to the last


class Measured(NamedTuple):
    """A page measured; times in ms."""

    first: float
    largest: float
    weights: list[Weight]
    tasks: list[float]  # the longest first
    rate: float
    seconds: float

    def missed(self) -> list[str]:
        """The bars that it missed."""
        first, last = self.weights[0], self.weights[-1]
        bars = {
            "first content": max(self.first, self.largest) <= FIRST,
            "longest task": self.tasks[0] <= LONGEST,
            "heap": last.heap <= first.heap * GROWTH,
            "nodes": last.nodes <= first.nodes * 1.02,
            "listeners": last.listeners <= first.listeners * 1.02,
        }
        return [name for name, held in bars.items() if not held]

    def table(self) -> str:
        lines = [f"{'posts':>9}  {'heap MB':>8}  {'DOM nodes':>9}  {'listeners':>9}"]
        lines += [f"{w.posts:>9,}  {w.heap:>8.2f}  {w.nodes:>9,}  {w.listeners:>9,}" for w in self.weights]
        lines += ["", f"first content {self.first:.0f} ms, largest {self.largest:.0f} ms (bar {FIRST:.0f})"]
        over = sum(task > 50 for task in self.tasks)
        longest = ", ".join(f"{task:.0f}" for task in self.tasks[:3])
        lines += [
            f"{self.rate:.0f} posts/s for {self.seconds:.0f} s: {len(self.tasks):,} tasks of the main thread, "
            f"the longest {longest} ms (bar {LONGEST:.0f}); {over} over 50 ms"
        ]
        return "\n".join([*lines, f"missed: {', '.join(self.missed()) or 'nothing'}"])


def measure(browser: Browser, worker: Worker, posting: Posting, posts: int, rate: float, seconds: float) -> Measured:
    for name in ("awal", "banyak", "tetap"):
        add(worker, name)
    with tab(browser, worker.url) as visitor:  # what is never loaded twice is loaded now: not the page's doing
        visitor.open("/").wait_for_state("live", "connecting")
    posting.write(*everyday("awal", 60))
    with tab(browser, worker.url) as visitor:
        trace = first_content(browser, visitor, "/#awal")
    with tab(browser, worker.url) as visitor:
        visitor.open("/#banyak").wait_for_state("live")
        weights = list(flood(visitor, posting, "banyak", posts, 10))
    with tab(browser, worker.url) as visitor:
        posting.write(*everyday("tetap", 300))
        visitor.open("/#tetap").wait_for_state("live")
        visitor.page.wait_for_timeout(1000)
        tasks = steady(browser, visitor, posting, "tetap", rate, seconds).tasks
    if trace.first_paint is None or trace.largest_paint is None:
        raise SystemExit("the browser's trace has no paint")
    return Measured(trace.first_paint, trace.largest_paint, weights, tasks, rate, seconds)


@contextmanager
def running(chromium: str) -> Iterator[tuple[Browser, Worker, Posting]]:
    """A browser, a worker without sources, and who writes its posts."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedBroker(Path(folder)) as broker,
        workers(1, broker.url, "bench", Path(folder), PARTITIONS=1) as (worker,),
        Posting(broker.bootstrap, "bench") as posting,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright, chromium)
        yield browser, worker, posting
        browser.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000, help="pushed through as fast as it goes")
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
