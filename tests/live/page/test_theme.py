"""Light or dark: as the system says, as the person chose, or as the address of a wall says."""

import pytest
from playwright.sync_api import expect
from support.browser.axe import LOOKS, violations
from support.browser.page_load import everyday
from support.browser.tab import Open, Tab
from support.kafka.post_writer import PostWriter
from support.waiting import until
from support.workers import Worker

LARGE = {"width": 1440, "height": 900}
GROUND = "() => getComputedStyle(document.body).backgroundColor"
LIGHT, DARK = "rgb(244, 246, 247)", "rgb(17, 24, 27)"
# The colour of the chart's corner, where its numbers stand, and of its numbers: the sum of all that is drawn there.
INK = """() => {
  const canvas = document.querySelector("#charts-time canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, 40, canvas.height);
  const seen = [...data].filter((_, at) => at % 4 === 3).some(Boolean);
  return seen && Math.max(...[...data].filter((value, at) => at % 4 === 0 && data[at + 3] > 200));
}"""


def wears(tab: Tab, ground: str) -> None:
    tab.wait_for(f"wanted => ({GROUND})() === wanted", ground)


def choose(tab: Tab, letter: str) -> None:
    """By keyboard alone: the menu, its last field, the first letter of the choice."""
    press = tab.page.keyboard.press
    tab.page.locator("#more > summary").focus()
    press("Enter")
    for _ in range(9):
        press("Tab")
        if tab.page.evaluate("document.activeElement.id") == "theme":
            break
    expect(tab.page.get_by_label("Colours")).to_be_focused()
    press(letter)
    press("Escape")
    expect(tab.page.locator("#more .menu-panel")).to_be_hidden()


def test_a_person_chooses_by_keyboard_and_it_stays_and_the_chart_follows(
    visit: Open, worker: Worker, topic: str, posting: PostWriter
) -> None:
    posting.write(*everyday(topic, 30))
    until(lambda: worker.count(topic) == 30, 15, "all are counted")
    with visit(viewport=LARGE, color_scheme="light") as tab:
        page = tab.open(f"/#{topic}").page
        page.wait_for_selector("#charts-time canvas")
        wears(tab, LIGHT)
        tab.wait_for(f"() => ({INK})() < 160")
        page.emulate_media(color_scheme="dark")
        wears(tab, DARK)
        page.emulate_media(color_scheme="light")
        choose(tab, "d")
        wears(tab, DARK)
        tab.wait_for(f"() => ({INK})() > 160")
        page.reload()
        wears(tab, DARK)
        page.emulate_media(color_scheme="dark")
        choose(tab, "l")
        wears(tab, LIGHT)
        choose(tab, "a")  # as the system
        wears(tab, DARK)


@pytest.mark.node
@pytest.mark.parametrize("letter", ["l", "d"])
def test_no_barrier_in_what_was_chosen_whatever_the_system_says(
    visit: Open, topic: str, posting: PostWriter, letter: str
) -> None:
    ids = posting.write(*everyday(topic, 3))
    with visit(viewport=LARGE) as tab:
        tab.open(f"/#{topic}").wait_for_post(ids[-1])
        choose(tab, letter)
        tab.more()
        assert violations(tab, LOOKS) == []


def test_the_address_of_a_wall_says_it_and_what_a_person_chose_comes_back_after_it(visit: Open, topic: str) -> None:
    with visit(viewport=LARGE, color_scheme="light") as tab:
        tab.open(f"/?view=wall&theme=dark#{topic}").wait_for_state("live")
        wears(tab, DARK)
        tab.page.keyboard.press("Escape")
        wears(tab, LIGHT)
        assert "theme" not in tab.page.url
        tab.open(f"/?view=wall&theme=pink#{topic}").page.reload()
        tab.wait_for_state("live")
        wears(tab, LIGHT)
