"""Rules for alerts in the page: of a topic and a label, with quiet hours, on this device or on the server."""

import re

import httpx
from playwright.sync_api import expect
from support.browser.tab import Open, add
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker

NOTE = """() => {
  window.notes = [];
  window.Notification = class extends EventTarget {
    static permission = "granted";
    constructor(title) { super(); window.notes.push(title); }
    close() {}
  };
}"""


def test_the_form_says_how_many_alerts_its_rule_would_have_given(
    visit: Open, worker: Worker, posting: PostWriter
) -> None:
    for name in ("jalan", "banjir"):
        add(worker, name)
    posting.write(*(post(f"banjir setinggi lutut di km {n}") for n in range(7)), post("jalan raya"))
    until(lambda: worker.count("banjir") == 7 and worker.count("jalan") == 1, 15, "all are counted")
    with visit() as tab:
        page = tab.open("/#jalan").page
        page.locator("#alerts-details > summary").click()
        page.locator("#rule-add > summary").click()
        told = page.locator("#rule-told")
        expect(told).to_contain_text("too new to know what is usual")
        page.get_by_label("When").select_option("every")
        expect(told).to_have_text("In the last hour 1 post would have given an alert.")
        page.get_by_label("Topic", exact=True).select_option("banjir")
        expect(told).to_have_text("In the last hour 7 posts would have given an alert.")
        page.get_by_label("Quiet from").fill("00:00")
        expect(told).to_be_empty()
        page.get_by_label("Quiet until").fill("23:59")
        expect(told).to_have_text(re.compile("In the last hour [07] posts would"))  # the last minute of the day is none
        page.get_by_role("button", name="Add rule").click()
        expect(page.locator("#alerts-note")).to_contain_text("Turn on notification or sound")
        page.get_by_label("Sound").check()
        expect(page.locator("#alerts-note")).to_be_hidden()


def test_a_rule_tells_of_its_topic_alone_and_is_kept_and_one_of_the_server_is_everyones(
    visit: Open, worker: Worker, posting: PostWriter
) -> None:
    for name in ("jalan", "banjir"):
        add(worker, name)
    with visit() as tab, visit() as other:
        tab.page.add_init_script(f"({NOTE})()")
        tab.page.route("**/alerts", lambda route: route.fulfill(json={"sends": True, "reason": None}))
        page = tab.open("/#jalan,banjir").page
        tab.wait_for_state("live")
        page.locator("#alerts-details > summary").click()
        page.locator("#alerts-notify").click()
        page.locator("#rule-add > summary").click()
        expect(page.get_by_label("Topic", exact=True)).to_have_value("jalan")  # the first that is followed
        page.get_by_label("Topic", exact=True).select_option("banjir")
        page.get_by_label("When").select_option("every")
        page.get_by_label("Quiet from").fill("22:00")
        page.get_by_role("button", name="Add rule").click()
        expect(page.locator("#rule-add .error")).to_have_text("Give both times, or none.")
        expect(page.get_by_label("Quiet until")).to_be_focused()
        expect(page.get_by_label("Quiet until")).to_have_accessible_description("Give both times, or none.")
        expect(page.locator(".rule-field:has(#rule-to) .error")).to_be_visible()
        page.get_by_label("Quiet from").fill("")
        page.get_by_role("button", name="Add rule").click()
        expect(page.locator(".rules li")).to_contain_text(["banjir any label · every post"])
        expect(page.locator("#alerts-label")).to_be_disabled()
        for id in posting.write(post("jalan raya"), post("banjir di sini"), post("jalan lain")):
            tab.wait_for_post(id)
        tab.wait_for("() => window.notes.length")
        assert [title.endswith("in banjir") for title in page.evaluate("window.notes")] == [True]
        page.locator("#rule-add > summary").click()
        page.get_by_label("Topic", exact=True).select_option("jalan")
        page.get_by_label("When").select_option("surge")
        page.get_by_label("At least so many posts").fill("0")
        page.get_by_label("Where").select_option("server")
        page.get_by_role("button", name="Add rule").click()
        expect(page.get_by_label("At least so many posts")).to_be_focused()
        page.get_by_label("At least so many posts").fill("25")
        page.get_by_role("button", name="Add rule").click()
        expect(page.locator(".rules li").nth(1)).to_contain_text("at least 25 posts · for everyone, but not sent")
        rule = worker.topics()["jalan"]["alert"]
        assert (rule["when"], rule["least"], rule["label"], rule["quiet"]) == ("surge", 25, None, None)
        other.open("/#jalan").page.locator("#alerts-details > summary").click()
        expect(other.page.locator(".rules li")).to_have_count(1)
        other.page.locator(".rules button").click()
        expect(other.page.locator(".rules li")).to_have_count(0)
        assert "alert" not in worker.topics()["jalan"]
        page.reload()
        expect(page.locator(".rules li")).to_contain_text(["banjir"])
        assert not tab.problems and not other.problems


