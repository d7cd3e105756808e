"""The charts of the page: what they show is what the server counted and what the feed holds."""

import itertools
import re
import time
from collections import Counter

import httpx
from playwright.sync_api import Page, Route, expect
from support.browser.page_load import everyday
from support.browser.tab import Open, add, said
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker

# Where the bars of one label stand, in px of the window: [[left, right], …], along a line just above the axis.
DRAWN = """() => {
  const canvas = document.querySelector("#charts-time canvas");
  const [box, ratio] = [canvas.getBoundingClientRect(), canvas.width / canvas.getBoundingClientRect().width];
  const y = Math.round(canvas.height - 26 * ratio - 5 * ratio);
  const { data } = canvas.getContext("2d").getImageData(0, y, canvas.width, 1);
  const bars = [];
  for (let x = Math.ceil(50 * ratio); x < canvas.width; x += 1) {
    const [red, green, blue] = data.slice(x * 4, x * 4 + 3);
    if (data[x * 4 + 3] < 200 || Math.max(red, green, blue) - Math.min(red, green, blue) < 60) continue;
    if (bars.at(-1)?.[1] === x - 1) bars.at(-1)[1] = x;
    else bars.push([x, x]);
  }
  return bars.map(ends => ends.map(x => box.left + x / ratio));
}"""


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


def test_bars_stand_apart_and_a_click_on_one_goes_to_its_posts(visit: Open, topic: str, posting: PostWriter) -> None:
    now = time.time_ns() // 1_000_000
    minutes = [now - now % 60_000 - ago * 60_000 + 30_000 for ago in range(9, 1, -1)]
    ids = [
        posting.write(
            *(post(f"{topic} macet total di tol km {n} {at}", received_at=at, created_at=at) for n in range(4))
        )
        for at in minutes
    ]
    with visit(viewport={"width": 1440, "height": 900}) as tab:
        page = tab.with_clock().open(f"/#{topic}").page
        tab.wait_for_post(ids[-1][-1])
        tab.later(6000)
        tab.wait_for(f"() => document.querySelector('#charts-time canvas') && ({DRAWN})().length >= 8")
        drawn = page.evaluate(DRAWN)
        assert len(drawn) == 8, "a bar for each minute with posts"
        assert all(left - right >= 2 for (_, right), (left, _) in itertools.pairwise(drawn))
        top = page.locator("#charts-time canvas").bounding_box()
        assert top is not None
        page.mouse.move(sum(drawn[3]) / 2, top["y"] + 140)
        expect(page.locator("#charts-readout")).to_contain_text(": traffic 4")
        page.mouse.click(sum(drawn[3]) / 2, top["y"] + 140)
        expect(page.locator("#posts .post-body:focus")).to_have_count(1)
        focused = page.evaluate("document.activeElement.closest('[data-id]').dataset.id")
        assert focused == ids[3][-1], "the newest of that minute"


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
