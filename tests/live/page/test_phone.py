"""On a phone, 360 px wide: the posts are on the first screen, nothing is cut off, and all can be hit with a thumb."""

import pytest
from playwright.sync_api import expect
from support.browser.page_load import everyday
from support.browser.tab import Open, add
from support.kafka.post_writer import PostWriter
from support.workers import Worker

PHONE = {"width": 360, "height": 740}
TARGET = 24  # px, what WCAG 2.2 asks of each

# What can be hit and is seen; a box takes its label's size, and a link in a sentence is as high as its line.
SMALL = """least => [...document.querySelectorAll("button, summary, select, input, a:not(.text a, .original, .skip)")]
  .map(one => one.closest("label") ?? one)
  .filter(one => one.checkVisibility() && one.getClientRects().length)
  .filter(one => Math.min(one.getBoundingClientRect().width, one.getBoundingClientRect().height) < least)
  .map(one => one.outerHTML)"""
OVER = "() => document.scrollingElement.scrollWidth - innerWidth"


@pytest.mark.parametrize("locale", ["en-GB", "id-ID"])
def test_the_first_post_is_on_the_first_screen(
    visit: Open, worker: Worker, topic: str, posting: PostWriter, locale: str
) -> None:
    for n in range(8):
        add(worker, f"{topic}-{n}")
    ids = posting.write(*everyday(topic, 3))
    with visit(viewport=PHONE, locale=locale) as tab:
        tab.open(f"/#{topic}").wait_for_post(ids[-1])
        tab.wait_for_state("live")
        expect(tab.page.locator(".topic")).to_have_count(9)
        box = tab.page.locator(f'#posts [data-id="{ids[-1]}"]').bounding_box()
        assert box and box["y"] + box["height"] < PHONE["height"], "all of it"
        assert tab.page.evaluate(OVER) <= 0
        assert tab.page.evaluate(SMALL, TARGET) == []
        tab.page.evaluate("() => document.querySelectorAll('details').forEach(one => (one.open = true))")
        tab.page.wait_for_selector("#charts-table td")
        assert tab.page.evaluate(OVER) <= 0, "nor with all unfolded"
        assert tab.page.evaluate(SMALL, TARGET) == []


def test_the_topic_that_is_followed_is_seen_among_many(visit: Open, worker: Worker, topic: str) -> None:
    names = [f"{topic}-{n}" for n in range(9)]
    for name in names:
        add(worker, name)
    with visit(viewport=PHONE) as tab:
        row = tab.open(f"/#{names[-1]}").page.locator(f'[data-topic="{names[-1]}"]')
        expect(row).to_be_in_viewport(ratio=0.99)
        tab.page.evaluate(f"location.hash = '{names[0]}'")
        expect(tab.page.locator(f'[data-topic="{names[0]}"]')).to_be_in_viewport(ratio=0.99)


def test_the_filters_unfold_for_who_asks_and_for_an_address_that_filters(
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
        expect(text).to_be_visible()
        page.set_viewport_size({"width": 1440, "height": 900})
        expect(text).to_be_visible()