def test_a_rule_for_everyone_is_not_offered_where_the_server_sends_nothing(visit: Open, worker: Worker) -> None:
    add(worker, "jalan")
    add(worker, "banjir")
    rule = {"alert": {"when": "every"}}
    httpx.patch(f"{worker.url}/topics/banjir", json=rule, timeout=30).raise_for_status()
    with visit() as tab:
        page = tab.open("/#jalan").page
        page.locator("#alerts-details > summary").click()
        expect(page.locator(".rules li")).to_contain_text("every post · for everyone, but not sent")
        page.locator("#rule-add > summary").click()
        where = page.get_by_label("Where")
        expect(where.locator("option")).to_have_text([re.compile("on this device"), re.compile("for everyone")])
        expect(where.locator("option").nth(1)).to_be_disabled()
        expect(where).to_have_accessible_description(
            re.compile("Ask the person who runs it to set TWEETREAM_ALERT_URL")
        )
        page.route("**/alerts", lambda route: route.fulfill(json={"sends": True, "reason": None}))
        for _ in range(2):
            page.locator("#rule-add > summary").click()
        expect(where.locator("option").nth(1)).to_be_enabled()
        expect(where).to_have_accessible_description("")


def test_a_topic_that_is_deleted_takes_its_muting_and_the_rules_of_this_device_along(
    visit: Open, worker: Worker
) -> None:
    for name in ("jalan", "banjir"):
        add(worker, name)
    with visit() as tab:
        page = tab.open("/#jalan").page
        row, rules = page.locator('[data-topic="banjir"]'), page.locator(".rules li")
        page.locator("#alerts-details > summary").click()
        page.locator("#rule-add > summary").click()
        page.get_by_label("Topic", exact=True).select_option("banjir")
        page.get_by_role("button", name="Add rule").click()
        expect(rules).to_have_count(1)
        page.locator("#alerts-sound").check()
        tab.menu("banjir", "mute")
        expect(row).to_have_class(re.compile("muted"))
        tab.open("/livez")  # so the page cannot see that it goes and comes back
        httpx.delete(f"{worker.url}/topics/banjir", timeout=30).raise_for_status()
        add(worker, "banjir")
        tab.open("/#jalan")
        expect(row).to_be_visible()
        expect(row).not_to_have_class(re.compile("muted"))
        expect(page.locator("#rule-add")).to_be_visible()  # open, since alerts were on
        expect(rules).to_have_count(0)
        expect(page.locator("#alerts-sound")).not_to_be_checked()  # else each post would be told, as without rules


def test_of_a_muted_topic_nothing_is_told(visit: Open, worker: Worker, posting: PostWriter) -> None:
    for name in ("jalan", "banjir"):
        add(worker, name)
    with visit() as tab:
        tab.page.add_init_script(f"({NOTE})()")
        page = tab.open("/#jalan,banjir").page
        tab.wait_for_state("live")
        page.locator("#alerts-details > summary").click()
        page.locator("#alerts-notify").click()
        tab.menu("banjir", "mute")
        for id in posting.write(post("banjir lagi"), post("jalan sepi")):
            tab.wait_for_post(id)
        tab.wait_for("() => window.notes.length")
        assert [title.endswith("in jalan") for title in page.evaluate("window.notes")] == [True]
        tab.menu("banjir", "mute")
        posting.write(post("banjir surut"))
        tab.wait_for("() => window.notes.length === 2")
        assert page.evaluate("window.notes[1].endsWith('in banjir')"), "and one post alone"
