"""On a phone: the posts are on the first screen, nothing is cut off, and all can be hit with a thumb."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from support.browser.page_load import everyday
from support.browser.tab import Open, Tab, add
from support.kafka.post_writer import PostWriter
from support.waiting import until
from support.workers import Worker

PHONE = {"width": 360, "height": 740}
NARROW, LANDSCAPE = {"width": 320, "height": 640}, {"width": 740, "height": 360}
TARGET = 24  # px, what WCAG 2.2 asks of each
FINGER = 44  # px, of what a finger hits

# What can be hit and is seen; a box takes its label's size, and a link in a sentence is as high as its line.
SMALL = """least => [...document.querySelectorAll("button, summary, select, input, a:not(.text a, .original, .skip)")]
  .map(one => one.closest("label") ?? one)
  .filter(one => one.checkVisibility() && one.getClientRects().length)
  .filter(one => Math.min(one.getBoundingClientRect().width, one.getBoundingClientRect().height) < least)
  .map(one => one.outerHTML)"""
# What stands in a post or names a bar of the charts, and what is hit in the whole height of its row.
LINES = ".posts *, .bar-name, .as-link, #try-now"
OVER = "() => document.scrollingElement.scrollWidth - innerWidth"
# What is seen and does not fit into its own box.
CUT = """() => [...document.querySelectorAll(
    "#feed-title, #state-text, #newest, #filter-said, #language, .phone-bar button, .author, .badge")]
  .filter(one => one.checkVisibility())
  .filter(one => one.scrollWidth > one.clientWidth + 1 || one.getBoundingClientRect().width < 20
    || one.getBoundingClientRect().right > innerWidth)
  .map(one => one.outerHTML)"""
SEEN = """() => {
  const end = document.querySelector(".phone-bar").getBoundingClientRect().top;
  const boxes = [...document.querySelectorAll("#posts .post")].map(item => item.getBoundingClientRect());
  return boxes.filter(({ top, bottom }) => top >= 0 && bottom <= end).length;
}"""


@pytest.mark.parametrize("locale", ["en-GB", "id-ID"])
def test_posts_are_on_the_first_screen_and_all_fits_and_can_be_hit(
    visit: Open, worker: Worker, topic: str, posting: PostWriter, locale: str
) -> None:
    for n in range(8):
        add(worker, f"{topic}-{n}")
    ids = posting.write(*everyday(topic, 12))
    with visit(viewport=PHONE, locale=locale) as tab:
        page = tab.open(f"/#{topic}").page
        tab.wait_for_post(ids[-1])
        tab.wait_for_state("live")
        expect(page.locator(".topic")).to_have_count(9)
        for size, least in ((PHONE, 5), (NARROW, 3), (LANDSCAPE, 3)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            assert page.evaluate(SEEN) >= least, size
            assert page.evaluate(OVER) <= 0, size
            assert page.evaluate(SMALL, TARGET) == []
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]
        for name in ("filters", "charts", "alerts"):
            page.locator(f"#bar-{name}").click()
            expect(page.locator(f"#{name}")).to_be_visible()
            if name == "charts":
                page.wait_for_selector("#charts-share li")
                expect(page.locator("#charts .hint")).to_have_count(1)
            assert page.evaluate(OVER) <= 0, name
            assert page.evaluate(SMALL, TARGET) == [], name
        page.keyboard.press("Escape")
        expect(page.locator("#alerts")).to_be_hidden()
        tab.open_charts().locator("#charts-table tbody tr button").first.click()
        expect(page.locator("#charts")).to_be_hidden()
        expect(page.locator("#visit")).to_contain_text(re.compile(r"\d\d.\d\d \w+ \d\d.\d\d"))
        assert page.evaluate(OVER) <= 0
        page.locator("#visit button").click()
        expect(page.locator("#visit")).to_be_hidden()
        page.evaluate("history.replaceState(null, '', '/?label=non_traffic' + location.hash)")
        page.reload()
        expect(page.locator("#filter-said")).not_to_be_empty()
        tab.wait_for_post(ids[2])
        tab.wait_for_state("live")
        assert page.evaluate(CUT) == []
        page.locator("#bar-pause").click()
        tab.wait_for_state("paused")
        posting.write(*everyday(topic, 12))
        expect(page.locator("#bar-pause")).to_contain_text(re.compile(r"\d"))
        assert page.evaluate(CUT) == []


def test_the_topic_that_is_followed_is_seen_among_many(visit: Open, worker: Worker, topic: str) -> None:
    names = [f"{topic}-{n}" for n in range(9)]
    for name in names:
        add(worker, name)
    with visit(viewport=PHONE) as tab:
        row = tab.open(f"/#{names[-1]}").page.locator(f'[data-topic="{names[-1]}"]')
        expect(row).to_be_in_viewport(ratio=0.99)
        tab.page.evaluate(f"location.hash = '{names[0]}'")
        expect(tab.page.locator(f'[data-topic="{names[0]}"]')).to_be_in_viewport(ratio=0.99)


def test_the_filters_unfold_for_who_asks_and_a_filter_in_the_address_is_seen(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    ids = posting.write(*everyday(topic, 3))
    with visit(viewport=PHONE) as tab:
        page = tab.open(f"/#{topic}").page
        tab.wait_for_post(ids[-1])
        text = page.locator("#filter-text")
        expect(text).to_be_hidden()
        page.keyboard.press("/")
        expect(text).to_be_focused()
        tab.open(f"/?q=tidakada#{topic}").page.reload()
        expect(page.locator("#filter-said")).to_have_text("tidakada")
        page.set_viewport_size({"width": 1440, "height": 900})
        expect(text).to_be_visible()


def menus(page: Page) -> list[Callable[[], None]]:
    """What opens the parts of the page, one after the other."""

    def press(selector: str) -> Callable[[], None]:
        return lambda: page.locator(selector).first.click()

    return [
        press(".topic .more:visible"), press('#topic-menu [data-act="remove"]'), press("#undo button"),
        press("#add > summary"), press("#add > summary"), press("#more > summary"), press("#export"),
        lambda: page.keyboard.press("Escape"), press("#help-open"), lambda: page.keyboard.press("Escape"),
    ]  # fmt: skip


@pytest.mark.parametrize(("width", "height"), [(320, 640), (1024, 768), (740, 360)])
def test_what_a_finger_hits_is_44_px_large(
    visit: Open, worker: Worker, topic: str, posting: PostWriter, width: int, height: int
) -> None:
    add(worker, "lain")
    ids = posting.write(*everyday(topic, 12))
    until(lambda: worker.count(topic) == 12, 15, "all are counted")  # a row that grows closes its menu
    small = SMALL.replace(".original,", f".original, {LINES},").replace(
        '"button, summary, select, input,', f'":is(button, summary, select, input):not({LINES}),'
    )
    with visit(viewport={"width": width, "height": height}, has_touch=True, is_mobile=True) as tab:
        page = tab.open(f"/#{topic}").page
        tab.wait_for_post(ids[-1])
        tab.wait_for_state("live")
        assert page.evaluate("matchMedia('(pointer: coarse)').matches")
        assert page.evaluate(small, FINGER) == []
        for open_it in menus(page):
            open_it()
            page.wait_for_timeout(200)
            assert page.evaluate(small, FINGER) == []
            assert page.evaluate(OVER) <= 0
        if page.locator("#bar-filters").is_visible():
            page.locator("#bar-filters").click()
            assert page.evaluate(small, FINGER) == []
            page.locator("#bar-charts").click()
            page.wait_for_selector("#charts-share li")
            assert page.evaluate(small, FINGER) == []
            page.locator("#bar-alerts").click()
        else:
            page.locator("#alerts-details > summary").click()
        page.locator("#rule-add > summary").click()
        page.wait_for_timeout(200)
        assert page.evaluate(small, FINGER) == []
        assert page.evaluate(OVER) <= 0
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        assert page.evaluate(small, FINGER) == []


def swipe(tab: Tab, by: int) -> None:
    """A thumb that moves so many px to the right."""
    send = tab.page.context.new_cdp_session(tab.page).send
    start, steps = 180 - by / 2, 10
    send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": start, "y": 250}]})
    for step in range(1, steps + 1):
        point = {"x": start + by * step / steps, "y": 250}
        send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_columns_are_one_screen_each_and_swiped(visit: Open, worker: Worker, posting: PostWriter) -> None:
    for name in ("satu", "dua"):
        add(worker, name)
    first, second = (posting.write(*everyday(name, 3))[-1] for name in ("satu", "dua"))
    with visit(viewport=PHONE, has_touch=True, is_mobile=True) as tab:
        tab.open("/#satu;dua").wait_for_post(second)
        expect(tab.page.locator(f'[data-id="{first}"]')).to_be_in_viewport()
        expect(tab.page.locator(f'[data-id="{second}"]')).not_to_be_in_viewport()
        swipe(tab, -250)
        expect(tab.page.locator(f'[data-id="{second}"]')).to_be_in_viewport(ratio=0.9)
        expect(tab.page.locator(f'[data-id="{first}"]')).not_to_be_in_viewport()
        swipe(tab, 250)
        expect(tab.page.locator(f'[data-id="{first}"]')).to_be_in_viewport(ratio=0.9)
        assert tab.page.evaluate(OVER) <= 0
