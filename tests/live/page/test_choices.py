"""A person asks the page for reasons, a file, an alert or another language."""

import json

import httpx
import pytest
from playwright.sync_api import expect
from support.browser.page_load import everyday
from support.browser.saving import rows, saved
from support.browser.tab import Open, add, said
from support.kafka.post_writer import PostWriter, post
from support.workers import Worker

# Notes each notification instead of showing it: nobody sees them in a browser without a screen.
NOTIFY = """
window.told = [];
const Real = Notification;
window.Notification = class extends EventTarget {
  static get permission() { return Real.permission; }
  static requestPermission() { window.asked = true; return Real.requestPermission(); }
  constructor(title, options) { super(); told.push([title, options.body]); }
  close() {}
};
"""


def test_one_click_says_in_the_post_which_words_decided_and_what_was_read_for_which(
    visit: Open, worker: Worker, topic: str, posting: PostWriter
) -> None:
    text = f"{topic} macet total di cipali, tapi kopinya enak sekali"
    (id,) = posting.write(post(text))
    (answer,) = httpx.post(f"{worker.url}/classify", json={"texts": [text]}).json()
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(id)
        page = tab.page
        item = page.locator(f'[data-id="{id}"]')
        label = item.get_by_role("button", name="Why")
        expect(label).to_have_text(said(answer["label"]))
        label.click()
        expect(item.locator(".why-said")).to_contain_text("mostly because of")
        named = item.locator(".why-said em").all_inner_texts()
        assert {"macet", "cipali"} <= set(named) <= set(item.locator(".text mark.for").all_inner_texts())
        expect(item.locator(".why-read")).to_contain_text("cipali → tol cipali")
        expect(item.locator(".text")).to_have_text(text)
        rows = page.locator("#why-rows li")
        expect(rows.first).to_be_hidden()
        page.get_by_text("Details").click()
        expect(rows.first).to_be_visible()
        weights = [float(one) for one in rows.evaluate_all("rows => rows.map(row => row.dataset.weight)")]
        assert min(weights) < 0 < max(weights)
        assert sum(weights) == pytest.approx(answer["decision"], abs=1e-6)
        page.keyboard.press("Escape")
        expect(page.locator(".why")).to_have_count(0)
        expect(item.locator(".text mark.for")).to_have_count(0)
        assert page.evaluate("document.activeElement.closest('[data-id]')?.dataset.id") == id, "the focus comes back"


