"""No barrier in the page: axe-core finds nothing, light and dark, from 320 to 3,840 px wide."""

import pytest
from playwright.sync_api import Browser
from support.browser.axe import ALL_LOOKS, violations
from support.browser.line import Line
from support.browser.page_load import everyday
from support.browser.tab import Open, add, tab
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker

pytestmark = pytest.mark.node

POSTS = ("macet total di {} dekat https://example.org/a", "selamat pagi {} semua", "{} 🚗\nbaris\n" + "kata " * 300)


@pytest.mark.parametrize("locale", ["en-GB", "id-ID"])
def test_none_with_posts(visit: Open, topic: str, posting: PostWriter, locale: str) -> None:
    ids = posting.write(*(post(text.format(topic)) for text in POSTS))
    with visit(locale=locale) as tab:
        tab.open(f"/?q={topic}#{topic}").wait_for_post(ids[-1])
        tab.page.locator("#posts .badge").first.click()
        tab.page.locator(".why-details > summary").click()
        assert violations(tab, ALL_LOOKS) == []


def test_none_in_columns_and_on_the_wall(visit: Open, worker: Worker, posting: PostWriter) -> None:
    for name in ("satu", "dua"):
        add(worker, name)
        ids = posting.write(*(post(f"{name} macet total di tol cipali pagi ini") for _ in range(2)))
    with visit() as tab:
        tab.open("/#satu;dua?label=traffic").wait_for_post(ids[0])
        tab.page.locator("[data-act=same]:visible").first.click()
        assert violations(tab, ALL_LOOKS) == []
        tab.open("/?view=wall#satu;dua").wait_for_post(ids[0])
        assert violations(tab, ALL_LOOKS) == []


def test_none_without_a_topic(visit: Open) -> None:
    with visit() as tab:
        tab.open("/").wait_for("() => document.querySelector('.empty').textContent")
        assert violations(tab) == []


def test_none_while_it_reconnects(browser: Browser, worker: Worker, topic: str, posting: PostWriter) -> None:
    (id,) = posting.write(post(f"{topic} macet"))
    with Line(worker.port) as line, tab(browser, line.url) as reader:
        reader.open(f"/#{topic}").wait_for_post(id)
        line.cut()
        reader.wait_for_state("lost", "waiting")
        assert violations(reader) == []


def test_none_in_the_charts(visit: Open, worker: Worker, topic: str, posting: PostWriter) -> None:
    posting.write(*everyday(topic, 30))
    until(lambda: worker.count(topic) == 30, 15, "all are counted")
    with visit() as tab:
        tab.open(f"/#{topic}").open_charts()
        assert tab.charted().total() == 30
        assert violations(tab) == []


def test_none_in_a_menu_and_in_a_dialog(visit: Open, topic: str) -> None:
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_state("live")
        tab.more()
        assert violations(tab, [("light", 1366)]) == []
        tab.page.locator("#filter-label").click()
        assert violations(tab, [("dark", 1366)]) == []
        tab.page.locator("#help-open").click()
        tab.page.wait_for_selector("dialog[open]")
        assert violations(tab) == []


def test_none_beside_a_muted_topic_and_in_the_rules_for_alerts(visit: Open, topic: str) -> None:
    with visit() as tab:
        page = tab.open(f"/#{topic}").page
        tab.wait_for_state("live")
        tab.menu(topic, "mute")
        page.locator("#alerts-details > summary").click()
        page.locator("#rule-add > summary").click()
        page.wait_for_selector("#rule-unsent:visible")
        assert violations(tab, [("light", 1366), ("dark", 1366)]) == []
        tab.menu(topic, "remove")
        page.wait_for_selector("#undo button")
        assert violations(tab) == []
