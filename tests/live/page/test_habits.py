"""The page by keyboard, by screen reader, with little motion, and in another language."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from support.browser.page_load import everyday
from support.browser.tab import Open, Tab
from support.kafka.post_writer import PostWriter

FOCUSED = "() => document.activeElement.closest('[data-id]')?.dataset.id ?? document.activeElement.id"

# Notes what every live region says, from before the page's own scripts run.
LISTEN = """
window.said = [];
addEventListener("DOMContentLoaded", () => {
  const regions = document.querySelectorAll("[role=status], [role=alert], [role=log], [aria-live]");
  for (const region of regions)
    new MutationObserver(() => region.textContent.trim() && said.push(region.textContent.trim()))
      .observe(region, { childList: true, characterData: true, subtree: true });
});
"""


@pytest.fixture
def three(visit: Open, topic: str, posting: PostWriter) -> Iterator[tuple[Tab, list[str]]]:
    """A tab with three posts, and their ids from the top."""
    ids = posting.write(*everyday(topic, 3))
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(ids[-1])
        tab.wait_for_state("live")
        yield tab, ids[::-1]


def test_keys_go_from_post_to_post_pause_filter_and_help(three: tuple[Tab, list[str]]) -> None:
    tab, ids = three
    page, press = tab.page, tab.page.keyboard.press
    for key, id in (("j", ids[0]), ("j", ids[1]), ("j", ids[2]), ("k", ids[1])):
        press(key)
        assert page.evaluate(FOCUSED) == id
    press("p")
    tab.wait_for_state("paused")
    press("p")
    tab.wait_for("() => document.querySelector('#state').dataset.state !== 'paused'")
    press("/")
    expect(page.locator("#filter-text")).to_be_focused()
    page.keyboard.type("jkp?/")
    assert page.locator("#filter-text").input_value() == "jkp?/", "who types is not steering"
    press("Escape")
    assert page.locator("#filter-text").input_value() == ""
    press("Escape")
    press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    press("p")
    assert page.locator("#state").get_attribute("data-state") != "paused", "a dialog is in between"
    page.get_by_label("Single-key shortcuts are on").uncheck()
    press("Escape")
    press("p")
    assert page.locator("#state").get_attribute("data-state") != "paused", "they were turned off"


def test_everything_can_be_reached_and_seen_by_keyboard(three: tuple[Tab, list[str]]) -> None:
    tab, _ = three
    press = tab.page.keyboard.press
    press("Tab")
    assert tab.page.evaluate("document.activeElement.id") == "skip"
    press("Enter")
    assert tab.page.evaluate("document.activeElement.id") == "feed-title"
    reached = set()
    for _ in range(60):
        press("Tab")
        name = tab.page.evaluate("document.activeElement.id || document.activeElement.className")
        assert tab.page.evaluate(
            "() => document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle"
        ) in (True, "solid", "auto"), name
        reached.add(name)
    controls = {"pause", "column-add", "panel", "filter-label", "filter-score", "filter-text"}
    assert controls | {"original", "badge", "button quiet"} <= reached


def test_the_live_region_says_a_sentence_now_and_then_not_every_post(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    posting.write(*everyday(topic, 3))
    with visit() as tab:
        tab.page.add_init_script(LISTEN)
        tab.open(f"/#{topic}").wait_for_state("live")
        tab.page.wait_for_timeout(500)
        tab.page.evaluate("said.length = 0")
        posts = everyday(topic, 90)
        writing = posting.write_at(posts, 30)
        tab.wait_for_post(posts[-1].id)
        writing.result(10)
        tab.page.wait_for_timeout(1500)
        said = tab.page.evaluate("said")
    assert 1 <= len(said) <= 2, said
    assert all(len(sentence) < 120 and "macet" not in sentence for sentence in said), said


def test_who_wants_little_motion_gets_none(visit: Open, topic: str, posting: PostWriter) -> None:
    ids = posting.write(*everyday(topic, 3))
    with visit(reduced_motion="reduce") as tab:
        tab.open(f"/#{topic}").wait_for_post(ids[-1])
        tab.wait_for_state("live")
        tab.page.wait_for_timeout(800)
        (last,) = posting.write(*everyday(topic, 1))
        tab.wait_for_post(last)
        assert tab.page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize(
    ("locale", "lang", "title", "pause"), [("en-GB", "en", "Topics", "Pause"), ("id-ID", "id", "Topik", "Jeda")]
)
def test_it_speaks_the_language_of_the_browser(
    visit: Open, topic: str, posting: PostWriter, locale: str, lang: str, title: str, pause: str
) -> None:
    ids = posting.write(*everyday(topic, 3))
    with visit(locale=locale) as tab:
        tab.open(f"/#{topic}").wait_for_post(ids[-1])
        assert tab.page.evaluate("document.documentElement.lang") == lang
        expect(tab.page.locator("#topics-title")).to_have_text(title)
        expect(tab.page.locator("#pause")).to_have_text(pause)
