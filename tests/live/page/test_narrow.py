"""Nothing is wider than a screen of 320 px, whatever is opened there."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from support.browser.page_load import everyday
from support.browser.tab import Open, Tab, add
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker

NARROW = {"width": 320, "height": 640}
# What reaches out of the screen; a row that scrolls in itself, as the chips do, keeps its ends to itself.
OUT = """() => {
  const inside = ".unseen, .skip, .only-heard, .topics, .table-frame, .columns > :not(.current)";
  const out = ({ left, right, width }) => width > 1 && (right > innerWidth + 1 || left < -1);
  return [...document.querySelectorAll("body *")]
    .filter(one => one.checkVisibility() && !one.closest(inside) && out(one.getBoundingClientRect()))
    .map(one => one.outerHTML.slice(0, 200));
}"""
OVER = "() => document.scrollingElement.scrollWidth - innerWidth"


def add_form(page: Page) -> None:
    page.locator("#add > summary").click()
    page.locator("#add-name").fill("x" * 64)
    page.locator("#add-track").fill(f'{"y" * 90}, "dua kata, ')
    page.locator("#add-button").click()
    expect(page.locator("#add .error:visible")).to_have_count(1)


def topic_menu(page: Page) -> None:
    page.locator(".topic:has([aria-current]) .more").first.click()
    expect(page.locator("#topic-menu")).to_be_visible()


def why(page: Page) -> None:
    page.locator("#posts .badge").first.click()
    page.locator(".why-details > summary").click()


def more(page: Page) -> None:
    page.locator("#more > summary").click()


def export(page: Page) -> None:
    more(page)
    page.locator("#export").click()
    expect(page.locator("dialog[open] .actions button").first).to_be_visible()


def labels(page: Page) -> None:
    page.locator("#bar-filters").click()
    page.locator("#filter-label").click()
    page.locator("#filter-text").fill("w" * 60)


def table(page: Page) -> None:
    page.locator("#bar-charts").click()
    page.locator("#charts .as-table > summary").click()
    expect(page.locator("#charts-table tr").first).to_be_visible()


def rule(page: Page) -> None:
    page.locator("#bar-alerts").click()
    page.locator("#rule-add > summary").click()
    page.locator("#rule-when").select_option("every")
    expect(page.locator("#rule-told")).not_to_be_empty()


def shortcuts(page: Page) -> None:
    page.locator("#help-open").click()


def copied(page: Page) -> None:
    more(page)
    page.locator("#copy").click()
    expect(page.locator("#copied")).not_to_be_empty()


OPENED: list[Callable[[Page], None]] = [add_form, topic_menu, why, more, export, labels, table, rule, shortcuts, copied]


def fits(tab: Tab, what: str) -> None:
    assert tab.page.evaluate(OVER) <= 0, what
    assert tab.page.evaluate(OUT) == [], what


@pytest.mark.parametrize("locale", ["en-GB", "id-ID"])
def test_whatever_is_opened_fits(visit: Open, worker: Worker, posting: PostWriter, locale: str) -> None:
    long = "jalan-tol-dalam-kota-" + "a" * 40
    add(worker, long, "macet")
    add(worker, "hujan")
    ids = posting.write(*(post(f"macet total di {'x' * 200} km {n}", author="nama" * 20) for n in range(9)))
    until(lambda: worker.count(long) == 9, 15, "all are counted")
    with visit(viewport=NARROW, locale=locale, has_touch=True) as tab:
        for opened in OPENED:
            tab.open("/livez").open(f"/#{long},hujan").wait_for_post(ids[-1])
            tab.wait_for_state("live")
            opened(tab.page)
            fits(tab, opened.__name__)
        for address in (f"/#{long};hujan", f"/?view=wall#{long};hujan", f"/?q=macet&label=traffic#{long}"):
            tab.open("/livez").open(address).wait_for_post(ids[-1])
            fits(tab, address)


# The states whose words do not fit into the head's one line of controls.
CUT = """async () => {
  const { t } = await import("./static/words/words.js");
  const { STATES } = await import("./static/feed/states.js");
  const [state, text, tryNow] = ["state", "state-text", "try-now"].map(id => document.getElementById(id));
  return Object.entries(STATES).filter(([name, rule]) => {
    state.dataset.state = name;
    text.textContent = t(rule.text);
    tryNow.hidden = !rule.tryNow;
    return state.scrollHeight > state.clientHeight + 1 || text.scrollWidth > text.clientWidth + 1;
  }).map(([name]) => name);
}"""


@pytest.mark.parametrize("locale", ["en-GB", "id-ID"])
def test_every_state_can_be_read_in_whole(visit: Open, topic: str, locale: str) -> None:
    with visit(viewport=NARROW, locale=locale) as tab:
        tab.open(f"/#{topic}").wait_for_state("live")
        for width in (320, 390, 844):
            tab.page.set_viewport_size({"width": width, "height": 390})
            assert tab.page.evaluate(CUT) == [], width


def test_a_chip_of_a_topic_has_its_count(visit: Open, worker: Worker, topic: str, posting: PostWriter) -> None:
    posting.write(*everyday(topic, 12))
    until(lambda: worker.count(topic) == 12, 15, "all are counted")
    with visit(viewport=NARROW) as tab:
        tab.open(f"/#{topic}").wait_for_state("live")
        count = (
            "name => getComputedStyle(document.querySelector(`[data-topic='${name}'] .topic-link`), '::after').content"
        )
        tab.wait_for(f"name => ({count})(name) === '\"12\"'", topic)
