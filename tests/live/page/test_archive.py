"""The page with an archive: one list back through both, longer charts, and a bar that goes to its posts."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect
from support.archives import batch, store
from support.browser.saving import rows, saved
from support.browser.tab import Open, add, tab
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.models.feed import FeedEntry, rfc3339

HOUR = 3_600_000  # ms
TOPIC = "jalan"
RECENT, OLD, SPAN = 30, 400, 5 * 24  # posts of the feed, older ones of the archive, and the hours that these are from
WIDE = {"width": 1440, "height": 900}


class Stored(NamedTuple):
    """A worker, with the ids of its archive, newest first; the newest `RECENT` are in the feed too."""

    worker: Worker
    ids: list[str]


def older(now: int) -> list[FeedEntry]:
    """One every 18 minutes, from two hours ago on; every tenth is about a bridge."""
    found = []
    for n in range(OLD):
        at = rfc3339(now - 2 * HOUR - n * SPAN * HOUR // OLD)
        text = f"{TOPIC} {'jembatan ditutup' if n % 10 == 0 else 'ramai lancar'} nomor {n} laporan warga {n * 7}"
        label = "traffic" if n % 2 else "non_traffic"
        found.append(FeedEntry(f"old:{n}", TOPIC, "bluesky", "", "warga", text, "id", at, at, label, 0.99))
    return found


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    folder: Path = tmp_path_factory.mktemp("stored")
    url = f"sqlite:///{folder}/posts.db"
    with (
        EmbeddedBroker(folder) as broker,
        workers(1, broker.url, "stored", folder, PARTITIONS=1, ARCHIVE=url) as (worker,),
        PostWriter(broker.bootstrap, "stored") as posting,
    ):
        add(worker, TOPIC)
        posting.write(*(post(f"{TOPIC} jembatan {n} dibuka lagi {n * 3}") for n in range(RECENT)))
        until(lambda: worker.count(TOPIC) == RECENT, 15, "the posts of the feed")
        page = httpx.get(f"{worker.url}/topics/{TOPIC}/posts?last=1000", timeout=20).json()["posts"]
        names = set(FeedEntry.__struct_fields__)
        recent = [msgspec.convert({k: v for k, v in one.items() if k in names}, FeedEntry) for one in page]
        past = older(time.time_ns() // 1_000_000)
        archive = store(url, "stored")
        archive.open()
        archive.write(batch([*reversed(past), *recent], topic=TOPIC))
        archive.close()
        yield Stored(worker, [one.id for one in [*reversed(recent), *past]])


@pytest.fixture
def visit_stored(browser: Browser, stored: Stored) -> Open:
    return partial(tab, browser, stored.worker.url)


def scrolled_to_end(page: Page, end: str) -> None:
    """Scroll down until the list says this at its end."""
    for _ in range(60):
        page.evaluate("scrollTo(0, document.scrollingElement.scrollHeight)")
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        if page.locator(".posts-end").inner_text() == end:
            return
        page.wait_for_timeout(50)
    expect(page.locator(".posts-end")).to_have_text(end)


def test_words_are_searched_in_the_feed_and_on_in_the_archive_as_one_list(visit_stored: Open, stored: Stored) -> None:
    wanted = [*stored.ids[:RECENT], *(f"old:{n}" for n in range(0, OLD, 10))]
    with visit_stored(viewport=WIDE) as tab:
        page = tab.open(f"/#{TOPIC}").page
        tab.wait_for_post(stored.ids[0])
        page.locator("#filter-text").fill("jembatan warga -lubang")
        expect(page.locator("#filter-where")).to_contain_text("archive")
        tab.wait_for_post("old:0")
        page.locator("#filter-text").fill("jembat")  # the beginning of a word
        tab.wait_for(
            "() => location.search === '?q=jembat' && document.querySelector('mark.found')?.textContent === 'jembat'"
        )
        scrolled_to_end(page, "No older posts, not in the archive either.")
        page.locator("#folds").evaluate("box => box.checked && box.click()")
        ids, _ = tab.walk()
        assert ids == wanted, "each once, newest first"
        marks = page.locator('[data-id="old:390"] mark.found')
        expect(marks).to_have_text("jembat")
        asked = [path for path in tab.requests if path.startswith("/search")]
        assert all("q=jembat" in path for path in asked[-2:]) and "until=" in asked[-1] + asked[-2]


def test_without_a_filter_the_archive_is_read_when_a_person_asks(visit_stored: Open, stored: Stored) -> None:
    with visit_stored(viewport=WIDE) as tab:
        page = tab.open(f"/#{TOPIC}").page
        tab.wait_for_post(stored.ids[0])
        page.get_by_role("button", name="Look in the archive").click()
        tab.wait_for_post("old:0")
        page.locator("#folds").evaluate("box => box.checked && box.click()")
        scrolled_to_end(page, "No older posts, not in the archive either.")
        page.evaluate("scrollTo(0, 0)")
        tab.wait_for_post(stored.ids[0])
        assert tab.walk()[0] == stored.ids


def test_all_posts_are_saved_of_the_archive_too_each_once(visit_stored: Open, stored: Stored) -> None:
    wanted = [*(f"old:{n}" for n in range(OLD - 10, -1, -10)), *reversed(stored.ids[:RECENT])]
    with visit_stored(viewport=WIDE, accept_downloads=True) as tab:
        tab.open(f"/?q=jembatan#{TOPIC}").wait_for_post(stored.ids[0])
        expect(tab.page.locator("#archive-state")).to_contain_text("Archive")
        written = saved(tab, "Table (CSV)", str(len(wanted)))
    assert [row["id"] for row in rows(written)] == wanted
    assert all(row["topic"] == TOPIC and row["label"] and row["score"] for row in rows(written))


def test_a_server_without_an_archive_says_so_plainly(visit: Open, topic: str, posting: PostWriter) -> None:
    (id,) = posting.write(post(f"{topic} macet total di tol, lalu lintas padat"))
    with visit(viewport=WIDE) as tab:
        page, refused = tab.page, list[str]()
        page.on("response", lambda answer: refused.extend([answer.url] if answer.status >= 400 else []))
        tab.open(f"/?label=traffic#{topic}").wait_for_post(id)
        expect(page.locator(".posts-end")).to_have_text("No older posts.")
        tab.open("/livez").open(f"/?q=macet#{topic}")
        tab.wait_for_post(id)
        expect(page.locator(".posts-end")).to_contain_text("This server has no archive")
        page.locator("#filter-text").click()
        expect(page.locator("#filter-where")).to_contain_text("no archive")
        expect(page.locator("#archive-state")).to_be_hidden()
        page.locator("#filter-clear").click()
        page.locator("#charts-day").click()
        expect(page.locator("#charts-note")).to_contain_text("no archive, so only the last hour")
        assert refused == [], "what the server has not is not asked for"


def test_a_new_topic_begins_with_what_is_stored_and_the_archives_state_is_told(
    visit_stored: Open, stored: Stored
) -> None:
    with visit_stored(viewport=WIDE) as tab:
        page = tab.open(f"/#{TOPIC}").page
        expect(page.locator("#archive-state")).to_contain_text("Archive")
        page.locator("#add > summary").click()
        page.get_by_label("Name").fill("jembatan")
        preview = page.locator("#add-preview")
        expect(preview).to_contain_text(f"{RECENT} posts of the last hour match. The new topic will not have them")
        page.get_by_label("Also look in what is stored").check()
        expect(preview).to_contain_text("The new topic gets those that are stored")
        page.get_by_role("button", name="Add topic").click()
        expect(page.locator("#feed-title")).to_have_text(f"{TOPIC}, jembatan")
        until(lambda: stored.worker.count("jembatan") == RECENT + OLD // 10, 20, "the stored posts")
        httpx.delete(f"{stored.worker.url}/topics/jembatan", timeout=30)


def counts(stored: Stored, since: int) -> int:
    rows: list[dict[str, Any]] = httpx.get(
        f"{stored.worker.url}/topics/{TOPIC}/stats?since={since}&step=hour", timeout=20
    ).json()
    return sum(sum(row["labels"].values()) for row in rows)


def test_the_charts_show_a_day_and_a_week_and_a_bar_goes_to_its_posts(visit_stored: Open, stored: Stored) -> None:
    with visit_stored(viewport=WIDE) as tab:
        page = tab.open(f"/#{TOPIC}").open_charts()
        for name, bars in (("day", 24), ("week", 28)):
            page.locator(f"#charts-{name}").click()
            tab.wait_for("bars => document.querySelectorAll('#charts-table tbody tr').length === bars", bars)
            total = sum(int(text) for text in page.locator("#charts-table td").all_inner_texts())
            since = page.evaluate(
                "async name => (await import('./static/charts/spans.js')).sinceOf(name, Date.now())", name
            )
            assert total == counts(stored, since)
            page.wait_for_selector("#charts-time canvas")
        expect(page.locator("#charts-note")).to_contain_text("Nothing is stored from before")
        total = sum(
            int(text) for text in page.locator("#charts-table tbody tr").nth(12).locator("td").all_inner_texts()
        )
        page.locator("#charts-table tbody tr").nth(12).locator("button").click()  # three days ago
        focused = page.locator("#posts .post-body:focus")
        expect(focused).to_have_count(1)
        id = focused.evaluate("body => body.closest('[data-id]').dataset.id")
        assert id.startswith("old:") and total > 0
        at = page.evaluate("document.activeElement.querySelector('time').dateTime")
        bar = page.evaluate(
            "async () => { const { SPANS, startOf } = await import('./static/charts/spans.js');"
            " const { step } = SPANS.week; return startOf(Date.now(), step) - 12 * step; }"
        )
        assert rfc3339(bar) <= at < rfc3339(bar + 6 * HOUR)
        page.get_by_role("button", name="To the newest posts").click()
        tab.wait_for_post(stored.ids[0])
        assert tab.ids()[0] == stored.ids[0]