def test_all_posts_of_a_filter_are_saved_and_not_only_those_that_the_page_has(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    texts = [f"{topic} laporan {n} {'macet' if n % 3 else 'sepi'}" for n in range(300)]
    posting.write(*map(post, [f'{topic} "macet", dua\ntiga', f"{topic} 🚗 \u2028 =1+1;macet", *texts]))
    wanted = [
        f'{topic} "macet", dua\ntiga',
        f"{topic} 🚗 \u2028 =1+1;macet",
        *(text for text in texts if "macet" in text),
    ]
    with visit(accept_downloads=True) as tab:
        tab.open(f"/?q=macet#{topic}").wait_for("() => document.querySelectorAll('#posts [data-id]').length > 9")
        table = rows(saved(tab, "Table (CSV)", "202"))
        assert [row["text"] for row in table] == wanted
        assert all(row["topic"] == topic and row["label"] and 0 <= float(row["score"]) <= 1 for row in table)
        lines = saved(tab, "JSON lines", "202").decode().removesuffix("\n").split("\n")
        assert [json.loads(line)["text"] for line in lines] == wanted


def test_without_a_filter_all_posts_are_saved_and_each_has_all_its_topics(
    visit: Open, worker: Worker, posting: PostWriter
) -> None:
    add(worker, "satu")
    add(worker, "dua")
    one, both = posting.write(post("satu saja"), post("satu dan dua macet"))
    with visit(accept_downloads=True) as tab:
        tab.open("/#satu,dua").wait_for_post(one)
        found = {row["id"]: set(row["topic"].split()) for row in rows(saved(tab, "Table (CSV)", "2", filtered=False))}
    assert found == {one: {"satu"}, both: {"satu", "dua"}}


def test_a_person_is_told_of_a_label_only_when_that_was_asked_for(
    visit_whole: Open, topic: str, posting: PostWriter
) -> None:
    traffic = [f"{topic} macet total di tol km {km}, lalu lintas padat" for km in (1, 2, 3)]  # three reports
    talk = f"{topic} selamat pagi, sudah sarapan belum"
    posting.write(post(traffic[0]), post(talk))
    with visit_whole(permissions=["notifications"]) as tab:
        page = tab.page
        page.add_init_script(NOTIFY)
        tab.with_clock().open(f"/#{topic}").wait_for_state("live")
        (first,) = posting.write(post(traffic[1]))
        tab.wait_for_post(first)
        assert page.evaluate("[told.length, window.asked]") == [0, None]
        page.locator("#alerts-details > summary").click()
        tab.later(5000)  # the labels come with the topics
        page.locator("#alerts-label").select_option("traffic")
        page.get_by_label("Notification").check()
        (other,) = posting.write(post(f"{talk} 2"))
        tab.wait_for_post(other)
        assert page.evaluate("told.length") == 0, "of another label"
        posting.write(post(traffic[2]))
        tab.wait_for("() => told.length === 1")
        title, body = page.evaluate("told[0]")
        assert topic in title and "traffic" in title and "macet total" in body


def test_a_post_without_a_known_word_is_unsure_in_filter_and_alerts(
    visit_whole: Open, topic: str, posting: PostWriter
) -> None:
    with visit_whole(permissions=["notifications"]) as tab:
        page = tab.page
        page.add_init_script(NOTIFY)
        tab.with_clock().open(f"/#{topic}").wait_for_state("live")
        page.locator("#alerts-details > summary").click()
        tab.later(5000)  # the labels come with the topics
        page.locator("#alerts-label").select_option("unsure")
        page.get_by_label("Notification").check()
        known, unknown = posting.write(post(f"{topic} selamat pagi"), post(topic))
        tab.wait_for_post(unknown)
        tab.wait_for("() => told.length === 1")
        assert "unsure" in page.evaluate("told[0][0]") and page.evaluate("told[0][1]").endswith(topic)
        badge = page.locator(f'[data-id="{unknown}"] .badge')
        expect(badge).to_have_text("unsure")
        assert set(tab.ids()) == {known, unknown}
        tab.choose_labels("unsure")
        tab.wait_for("() => location.search === '?label=unsure'")
        tab.wait_for(
            "id => [...document.querySelectorAll('#posts [data-id]')].map(i => i.dataset.id).join() === id", unknown
        )
        page.locator(f'[data-id="{unknown}"]').get_by_role("button", name="Why").click()
        expect(page.locator(".why-said")).to_contain_text("The model is unsure")


def test_who_refuses_notifications_is_told_so_and_asked_no_more(visit: Open, topic: str) -> None:
    with visit() as tab:  # a browser without a screen answers no
        tab.open(f"/#{topic}").page.locator("#alerts-details > summary").click()
        tab.page.locator("#alerts-notify").click()
        expect(tab.page.locator("#alerts-note")).to_be_visible()
        expect(tab.page.locator("#alerts-notify")).not_to_be_checked()


def test_another_language_is_one_choice_away_and_stays(visit: Open, topic: str, posting: PostWriter) -> None:
    ids = posting.write(*everyday(topic, 3))
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(ids[-1])
        tab.page.locator("#language").select_option("id")
        for _ in range(2):
            expect(tab.page.locator("#topics-title")).to_have_text("Topik")
            expect(tab.page.locator("#pause")).to_have_text("Jeda")
            assert tab.page.evaluate("document.documentElement.lang") == "id"
            tab.page.reload()
            tab.wait_for_post(ids[-1])
