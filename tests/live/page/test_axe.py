"""No barrier in the page: axe-core finds nothing, light and dark, 360 and 1,440 px wide."""

import pytest
from playwright.sync_api import Browser
from support.browser.axe import violations
from support.browser.line import Line
from support.browser.page_load import everyday
from support.browser.tab import Open, tab
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker

pytestmark = pytest.mark.node

POSTS = ("macet total di {} dekat https://example.org/a", "selamat pagi {} semua", "{} 🚗\nbaris\n" + "kata " * 300)


def test_none_with_posts(visit: Open, topic: str, posting: PostWriter) -> None:
    ids = posting.write(*(post(text.format(topic)) for text in POSTS))
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(ids[-1])
        assert violations(tab) == []


def test_none_without_a_topic(visit: Open) -> None:
    with visit() as tab:
        tab.open("/").wait_for("() => document.querySelector('#empty').textContent")
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


@pytest.mark.parametrize("opener", ["#posts [data-act=why]", "#help-open"])
def test_none_in_a_dialog(visit: Open, topic: str, posting: PostWriter, opener: str) -> None:
    posting.write(post(f"{topic} macet total di tol, tapi kopinya enak"))
    with visit() as tab:
        tab.open(f"/#{topic}").page.locator(opener).click()
        tab.page.wait_for_selector("dialog[open]")
        tab.wait_for("() => document.querySelector('#why-rows li') || document.querySelector('#help[open]')")
        assert violations(tab) == []
