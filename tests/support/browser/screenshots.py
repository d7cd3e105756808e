"""`make screenshots`: the page as docs/ shows it, from the demo's sample, taken again when the page changes.

The posts, their order and how long ago each came are the same in every run; the hour on the charts is the present one.
Limits: this machine's fonts.
"""

import csv
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import Browser, expect, sync_playwright
from support.browser.line import Line
from support.browser.tab import Tab, add, launch, tab
from support.kafka.post_writer import PostWriter, post
from support.paths import DOCS
from support.tools import CHROMIUM
from support.waiting import until
from support.workers import Worker, workers

from tweetream.cli.demo import SAMPLE, TOPICS
from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.models.post import Post

MINUTES = 58  # that the posts of the past are spread over
ROUNDS = 3  # of the sample
NETWORKS = {
    "bluesky": "https://bsky.app/profile/{0}/post/{1}",
    "mastodon": "https://mastodon.example.org/@{0}/{1}",
    "x": "https://x.com/{0}/status/{1}",
}
LARGE, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
LANDSCAPE, WALL, WALL_4K = ({"width": w, "height": h} for w, h in ((844, 390), (1920, 1080), (3840, 2160)))
COLUMNS = "/#jakarta?label=traffic;macet;hujan?q=deras"


def sample() -> list[dict[str, str]]:
    with Path(str(SAMPLE)).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def made(row: dict[str, str], number: int, ago: float) -> Post:
    """A post of the sample that came so many seconds ago."""
    at = round((time.time() - ago) * 1000)
    source = list(NETWORKS)[number % len(NETWORKS)]
    url = NETWORKS[source].format(row["author"], 1000 + number)
    return post(
        row["text"], author=row["author"], lang=row["lang"], source=source, url=url, created_at=at, received_at=at
    )


def past(rows: list[dict[str, str]]) -> list[Post]:
    """The last hour: more and more, as towards an evening."""
    count = len(rows) * ROUNDS
    when = [MINUTES * 60 * (1 - (number / count) ** 0.6) + 75 for number in range(count)]
    return [made(rows[number * 7 % len(rows)], number, ago) for number, ago in enumerate(when)]


def write_live(rows: list[dict[str, str]], path: Path) -> Path:
    """What goes on to come, for a replay: those of the sample about traffic jams."""
    live = [made(row, number, 0) for number, row in enumerate(rows) if "macet" in row["text"].lower()]
    lines = [msgspec.json.encode({name: getattr(one, name) for name in one.__struct_fields__}) for one in live]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def shoot(visitor: Tab, name: str, focus: bool = False) -> None:
    """Take the picture; `focus`: what has the focus keeps it, since it holds the list."""
    visitor.page.mouse.move(0, 0)
    if not focus:
        visitor.page.evaluate("document.activeElement.blur()")
    visitor.page.wait_for_timeout(1500)  # what is new is marked for a moment
    visitor.page.screenshot(path=DOCS / f"page-{name}.png", animations="disabled")
    print(f"docs/page-{name}.png  {(DOCS / f'page-{name}.png').stat().st_size / 1000:.0f} kB")


@contextmanager
def seen(
    browser: Browser, origin: str, viewport: dict[str, int] = LARGE, address: str = "/#jakarta,macet", **options: Any
) -> Iterator[Tab]:
    """A visitor who follows two topics, and has posts of both."""
    with tab(browser, origin, viewport=viewport, **options) as visitor:
        visitor.open(address).page.wait_for_selector("#posts .badge")
        visitor.wait_for_state("live")
        yield visitor


def take(browser: Browser, worker: Worker, posting: PostWriter) -> None:
    with tab(browser, worker.url, viewport=LARGE) as visitor:
        expect(visitor.open("/").page.locator(".empty")).not_to_be_empty()
        shoot(visitor, "empty")
    for name in TOPICS:
        add(worker, name)
    posting.write(*past(sample()))
    until(lambda: all(worker.count(name) for name in TOPICS), 30, "posts of each topic")
    with seen(browser, worker.url) as visitor:
        visitor.page.wait_for_selector("#charts-time canvas")
        shoot(visitor, "light")
        visitor.page.get_by_role("button", name="Why traffic?").nth(1).click()
        visitor.page.get_by_text("Details").click()
        shoot(visitor, "why", focus=True)
    for name, size, address, options in (
        ("dark", LARGE, "/#jakarta,macet", {"color_scheme": "dark"}),
        ("indonesian", LARGE, "/#jakarta,macet", {"locale": "id-ID"}),
        ("columns", LARGE, COLUMNS, {}),
        ("phone", PHONE, "/#macet", {"has_touch": True}),
        ("landscape", LANDSCAPE, "/#macet", {"has_touch": True}),
        ("wall", WALL, f"/?view=wall{COLUMNS[1:]}", {}),
        ("wall-4k", WALL_4K, "/?view=wall#jakarta,macet", {}),
    ):
        with seen(browser, worker.url, size, address, **options) as visitor:
            shoot(visitor, name)
    take_states(browser, worker, posting)


def take_states(browser: Browser, worker: Worker, posting: PostWriter) -> None:
    with seen(browser, worker.url, PHONE, has_touch=True) as visitor:
        visitor.page.locator("#bar-charts").click()
        visitor.page.wait_for_selector("#charts-time canvas")
        shoot(visitor, "charts")
    with seen(browser, worker.url) as visitor:
        visitor.page.locator("[data-act=same]:visible").first.click()
        shoot(visitor, "folded", focus=True)
        visitor.page.mouse.move(700, 500)
        visitor.page.mouse.wheel(0, 500)
        visitor.page.wait_for_timeout(300)
        posting.write(*(post(f"macet di Jakarta, laporan ke-{n}") for n in range(23)))
        visitor.wait_for_state("held")
        shoot(visitor, "held")
    with Line(worker.port) as line, seen(browser, line.url) as visitor:
        line.cut()
        visitor.wait_for_state("waiting")
        visitor.page.wait_for_timeout(4000)  # the next wait is a longer one
        visitor.wait_for_state("waiting")
        shoot(visitor, "reconnecting")


def main() -> int:
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        print("Chromium is not installed", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name, EmbeddedBroker(Path(name)) as broker:
        live = write_live(sample(), Path(name) / "sample.jsonl")
        settings = {"SOURCES": f"replay:{live}?rate=0.12&loop=true", "PARTITIONS": 1}
        with (
            workers(1, broker.url, "screenshots", Path(name), **settings) as (worker,),
            PostWriter(broker.bootstrap, "screenshots") as posting,
            sync_playwright() as playwright,
        ):
            browser = launch(playwright, path)
            take(browser, worker, posting)
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
