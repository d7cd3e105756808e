"""The charts of the page: what they show is what the server counted and what the feed holds."""

import re
from collections import Counter

import httpx
from playwright.sync_api import Page, Route, expect
from support.browser.page_load import everyday
from support.browser.tab import Open, add, said
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker


def bars(page: Page, list_id: str) -> dict[str, int]:
    """What the words beside the bars say."""
    rows = page.eval_on_selector_all(
        f"#{list_id} li",
        "items => items.map(i => ['.bar-name', '.bar-value'].map(c => i.querySelector(c).textContent))",
    )
    return {name: int(value.split(" ")[0].replace(",", "")) for name, value in rows}


def counted(worker: Worker, topic: str) -> Counter[str]:
    """Posts of the last hour by label, as /stats has them."""
    labels = Counter[str]()
    for minute in httpx.get(f"{worker.url}/topics/{topic}/stats").json():
        labels.update({said(label): count for label, count in minute["labels"].items()})
    return labels


def in_feed(worker: Worker, topic: str) -> Counter[str]:
    posts = httpx.get(f"{worker.url}/topics/{topic}/posts?last=1000").json()["posts"]
    return Counter(said(one["label"]) for one in posts)


def test_they_agree_with_the_servers_counts_and_with_the_feed_and_so_after_a_reload(
    visit: Open, worker: Worker, topic: str, posting: PostWriter
) -> None:
    posting.write(*everyday(topic, 90))
    posting.write(*(post(f"{topic} dari tempat lain {n}", source="bluesky") for n in range(10)))
    until(lambda: worker.count(topic) == 100, 15, "all are counted")
    with visit(viewport={"width": 1440, "height": 900}) as tab:
        page = tab.with_clock().open(f"/#{topic}").open_charts()
        for _ in range(2):
            assert tab.charted() == Counter(bars(page, "charts-share")) == in_feed(worker, topic)
            assert in_feed(worker, topic) == counted(worker, topic) and len(in_feed(worker, topic)) == 2
            assert bars(page, "charts-sources") == {"Mastodon": 90, "Bluesky": 10}
            page.reload()
            tab.open_charts()
        posting.write(*everyday(topic, 25))
        until(lambda: worker.count(topic) == 125, 15, "the new ones are counted")
        tab.later(6000)
        tab.wait_for("""() => [...document.querySelectorAll("#charts-table td")]
            .reduce((sum, cell) => sum + Number(cell.textContent), 0) === 125""")
        assert tab.charted() == in_feed(worker, topic)


def test_several_topics_are_added_up(visit: Open, worker: Worker, posting: PostWriter) -> None:
    for name in ("satu", "dua"):
        add(worker, name)
        posting.write(*everyday(name, 20))
    until(lambda: worker.count("satu") == worker.count("dua") == 20, 15, "all are counted")
    with visit() as tab:
        page = tab.open("/#satu,dua").open_charts()
        assert tab.charted() == in_feed(worker, "satu") + in_feed(worker, "dua")
        expect(page.locator("#charts-note")).to_contain_text("satu and dua")


def test_they_can_be_read_without_colour_and_without_sight(
    visit: Open, worker: Worker, topic: str, posting: PostWriter
) -> None:
    posting.write(*everyday(topic, 60))
    until(lambda: worker.count(topic) == 60, 15, "all are counted")
    with visit(forced_colors="none", viewport={"width": 1440, "height": 900}) as tab:
        page = tab.open(f"/#{topic}").open_charts()
        tab.wait_for("() => document.querySelectorAll('#charts-share li').length === 2")
        patterns = page.eval_on_selector_all("#charts-share .bar", "bars => bars.map(bar => bar.dataset.pattern)")
        assert len(set(patterns)) == 2, "each has a pattern of its own"
        expect(page.locator("#charts-time")).to_have_attribute("aria-label", re.compile("^60 posts in the last hour"))
        assert page.locator("#charts-time canvas").count() == 1


def test_an_hour_without_posts_is_said_in_words(visit: Open, topic: str) -> None:
    with visit(viewport={"width": 1440, "height": 900}) as tab:
        tab.open(f"/#{topic}")
        expect(tab.page.locator("#charts-note")).to_have_text("No posts in the last hour.")
        expect(tab.page.locator("#charts-time")).to_be_hidden()


def test_a_chart_that_could_not_be_fetched_comes_later_and_the_words_at_once(
    visit: Open, worker: Worker, topic: str, posting: PostWriter
) -> None:
    posting.write(*everyday(topic, 30))
    until(lambda: worker.count(topic) == 30, 15, "all are counted")
    tries: list[str] = []

    def fail_once(route: Route) -> None:
        tries.append(route.request.url)
        route.abort() if len(tries) == 1 else route.continue_()

    with visit(viewport={"width": 1440, "height": 900}) as tab:
        tab.page.route("**/static/vendor/uPlot.esm.js", fail_once)
        tab.with_clock().open(f"/#{topic}").open_charts()
        assert tab.charted().total() == 30
        tab.later(6000)
        expect(tab.page.locator("#charts-time canvas")).to_be_visible()
        assert len(tries) == 2
