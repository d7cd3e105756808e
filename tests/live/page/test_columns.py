"""Columns side by side, and the wall."""

import re

import pytest
from playwright.sync_api import Browser, expect
from support.browser.line import Line
from support.browser.page_load import everyday
from support.browser.tab import Open, add, tab
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker

NAMES = "() => [...document.querySelectorAll('.column-title')].map(title => title.textContent)"
IDS = "column => [...document.querySelectorAll('.column')[column].querySelectorAll('[data-id]')].map(i => i.dataset.id)"
SIZE = "() => parseFloat(getComputedStyle(document.querySelector('.text')).fontSize)"


@pytest.fixture
def two(worker: Worker, posting: PostWriter) -> list[str]:
    for name in ("satu", "dua"):
        add(worker, name)
    return posting.write(post("satu macet total di tol, lalu lintas padat"), post("dua selamat pagi, sudah sarapan?"))


def test_columns_have_their_own_filters_and_one_stream_and_stand_in_the_address(
    visit: Open, worker: Worker, posting: PostWriter, two: list[str]
) -> None:
    with visit(viewport={"width": 1366, "height": 768}) as tab:
        page = tab.open("/#satu").page
        tab.wait_for_post(two[0])
        page.get_by_role("button", name="Add a column").click()
        tab.wait_for("() => location.hash === '#satu;dua'")
        tab.wait_for_post(two[1])
        tab.choose_labels("traffic")  # of the new column, which is the current one
        tab.wait_for("() => location.hash === '#satu;dua?label=traffic'")
        tab.wait_for_state("live")
        until(lambda: worker.metric("tweetream_sse_clients") == 1, 10, "one stream for both")
        new = posting.write(
            post("satu sarapan lagi"), post("dua sarapan lagi"), post("dua macet total di tol, lalu lintas padat")
        )
        tab.wait_for_post(new[2])
        assert page.evaluate(IDS, 0) == [new[0], two[0]]
        assert page.evaluate(IDS, 1) == [new[2]]
        page.get_by_role("button", name="Move dua to the left").click()
        tab.wait_for("() => location.hash === '#dua?label=traffic;satu'")
        assert page.evaluate(NAMES) == ["dua", "satu"]
        expect(page.get_by_role("button", name="Move dua to the left")).to_be_focused()
        with visit() as other:
            other.open(page.url.removeprefix(tab.origin)).wait_for_post(new[0])
            other.wait_for_post(new[2])
            assert [other.page.evaluate(IDS, n) for n in (0, 1)] == [[new[2]], [new[0], two[0]]]
        page.get_by_role("button", name="Close the column dua").click()
        tab.wait_for("() => location.hash === '#satu'")
        assert tab.ids() == [new[0], two[0]], "the other keeps its posts"
        page.go_back()
        tab.wait_for_post(two[0])


def test_a_column_that_is_read_waits_alone_and_says_how_many(
    visit: Open, posting: PostWriter, worker: Worker, two: list[str]
) -> None:
    posting.write(*everyday("satu", 40))
    with visit(viewport={"width": 1366, "height": 768}) as tab:
        page = tab.open("/#satu;dua").page
        tab.wait_for_post(two[1])
        tab.wait_for_state("live")
        page.mouse.move(400, 500)
        page.mouse.wheel(0, 600)
        page.wait_for_timeout(300)
        held, shown = posting.write(post("satu baru"), post("dua baru"))
        tab.wait_for_post(shown)
        first = page.locator(".column").first
        expect(first.locator(".column-new")).to_have_text("1 new post")
        expect(page.locator(".column").nth(1).locator(".column-new")).to_be_hidden()
        tab.wait_for_state("held")
        first.locator(".column-new").click()
        tab.wait_for_post(held)
        tab.wait_for_state("live")


def test_the_wall_fills_the_screen_with_type_that_grows_and_no_controls_and_is_never_held(
    visit: Open, posting: PostWriter, two: list[str]
) -> None:
    posting.write(*everyday("satu", 60))
    with visit(viewport={"width": 1920, "height": 1080}) as tab:
        page = tab.open("/?view=wall#satu;dua").page
        tab.wait_for_state("live")
        tab.wait_for_post(two[1])
        small = page.evaluate(SIZE)
        for width, height in ((3840, 2160), (1920, 1080)):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate(
                "() => document.querySelector('#posts').getBoundingClientRect().width > innerWidth * 0.97"
            )
            assert page.evaluate("() => document.scrollingElement.scrollHeight <= innerHeight")
            if width == 3840:
                assert page.evaluate(SIZE) == pytest.approx(2 * small, rel=0.02)
        assert page.locator("button:visible:not(.badge, .column-title, [data-act=same])").count() == 0
        expect(page.locator("#wall-clock")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
        page.keyboard.press("j")
        (last,) = posting.write(post("satu terbaru"))
        tab.wait_for_post(last)
        assert page.evaluate(IDS, 0)[0] == last
        seen = page.locator(f'[data-id="{last}"]').bounding_box()
        assert seen is not None and seen["width"] > 500 and seen["height"] > 30, "at once, while it is fresh"
        posting.write(post("satu terbaru"))
        again = page.locator(f'[data-id="{last}"] .count-same')
        expect(again).to_have_text(re.compile(r"^×2, last \d\d:\d\d:\d\d$"))
        expect(page.locator(".column-latest").first).to_have_text(re.compile(r"^last post \d\d:\d\d:\d\d$"))
        tab.open("/?view=wall&turn=5#satu;dua").page.reload()
        tab.wait_for("() => document.querySelectorAll('.column.away').length === 1")
        shown = page.locator(".column:not(.away) .column-title").inner_text()
        tab.wait_for("name => document.querySelector('.column:not(.away) .column-title').textContent !== name", shown)


def test_a_wall_that_is_stale_says_so_loudly(browser: Browser, worker: Worker, two: list[str]) -> None:
    with Line(worker.port) as line, tab(browser, line.url) as wall:
        wall.with_clock().open("/?view=wall#satu").wait_for_post(two[0])
        wall.wait_for_state("live")
        expect(wall.page.locator("#wall-clock")).not_to_be_empty()
        expect(wall.page.locator("#wall-alarm")).to_be_hidden()
        place = "() => document.querySelector('#wall-clock').getBoundingClientRect().right"
        was = wall.page.evaluate(place)
        line.cut()
        wall.wait_for_state("waiting")
        assert wall.page.locator("button:visible:not(.badge, .column-title, [data-act=same])").count() == 0
        wall.later(12_000)
        expect(wall.page.locator("#wall-alarm")).to_contain_text("Not live")
        assert wall.page.evaluate(place) == was
        line.mend()
        wall.wait_for_state("live")
        expect(wall.page.locator("#wall-alarm")).to_be_hidden()
