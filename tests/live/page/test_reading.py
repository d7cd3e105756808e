"""Reading while posts come in: the screen does not move, scrolling loads older posts, the document stays small."""

import pytest
from playwright.sync_api import expect
from support.browser.page_load import everyday
from support.browser.tab import Open, Tab
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker

MOST = 300  # elements of posts in the document

# Where the post in the middle of the screen is, to the pixel.
PLACE = """() => {
  const seen = (item) => item.getBoundingClientRect().bottom > innerHeight / 2;
  const item = [...document.querySelectorAll("#posts [data-id]")].find(seen);
  return [item.dataset.id, item.getBoundingClientRect().top];
}"""
TOP = "id => document.querySelector(`#posts [data-id='${id}']`).getBoundingClientRect().top"


def waiting(tab: Tab, count: int) -> None:
    expect(tab.page.locator("#newest")).to_have_text(f"{count} new post{'s' if count > 1 else ''}")


@pytest.mark.parametrize("width", [360, 1440])
def test_new_posts_never_move_what_one_reads(visit: Open, topic: str, posting: PostWriter, width: int) -> None:
    posting.write(*everyday(topic, 60))
    with visit(viewport={"width": width, "height": 800}) as tab:
        tab.open(f"/#{topic}").page.wait_for_selector("#posts [data-id]")
        tab.wait_for_state("live")
        tab.page.mouse.move(width / 2, 700)
        tab.page.mouse.wheel(0, 2500)
        tab.page.wait_for_timeout(300)
        id, was = tab.page.evaluate(PLACE)
        posting.write(*(post(f"{topic} baru " + "panjang " * n) for n in range(9)))
        waiting(tab, 9)
        assert tab.page.evaluate(TOP, id) == was
        *_, last = posting.write(*everyday(topic, 31))
        waiting(tab, 40)
        assert tab.page.evaluate(TOP, id) == was
        tab.page.locator("#newest").click()
        tab.wait_for_post(last)
        assert tab.ids()[0] == last
        assert 0 < tab.page.evaluate(TOP, last) < 800, "the newest is seen"


def test_a_post_that_has_the_focus_stays_where_it_is(visit: Open, topic: str, posting: PostWriter) -> None:
    posting.write(*everyday(topic, 10))
    with visit() as tab:
        tab.open(f"/#{topic}").page.wait_for_selector("#posts [data-id]")
        tab.wait_for_state("live")
        tab.page.keyboard.press("j")
        focused = tab.page.evaluate("document.activeElement.closest('[data-id]').dataset.id")
        was = tab.page.evaluate(TOP, focused)
        posting.write(*everyday(topic, 5))
        waiting(tab, 5)
        assert tab.page.evaluate(TOP, focused) == was


def test_older_posts_come_on_scrolling_each_once_and_few_are_in_the_document(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    ids = posting.write(*everyday(topic, 420))
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(ids[-1])
        seen, most = tab.walk()
        assert seen == ids[::-1]
        assert most <= MOST
        expect(tab.page.locator(".posts-end")).to_have_text("No older posts.")


# Slows the drawing of the list, and shows the state again and again. Notes whether the first post is in the document
# when the page says that there are no older ones.
HURRIED = """first => {
  const frame = requestAnimationFrame;
  window.requestAnimationFrame = (act) => setTimeout(() => frame(act), 300);
  setInterval(() => document.dispatchEvent(new Event("visibilitychange")), 20);
  window.told = null;
  const end = document.querySelector(".posts-end");
  new MutationObserver(() => {
    if (end.textContent.startsWith("No older posts")) {
      window.told ??= document.querySelector(`#posts [data-id="${first}"]`) !== null;
    }
  }).observe(end, { childList: true, characterData: true, subtree: true });
}"""


def test_the_end_is_told_only_when_the_first_posts_are_there(
    visit: Open, worker: Worker, topic: str, posting: PostWriter
) -> None:
    ids = posting.write(*everyday(topic, 95))  # two pages, and more than the document takes at once
    until(lambda: worker.count(topic) == 95, 15, "none is left to come by the stream")
    with visit() as tab:
        page = tab.open(f"/#{topic}").page
        tab.wait_for_post(ids[-1])
        tab.wait_for_state("live")
        page.evaluate(HURRIED, ids[0])
        page.evaluate("() => setInterval(() => scrollTo(0, document.scrollingElement.scrollHeight), 50)")
        tab.wait_for("() => window.told !== null")
        assert page.evaluate("() => window.told")


def test_a_pause_holds_the_list_and_counts_what_waits(visit: Open, topic: str, posting: PostWriter) -> None:
    before = posting.write(*everyday(topic, 3))
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(before[-1])
        tab.wait_for_state("live")
        tab.page.get_by_role("button", name="Pause").click()
        tab.wait_for_state("paused")
        after = posting.write(*everyday(topic, 5))
        expect(tab.page.locator("#pause")).to_have_text("Resume (5 new)")
        assert tab.ids() == before[::-1]
        tab.page.locator("#pause").click()
        tab.wait_for_post(after[-1])
        assert tab.ids() == [*after[::-1], *before[::-1]]


def test_a_pause_that_lasts_loses_nothing_of_what_can_be_read_back(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    before = posting.write(*everyday(topic, 20))
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(before[-1])
        tab.wait_for_state("live")
        tab.page.get_by_role("button", name="Pause").click()
        during = posting.write(*everyday(topic, 640))
        expect(tab.page.locator("#pause")).to_contain_text("640 new")
        tab.page.locator("#pause").click()
        tab.wait_for_post(during[-1])
        seen, _ = tab.walk()
        assert seen == [*during[::-1], *before[::-1]]


def test_what_is_taken_back_moves_nothing_and_hands_the_focus_on(visit: Open, topic: str, posting: PostWriter) -> None:
    ids = posting.write(*everyday(topic, 120))
    with visit() as tab:
        tab.open(f"/#{topic}").page.wait_for_selector("#posts [data-id]")
        tab.wait_for_state("live")
        tab.page.mouse.move(600, 500)
        tab.page.mouse.wheel(0, 9000)  # older ones come too
        tab.page.wait_for_timeout(600)
        tab.page.get_by_role("button", name="Pause").click()
        id, was = tab.page.evaluate(PLACE)
        at = ids.index(id)
        above, next = ids[at + 3], ids[at - 1]
        waits, _ = posting.write(*everyday(topic, 2))
        expect(tab.page.locator("#pause")).to_have_text("Resume (2 new)")
        for gone in (ids[-1], above, waits):
            posting.retract(gone)
        expect(tab.page.locator("#pause")).to_have_text("Resume (1 new)")
        tab.wait_for("id => !document.querySelector(`#posts [data-id='${id}']`)", above)
        assert tab.page.evaluate(TOP, id) == pytest.approx(was, abs=1)
        tab.page.locator(f'[data-id="{id}"] .post-body').focus()
        posting.retract(id)
        tab.wait_for("id => document.activeElement.closest('[data-id]')?.dataset.id === id", next)
