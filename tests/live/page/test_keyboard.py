"""All that can be done on the page can be done by the keyboard alone: no step here uses a pointer."""

import re

from playwright.sync_api import expect
from support.browser.tab import Open, Tab
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker

LARGE = {"width": 1440, "height": 900}
# What the focus is on, as it is called; and whether it can be seen where it is.
NAME = """() => {
  const one = document.activeElement;
  return (one.ariaLabel ?? one.labels?.[0]?.textContent ?? one.textContent).trim().replace(/\\s+/g, " ");
}"""
MOST = 200  # stops on the way round the page


class Keys:
    """A person with a keyboard."""

    def __init__(self, tab: Tab) -> None:
        self.tab, self.page, self.press = tab, tab.page, tab.page.keyboard.press

    def go(self, name: str, *keys: str) -> None:
        """Tab on until what has the focus is called so, and press these keys there."""
        passed = []
        for _ in range(MOST):
            self.press("Tab")
            passed.append(self.page.evaluate(NAME))
            if re.match(name, passed[-1]):
                break
        else:
            raise AssertionError(f"{name} was not among {passed}")
        for key in keys:
            self.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def hash(self, wanted: str) -> None:
        self.tab.wait_for("wanted => location.hash === wanted", wanted)


def begin(keys: Keys, posting: PostWriter) -> list[str]:
    """Two topics are added, both followed; the ids of three posts."""
    expect(keys.page.locator("#add-name")).to_be_enabled()
    keys.go("Name")
    keys.type("jalan")
    keys.go("Words, phrases", *"macet", "Enter")
    keys.go("Add topic", "Enter")
    keys.hash("#jalan")
    keys.tab.wait_for_state("live")
    keys.go("Add a topic", "Enter")
    expect(keys.page.locator("#add-name")).to_be_focused()
    keys.type("banjir")
    keys.press("Enter")
    keys.hash("#jalan,banjir")
    keys.tab.wait_for_state("live")
    same = "macet total di tol cipali, lalu lintas padat"
    ids = posting.write(post(same), post(f"RT @a: {same}"), post("banjir selamat pagi, sudah sarapan"))
    keys.tab.wait_for_post(ids[2])
    return ids


def test_a_post_is_explained_unfolded_filtered_and_saved(visit: Open, worker: Worker, posting: PostWriter) -> None:
    with visit(viewport=LARGE) as tab:
        page, keys = tab.open("/").page, Keys(tab)
        ids = begin(keys, posting)
        until(lambda: worker.count("jalan") == 2, 15, "all are counted")
        keys.press("j")
        keys.press("j")
        keys.go("Why traffic", "Enter")
        expect(page.locator(".why-said")).to_contain_text("mostly because of")
        keys.go("Details", "Enter")
        expect(page.locator("#why-rows li").first).to_be_visible()
        keys.press("Escape")
        expect(page.locator(".why")).to_have_count(0)
        keys.go("2 posts say the same", "Enter")
        expect(page.locator(".same li")).to_have_count(2)
        keys.press("/")
        keys.type("sarapan")
        tab.wait_for("id => [...document.querySelectorAll('[data-id]')].map(i => i.dataset.id).join() === id", ids[2])
        keys.press("Escape")
        keys.go("All labels", "Enter")
        keys.go("traffic", "Space", "Escape")
        tab.wait_for("() => location.search === '?label=traffic'")
        keys.go("How sure", "ArrowDown")
        tab.wait_for("() => location.search.includes('min_score=')")
        keys.go("Clear", "Enter")
        tab.wait_for("() => location.search === ''")
        keys.go("More$", "Enter")
        keys.go("Save all posts", "Enter")
        expect(page.get_by_role("dialog", name="Save posts")).to_be_visible()
        keys.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        keys.go("As a table", "Enter")
        expect(page.locator("#charts-table tr").first).to_be_visible()
        keys.go(r"\d\d:\d\d$", "Enter")
        expect(page.locator("#posts .post-body:focus")).to_have_count(1)
        assert not tab.problems


def test_columns_rules_topics_the_wall_and_the_language_too(visit: Open, worker: Worker, posting: PostWriter) -> None:
    with visit(viewport=LARGE) as tab:
        page, keys = tab.open("/").page, Keys(tab)
        begin(keys, posting)
        keys.go("Follow banjir as well", "Space")
        keys.hash("#jalan")
        keys.go("Alerts", "Enter")
        keys.go("Rules for one topic", "Enter")
        keys.go("Topic$", "b")
        keys.go("Add rule", "Enter")
        expect(page.locator(".rules li")).to_contain_text(["banjir any label"])
        keys.go("Remove the rule for banjir", "Enter")
        expect(page.locator(".rules li")).to_have_count(0)
        keys.go("Add a column", "Enter")
        keys.hash("#jalan;banjir")
        keys.go("Move banjir to the left", "Enter")
        keys.hash("#banjir;jalan")
        keys.go("Close the column banjir", "Enter")
        keys.hash("#jalan")
        keys.go("More for banjir", "Enter")
        keys.go("Mute", "Enter")
        expect(page.locator('[data-topic="banjir"] .muted-sign')).to_be_visible()
        keys.go("More for jalan", "Enter")
        keys.go("Change the words of jalan", "Enter")
        keys.type("padat")
        keys.press("Enter")
        keys.go("Save", "Enter")
        expect(page.locator('[data-topic="jalan"] .topic-track')).to_have_text("macet, padat")
        keys.go("More for banjir", "Enter")
        keys.go("Delete the topic banjir", "Enter")
        keys.go("Undo: keep the topic banjir", "Enter")
        expect(page.locator('[data-topic="banjir"]')).to_be_visible()
        keys.go("Help", "Enter")
        keys.go("Single-key shortcuts are on", "Space", "Escape")
        keys.press("p")
        assert page.locator("#state").get_attribute("data-state") != "paused"
        keys.go("Pause", "Enter")
        tab.wait_for_state("paused")
        keys.go("Resume", "Enter")
        keys.go("More$", "Enter")
        keys.go("Wall view", "Enter")
        expect(page.locator("#wall-clock")).to_be_visible()
        keys.press("Escape")
        expect(page.locator("#wall-clock")).to_be_hidden()
        keys.go("Language", "I")
        expect(page.locator("#topics-title")).to_have_text("Topik")
        assert not tab.problems and set(worker.topics()) == {"jalan", "banjir"}
