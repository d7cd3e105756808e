"""The page under load: it stays as light as it was, and quick. Times may be three times what bench/page.py holds."""

import pytest
from playwright.sync_api import Browser, expect
from support.browser.page_load import OWN, OWN_FILES, everyday, first_content, flood, measure, steady
from support.browser.tab import Open
from support.kafka.post_writer import PostWriter
from support.paths import STATIC
from support.workers import Worker

RULES = """text => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  return [...sheet.cssRules].map(rule => rule.cssText.replace(/, +/g, ','));
}"""
BUSY = 3  # a machine that does other things too


def test_the_first_content_is_there_at_once_and_the_page_is_light(
    whole_browser: Browser, visit_whole: Open, topic: str, posting: PostWriter
) -> None:
    posting.write(*everyday(topic, 60))
    with visit_whole() as tab:
        trace = first_content(whole_browser, tab, f"/#{topic}")
        assert 100_000 < tab.page.evaluate(OWN_FILES) <= OWN
    assert trace.first_paint is not None and trace.first_paint < 500 * BUSY


def test_a_page_whose_scripts_do_not_come_says_so(visit: Open) -> None:
    with visit() as tab:
        tab.page.route("**/app.js*", lambda route: route.abort())
        said = tab.open("/").page.locator("#unloaded")
        expect(said).to_be_hidden()
        tab.page.evaluate("document.getAnimations().forEach((animation) => animation.finish())")  # after 5 s
        expect(said.get_by_role("link", name="Reload")).to_be_visible()
        tab.page.unroute_all()
        said.get_by_role("link", name="Reload").click()
        expect(said).to_have_count(0)


def test_the_styles_that_a_browser_gets_say_what_was_written(visit: Open) -> None:
    with visit() as tab:
        page = tab.open("/").page
        for path in sorted((STATIC / "styles").glob("*.css")):
            served = page.evaluate("path => fetch(`static/styles/${path}`).then(answer => answer.text())", path.name)
            assert len(served) < path.stat().st_size
            assert page.evaluate(RULES, served) == page.evaluate(RULES, path.read_text())


def test_however_many_posts_come_it_holds_no_more(visit: Open, topic: str, posting: PostWriter) -> None:
    posting.write(*everyday(topic, 30))
    with visit(viewport={"width": 1440, "height": 900}) as tab:
        tab.open(f"/#{topic}").wait_for_state("live")
        # The charts come with the first counts, and are not what is weighed here.
        tab.wait_for("() => document.querySelector('#charts-share li')")
        _, first, *_, last = list(flood(tab, posting, topic, 10_000, 5))
    assert last.heap < first.heap * 1.25 + 1
    assert last.nodes < first.nodes * 1.05
    assert last.listeners < first.listeners * 1.05


def test_at_50_posts_a_second_no_task_is_long(browser: Browser, visit: Open, topic: str, posting: PostWriter) -> None:
    with visit() as tab:
        posting.write(*everyday(topic, 300))
        tab.open(f"/#{topic}").wait_for_state("live")
        tab.page.wait_for_timeout(500)
        trace = steady(browser, tab, posting, [topic], 50, 6)
    assert len(trace.work) > 100 and trace.work[0] < 100


@pytest.mark.soak
def test_100_000_posts_leave_it_as_light_as_it_was(whole_browser: Browser, worker: Worker, posting: PostWriter) -> None:
    """Its times are held on a machine that does nothing else."""
    measured = measure(whole_browser, worker, posting, 100_000, 50, 60)
    print(f"\n{measured.table()}")
    assert measured.missed() == []
