"""Nothing that the page has to say pushes the list of posts down, in either language, from a phone to a laptop."""

import httpx
import pytest
from playwright.sync_api import Browser, expect
from support.browser.line import Line
from support.browser.page_load import everyday
from support.browser.tab import Tab, add, tab
from support.kafka.post_writer import PostWriter
from support.workers import Worker

SIZES = [(1366, 768), (844, 390), (390, 844), (320, 640)]
TOP = "() => document.querySelector('.posts').getBoundingClientRect().top + scrollY"


def tops(tab: Tab) -> dict[tuple[int, int], float]:
    """Where the list begins, at each size."""
    found = {}
    for width, height in [*SIZES, SIZES[0]]:
        tab.page.set_viewport_size({"width": width, "height": height})
        found[width, height] = tab.page.evaluate(TOP)
    return found


@pytest.mark.parametrize("locale", ["en-GB", "id-ID"])
def test_no_state_and_no_message_moves_the_list(
    browser: Browser, worker: Worker, posting: PostWriter, locale: str
) -> None:
    for name in ("satu", "dua", "tiga"):
        add(worker, name)
    ids = posting.write(*everyday("satu", 40))
    with Line(worker.port) as line, tab(browser, line.url, locale=locale) as reader:
        page = reader.open("/#satu,dua").page
        reader.wait_for_post(ids[-1])
        reader.wait_for_state("live")
        expect(page.locator(".hour-count").first).not_to_be_empty()
        still = tops(reader)

        page.keyboard.press("p")
        posting.write(*everyday("satu", 200))
        expect(page.locator("#pause")).to_contain_text("200")
        assert tops(reader) == still, "paused"
        page.keyboard.press("p")
        page.keyboard.press("j")
        posting.write(*everyday("satu", 20))
        reader.wait_for_state("held")
        assert tops(reader) == still, "held"
        page.locator("#newest").click()
        reader.wait_for_state("live")

        reader.menu("tiga", "remove")
        expect(page.locator("#undo .button")).to_be_visible()
        assert tops(reader) == still, "a deletion that can be taken back"
        httpx.delete(f"{worker.url}/topics/dua", timeout=30).raise_for_status()
        expect(page.locator("#gone")).to_contain_text("dua")
        assert tops(reader) == still, "a topic is gone"

        line.cut()
        reader.wait_for_state("waiting")
        expect(page.locator("#try-now")).to_be_visible()
        expect(page.locator("#topics-note")).not_to_be_empty()
        assert tops(reader) == still, "reconnecting"
        line.mend()
        reader.wait_for_state("live")
