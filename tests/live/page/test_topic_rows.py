"""The rows of the topics: words, last hour, the dot, and the menu that changes, mutes and deletes."""

import re

import pytest
from playwright.sync_api import expect
from support.browser.tab import Open, add
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker


def test_a_row_tells_the_words_the_last_hour_and_what_was_not_seen(
    visit: Open, worker: Worker, posting: PostWriter
) -> None:
    for name, words in (("jalan", ("macet", "tol dalam kota")), ("banjir", ("banjir",))):
        add(worker, name, *words)
    posting.write(*(post(f"macet {number}") for number in range(7)))
    until(lambda: worker.count("jalan") == 7, 15, "all are counted")
    with visit() as tab:
        page = tab.with_clock().open("/#jalan").page
        row, other = (page.locator(f'[data-topic="{name}"]') for name in ("jalan", "banjir"))
        expect(row.locator(".topic-track")).to_have_text("macet, tol dalam kota")
        expect(other.locator(".topic-track")).to_be_hidden()  # its name says it
        expect(row.locator(".hour-count")).to_have_text("7 in the last hour")
        points = row.locator(".spark polyline").get_attribute("points") or ""
        assert len(points.split()) == 60 and len({point.split(",")[1] for point in points.split()}) > 1
        expect(page.locator(".topic-fresh:visible")).to_have_count(0)
        posting.write(post("banjir di jalan"))
        until(lambda: worker.count("banjir") == 1, 15, "it is counted")
        tab.later(4500)
        expect(other.locator(".topic-fresh")).to_be_visible()
        expect(other.get_by_role("link")).to_have_accessible_name(re.compile("new since you last looked"))
        tab.menu("banjir", "mute")
        expect(other.locator(".topic-fresh")).to_be_hidden()
        expect(other.get_by_role("link")).to_have_accessible_name(re.compile("muted"))
        page.reload()
        expect(other).to_have_class(re.compile("muted"))
        tab.menu("banjir", "mute")
        expect(other.locator(".topic-fresh")).to_be_visible()
        other.get_by_role("link").click()
        expect(other.locator(".topic-fresh")).to_be_hidden()
        assert not tab.problems


def test_the_words_of_a_topic_change_and_what_is_followed_stays(
    visit: Open, worker: Worker, posting: PostWriter
) -> None:
    add(worker, "jalan", "macet")
    with visit() as tab:
        page = tab.open("/#jalan").page
        tab.wait_for_state("live")
        feed = worker.topics()["jalan"]["kafka_topic"]
        page.locator('[data-topic="jalan"] .more').press("Enter")
        page.keyboard.press("Escape")
        expect(page.locator("#topic-menu")).to_be_hidden()
        expect(page.locator('[data-topic="jalan"] .more')).to_be_focused()
        tab.menu("jalan", "edit")
        expect(page.locator("#add summary")).to_have_text("Change jalan")
        track = page.get_by_label("Words, phrases, #hashtags")
        for wrong, said in (('"banjir', "A quotation mark is missing"), ("-tol", "says only what to leave out")):
            track.fill(wrong)
            page.get_by_role("button", name="Save", exact=True).click()
            expect(page.locator("#add-track-error")).to_contain_text(said)
            expect(track).to_be_focused()
        track.fill("banjir,")
        page.get_by_role("button", name="Remove macet").click()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator('[data-topic="jalan"] .topic-track')).to_have_text("banjir")
        expect(page.locator("#add summary")).to_have_text("Add a topic")
        assert worker.topics()["jalan"]["kafka_topic"] == feed and page.url.endswith("#jalan")
        _, wanted = posting.write(post("macet saja"), post("banjir di sini"))
        tab.wait_for_post(wanted)
        assert tab.ids() == [wanted]
        tab.menu("jalan", "edit")
        expect(page.locator("#add-preview")).to_contain_text("These words count from now on")
        page.get_by_role("button", name="Remove banjir").click()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator('[data-topic="jalan"] .topic-track')).to_be_hidden()  # it follows its name
        page.locator("#add > summary").click()
        page.get_by_label("Name").fill("hujan")
        page.get_by_role("button", name="Add topic").click()
        tab.wait_for("() => location.hash === '#jalan,hujan'")
        tab.wait_for_post(wanted)  # adding keeps what is followed
        expect(page.locator('[data-topic="jalan"] .follow')).to_be_checked()


@pytest.mark.parametrize("width", [360, 1366])
def test_a_muted_topic_has_a_sign_in_its_row_and_above_its_posts(visit: Open, worker: Worker, width: int) -> None:
    for name in ("jalan", "banjir", "hujan"):
        add(worker, name)
    with visit(viewport={"width": width, "height": 768}) as tab:
        page = tab.open("/#jalan").page
        tab.wait_for_state("live")
        signs = page.locator(".muted-sign:visible")
        expect(signs).to_have_count(0)
        tab.menu("jalan", "mute")
        expect(page.locator('[data-topic="jalan"]').get_by_role("img", name="muted", exact=True)).to_be_visible()
        expect(page.locator('[data-topic="jalan"] .more')).to_be_in_viewport(ratio=1)
        above = page.locator("#feed-head").get_by_role("img", name="Muted on this device: jalan")
        expect(above).to_be_in_viewport(ratio=1)
        tab.open("/livez").open("/#banjir,jalan;hujan").wait_for_state("live")
        expect(signs).to_have_count(2)
        expect(page.locator(".column-head").get_by_role("img", name="Muted on this device: jalan")).to_be_visible()
        page.locator('[data-topic="jalan"] .topic-link').click()
        tab.menu("jalan", "mute")
        expect(signs).to_have_count(0)
