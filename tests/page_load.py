"""The page under load: posts as fast as they come, posts at a steady pace, and its first content. Numbers alone.

Limits: one topic, one tab, posts of everyday length.
"""

from collections.abc import Iterator
from typing import NamedTuple

from playwright.sync_api import Browser, CDPSession
from posting import Posting, post
from tab import Tab
from tracing import Trace, traced

from tweetream.models.post import Post

TEXTS = (
    "{} macet total arah Semanggi, ada truk mogok https://example.org/{} #lalin",
    "{} hujan deras dari tadi, banjir semata kaki di depan kantor nomor {} 🌧",
    "Selamat pagi {}! Sudah sarapan belum? Ini hari ke-{} diet, doakan ya teman-teman semua",
)


class Weight(NamedTuple):
    """What the page holds after its garbage was collected."""

    posts: int  # that had come
    heap: float  # MB
    nodes: int
    listeners: int


def everyday(topic: str, count: int) -> list[Post]:
    """Posts that a topic of this name gets."""
    return [post(TEXTS[n % len(TEXTS)].format(topic, n), author=f"warga{n % 50}") for n in range(count)]


def first_content(browser: Browser, tab: Tab, address: str) -> Trace:
    """Open the page, and wait until there are posts."""

    def work() -> None:
        tab.open(address).page.wait_for_selector("#posts [data-id]")
        tab.page.wait_for_timeout(500)  # for what is painted after it

    return traced(browser, tab.page, work)


def flood(tab: Tab, posting: Posting, topic: str, posts: int, points: int) -> Iterator[Weight]:
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


def steady(browser: Browser, tab: Tab, posting: Posting, topic: str, rate: float, seconds: float) -> Trace:
    """An even pace, posts a second, while the page is looked at; it shows the last one at the end."""
    posts = everyday(topic, round(rate * seconds))

    def work() -> None:
        writing = posting.write_at(posts, rate)
        while not writing.done():
            tab.page.wait_for_timeout(250)
        writing.result()
        tab.wait_for_post(posts[-1].id)

    return traced(browser, tab.page, work)
