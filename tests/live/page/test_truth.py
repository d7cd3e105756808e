"""The page tells the truth with a wrong clock, a dead line or an unusual order of clicks."""

import re
import time

import pytest
from playwright.sync_api import Browser, expect
from support.browser.line import Line
from support.browser.tab import Open, add, tab
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker

SLOW = "(() => { const real = Date.now; Date.now = () => real() - 400_000; })()"
SLEEP = "(() => { const real = Date.now; Date.now = () => real() + 3_600_000; })()"


def test_a_wrong_clock_of_the_visitor_does_not_change_how_old_a_post_is(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    ago = time.time_ns() // 1_000_000 - 125_000
    (id,) = posting.write(post(f"{topic} macet", created_at=ago))
    with visit() as tab:
        tab.page.add_init_script(SLOW)
        tab.open(f"/#{topic}").wait_for_post(id)
        tab.page.locator(f'[data-id="{id}"] time').hover()
        expect(tab.page.locator(f'[data-id="{id}"] time')).to_have_attribute("title", re.compile("^2 min ago"))
        (new,) = posting.write(post(f"{topic} lagi"))
        tab.wait_for_post(new)
        tab.page.locator(f'[data-id="{new}"] time').hover()
        expect(tab.page.locator(f'[data-id="{new}"] time')).to_have_attribute("title", re.compile("^just now"))


def test_what_came_in_an_hours_sleep_is_no_rate_of_a_minute(
    visit: Open, worker: Worker, topic: str, posting: PostWriter
) -> None:
    with visit() as tab:
        tab.with_clock().open(f"/#{topic}").wait_for_state("live")
        rate = tab.page.locator(f'[data-topic="{topic}"] .rate')
        tab.later(4500)
        expect(rate).to_have_text("0/min")
        tab.page.evaluate(SLEEP)
        posting.write(*(post(f"{topic} selamat pagi") for _ in range(60)))
        until(lambda: worker.count(topic) == 60, 15, "all are counted")
        tab.later(4500)
        tab.page.wait_for_function(
            "name => /60/.test(document.querySelector(`[data-topic='${name}'] .counts`).textContent)", arg=topic
        )
        expect(rate).to_have_text("", timeout=1)


def test_who_adds_a_topic_that_is_about_to_be_deleted_keeps_it(visit: Open, worker: Worker) -> None:
    add(worker, "tetap")
    with visit() as tab:
        page = tab.with_clock().open("/#tetap").page
        tab.menu("tetap", "remove")
        page.locator("#add > summary").click()
        page.get_by_label("Name").fill("tetap")
        page.get_by_role("button", name="Add topic").click()
        expect(page.locator('[data-topic="tetap"]')).to_be_visible()
        expect(page.locator("#undo")).to_be_empty()
        tab.later(10_500)
        expect(page.locator('[data-topic="tetap"]')).to_be_visible()
        assert "/topics/tetap" not in tab.requests and set(worker.topics()) == {"tetap"}


def test_single_keys_work_also_where_a_box_has_the_focus(visit: Open, topic: str, posting: PostWriter) -> None:
    (id,) = posting.write(post(f"{topic} macet"))
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(id)
        for field in (f'[data-topic="{topic}"] .follow', "#filter-labels input"):
            if "filter" in field:
                tab.page.locator("#filter-label").click()
            tab.page.locator(field).first.focus()
            tab.page.keyboard.press("j")
            assert tab.page.evaluate("document.activeElement.closest('[data-id]')?.dataset.id") == id


def test_a_label_and_its_score_are_said_in_the_language_chosen(visit: Open, topic: str, posting: PostWriter) -> None:
    (id,) = posting.write(post(f"{topic} selamat pagi, sudah sarapan?"))
    with visit(locale="id") as tab:
        tab.open(f"/#{topic}").wait_for_post(id)
        said = tab.page.locator(f'[data-id="{id}"] .badge').get_attribute("title") or ""
        assert "lalu lintas" in said and "_" not in said and "0," in said and "." not in said


@pytest.mark.soak
def test_a_stream_that_died_unheard_is_opened_again(
    browser: Browser, worker: Worker, topic: str, posting: PostWriter
) -> None:
    posting.write(post(f"{topic} satu"))
    with Line(worker.port) as line, tab(browser, line.url) as reader:
        reader.open(f"/#{topic}").wait_for_state("live")
        line.forget_feeds()
        (missed,) = posting.write(post(f"{topic} dua"))
        reader.page.set_default_timeout(30_000)
        reader.wait_for_post(missed)
        reader.wait_for_state("live")
        assert len(reader.streams()) == 2 and reader.page.locator("#posts .gap").count() == 0


def test_what_is_typed_for_one_change_stays_when_another_wants_the_token_too(visit: Open, worker: Worker) -> None:
    add(worker, "satu")
    add(worker, "dua")
    with visit(extra_http_headers={"X-Forwarded-For": "198.51.100.7"}) as tab:  # not this machine's own
        page = tab.with_clock().open("/#satu").page
        tab.menu("satu", "remove")
        tab.later(1500)
        tab.menu("dua", "remove")
        tab.later(9000)
        field = page.get_by_label("Token", exact=True)
        field.fill("half of i")
        with page.expect_response("**/topics/dua"):
            tab.later(1500)
        expect(page.locator("#undo")).to_be_empty()
        expect(field).to_have_value("half of i")
        page.get_by_role("button", name="Cancel").click()
        for name in ("satu", "dua"):
            expect(page.locator(f'[data-topic="{name}"]')).to_be_visible()


def test_the_labels_to_choose_from_stay_while_an_alert_sounds(visit: Open, topic: str, posting: PostWriter) -> None:
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_state("live")
        tab.page.locator("#alerts-details > summary").click()
        tab.page.evaluate("window.option = document.querySelector('#alerts-label').options[0]")
        tab.page.get_by_label("Sound").check()
        tab.page.wait_for_timeout(600)
        assert tab.page.evaluate("option.isConnected")


def test_a_stream_of_a_worker_whose_kafka_is_away_is_not_shown_as_live(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    newest = "**/posts?last=1"
    with visit() as tab:
        tab.with_clock().open(f"/#{topic}").wait_for_state("live")
        tab.page.route(newest, lambda route: route.fulfill(status=503))  # all else goes on answering
        tab.later(13_000)
        tab.wait_for_state("doubt")
        with tab.page.expect_response(newest):
            tab.later(4500)
        tab.wait_for_state("doubt")
        tab.page.unroute(newest)
        tab.later(4500)
        tab.wait_for_state("live")
        (id,) = posting.write(post(f"{topic} lagi"))
        tab.wait_for_post(id)
