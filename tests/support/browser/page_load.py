"""The page under load: posts as fast as they come, posts at a steady pace, and its first content. Measurements only.

Limits: one topic, one tab, posts of everyday length.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from playwright.sync_api import Browser, CDPSession
from support.browser.tab import Tab, add, tab
from support.browser.tracing import Trace, traced
from support.kafka.post_writer import PostWriter, post
from support.workers import Worker

from tweetream.models.post import Post

FIRST = 500.0  # ms to the first content
LONGEST = 100.0  # ms that a task may take
OWN = 200_000  # bytes of our files that a visit loads, unpacked
COLUMNS = [f"kolom{n}" for n in range(6)]
WALL = {"width": 1920, "height": 1080}
GROWTH = 1.1  # of the heap, from the first part of the posts to the last
NUMBERS = itertools.count(1)
TEXTS = (
    "{0} macet total arah Semanggi, ada truk mogok di km {1} https://example.org/{1} #lalin",
    "{} hujan deras dari tadi, banjir semata kaki di depan kantor nomor {} 🌧",
    "Selamat pagi {}! Sudah sarapan belum? Ini hari ke-{} diet, doakan ya teman-teman semua",
)


# What our files weigh that a visit loads, unpacked: the page, its scripts and its styles, but not what others wrote.
OWN_FILES = r"""() => {
  const loaded = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const sizes = new Map(loaded.map((one) => [one.name.split(/[?#]/)[0], one.decodedBodySize]));
  const own = [...sizes].filter(([name]) => /(\/|\.js|\.css|\.svg)$/.test(name) && !name.includes("/vendor/"));
  return own.reduce((sum, [, size]) => sum + size, 0);
}"""


class Weight(NamedTuple):
    """What the page holds after its garbage was collected."""

    posts: int  # that had come
    heap: float  # MB
    nodes: int
    listeners: int


def everyday(topic: str, count: int) -> list[Post]:
    """Posts that a topic of this name gets; no two that were ever asked for say the same."""
    numbers = itertools.islice(NUMBERS, count)
    return [
        post(TEXTS[n % len(TEXTS)].format(topic, number), author=f"warga{n % 50}") for n, number in enumerate(numbers)
    ]


def first_content(browser: Browser, tab: Tab, address: str) -> Trace:
    """Open the page, and wait until there are posts."""

    def work() -> None:
        tab.open(address).page.wait_for_selector("#posts [data-id]")
        # A busy machine draws later than it makes the elements.
        tab.page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        tab.page.wait_for_timeout(500)  # for later paints

    return traced(browser, tab.page, work)


def flood(tab: Tab, posting: PostWriter, topic: str, posts: int, points: int) -> Iterator[Weight]:
    """So many posts as fast as they get through, in parts; what the page weighs after each."""
    cdp = tab.page.context.new_cdp_session(tab.page)
    cdp.send("Performance.enable")
    cdp.send("HeapProfiler.enable")
    tab.page.set_default_timeout(120_000)
    for point in range(1, points + 1):
        ids = posting.write(*everyday(topic, posts // points))
        tab.wait_for_post(ids[-1])
        yield weight(cdp, point * (posts // points))


def weight(cdp: CDPSession, posts: int) -> Weight:
    for _ in range(2):  # what the first frees may free more
        cdp.send("HeapProfiler.collectGarbage")
    found = {metric["name"]: metric["value"] for metric in cdp.send("Performance.getMetrics")["metrics"]}
    return Weight(posts, found["JSHeapUsedSize"] / 1e6, int(found["Nodes"]), int(found["JSEventListeners"]))


def steady(browser: Browser, tab: Tab, posting: PostWriter, topics: list[str], rate: float, seconds: float) -> Trace:
    """An even pace, posts a second, while the page is looked at; it shows the last one at the end.

    The topics get them in turn.
    """
    each = [everyday(topic, round(rate * seconds / len(topics))) for topic in topics]
    posts = [one for turn in zip(*each, strict=True) for one in turn]

    def work() -> None:
        writing = posting.write_at(posts, rate)
        while not writing.done():
            tab.page.wait_for_timeout(250)
        writing.result()
        tab.wait_for_post(posts[-1].id)

    return traced(browser, tab.page, work)


class Measured(NamedTuple):
    """A page measured; times in ms."""

    first: float
    largest: float
    own: int  # bytes
    weights: list[Weight]
    steady: Trace
    rate: float
    seconds: float

    def missed(self) -> list[str]:
        """The bars that it missed."""
        first, last = self.weights[1], self.weights[-1]  # during the first part the browser compiles the code
        bars = {
            "first content": self.first <= FIRST,
            "own files": self.own <= OWN,
            "longest task": self.steady.tasks[0] <= LONGEST,
            "heap": last.heap <= first.heap * GROWTH,
            "nodes": last.nodes <= first.nodes * 1.02,
            "listeners": last.listeners <= first.listeners * 1.02,
        }
        return [name for name, held in bars.items() if not held]

    def table(self) -> str:
        lines = [f"{'posts':>9}  {'heap MB':>8}  {'DOM nodes':>9}  {'listeners':>9}"]
        lines += [f"{w.posts:>9,}  {w.heap:>8.2f}  {w.nodes:>9,}  {w.listeners:>9,}" for w in self.weights]
        lines += ["", f"first content {self.first:.0f} ms (bar {FIRST:.0f}), the posts {self.largest:.0f} ms"]
        lines += [f"own files that a visit loads, unpacked: {self.own / 1000:.0f} kB (bar {OWN / 1000:.0f})"]
        tasks, work = self.steady.tasks, self.steady.work
        lines += [
            f"{self.rate:.0f} posts/s in {len(COLUMNS)} columns, {self.seconds:.0f} s: {len(tasks):,} tasks, "
            f"the longest {_longest(tasks)} ms (bar {LONGEST:.0f}), in CPU time {_longest(work)} ms"
        ]
        return "\n".join([*lines, f"missed: {', '.join(self.missed()) or 'nothing'}"])


def _longest(tasks: list[float]) -> str:
    return ", ".join(f"{task:.0f}" for task in tasks[:3])


def measure(browser: Browser, worker: Worker, posting: PostWriter, posts: int, rate: float, seconds: float) -> Measured:
    """All of it, each in a tab of its own. What comes as fast as it can goes to a wall, the even pace to columns."""
    for name in ("awal", "banyak", *COLUMNS):
        add(worker, name)
    with tab(browser, worker.url) as visitor:  # load now what is loaded only once, so that it is not measured
        visitor.open("/").wait_for_state("live", "connecting")
    posting.write(*everyday("awal", 60))
    with tab(browser, worker.url) as visitor:
        trace = first_content(browser, visitor, "/#awal")
        own = visitor.page.evaluate(OWN_FILES)
    with tab(browser, worker.url, viewport=WALL) as visitor:
        posting.write(*everyday("banyak", 30))
        visitor.open("/?view=wall#banyak").wait_for_state("live")
        weights = list(flood(visitor, posting, "banyak", posts, 10))
    with tab(browser, worker.url, viewport=WALL) as visitor:
        for name in COLUMNS:
            posting.write(*everyday(name, 60))
        visitor.open(f"/#{';'.join(COLUMNS)}").wait_for_state("live")
        visitor.page.wait_for_timeout(1000)
        even = steady(browser, visitor, posting, COLUMNS, rate, seconds)
    if trace.first_paint is None or trace.largest_paint is None:
        raise ValueError("the browser's trace has no paint")
    return Measured(trace.first_paint, trace.largest_paint, own, weights, even, rate, seconds)
