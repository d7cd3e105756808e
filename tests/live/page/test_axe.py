"""No barrier in the page: axe-core finds nothing, light and dark, 360 and 1,440 px wide."""

import pytest
from axe import violations
from line import Line
from playwright.sync_api import Browser
from posting import Posting, post
from tab import Open, tab
from workers import Worker

pytestmark = pytest.mark.node

POSTS = ("macet total di {} dekat https://example.org/a", "selamat pagi {} semua", "{} 🚗\nbaris\n" + "kata " * 300)


def test_none_with_posts(visit: Open, topic: str, posting: Posting) -> None:
    ids = posting.write(*(post(text.format(topic)) for text in POSTS))
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(ids[-1])
        assert violations(tab) == []


def test_none_without_a_topic(visit: Open) -> None:
    with visit() as tab:
        tab.open("/").wait_for("() => document.querySelector('#empty').textContent")
        assert violations(tab) == []


def test_none_while_it_reconnects(browser: Browser, worker: Worker, topic: str, posting: Posting) -> None:
    (id,) = posting.write(post(f"{topic} macet"))
    with Line(worker.port) as line, tab(browser, line.url) as reader:
        reader.open(f"/#{topic}").wait_for_post(id)
        line.cut()
        reader.wait_for_state("lost", "waiting")
        assert violations(reader) == []
