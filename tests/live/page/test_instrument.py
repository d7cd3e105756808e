"""The page as an instrument: dense, folded, filtered, held, and truthful about each."""

import re

import pytest
from playwright.sync_api import expect
from support.browser.page_load import everyday
from support.browser.tab import Open
from support.kafka.post_writer import PostWriter, post

LAPTOP = {"width": 1366, "height": 768}
SEEN = """() => [...document.querySelectorAll("#posts .post")]
  .filter(item => item.getBoundingClientRect().bottom <= innerHeight).length"""
TOP = "() => document.querySelector('.posts').getBoundingClientRect().top"
TRAFFIC, TALK = "{} macet total di tol, lalu lintas padat merayap", "{} selamat pagi semua, sudah sarapan"


def test_eight_posts_and_more_fit_on_a_laptop_with_one_line_above_them(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    ids = posting.write(*everyday(topic, 30))
    for locale in ("en-GB", "id-ID"):
        with visit(viewport=LAPTOP, locale=locale) as tab:
            tab.open(f"/?q={topic}#{topic}").wait_for_post(ids[-1])
            tab.wait_for_state("live")
            assert tab.page.evaluate(SEEN) >= 8
            assert tab.page.evaluate(TOP) <= 56, "one line of controls"
            left = "items => new Set(items.map(item => item.getBoundingClientRect().left)).size"
            for column in (".when", ".who", ".what", ".label-place"):
                assert tab.page.eval_on_selector_all(f"#posts {column}", left) == 1, f"{column} is a fixed column"


def test_what_is_not_about_the_label_recedes_and_the_label_is_an_edge_and_a_word(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    about, other = posting.write(post(TRAFFIC.format(topic)), post(TALK.format(topic)))
    colour = "item => getComputedStyle(item.querySelector('.text')).color"
    edge = "item => getComputedStyle(item).borderLeftColor"
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(other)
        items = [tab.page.locator(f'[data-id="{id}"]') for id in (about, other)]
        expect(items[0].locator(".badge")).to_have_text("traffic")
        expect(items[1].locator(".badge")).to_have_text("not about traffic")
        assert items[0].evaluate(colour) != items[1].evaluate(colour)
        assert items[0].evaluate(edge) != items[1].evaluate(edge)
        badge = items[0].locator(".badge").evaluate("item => getComputedStyle(item).color")
        assert badge == items[0].evaluate(edge)


def test_posts_that_say_the_same_are_one_entry_that_opens_and_a_switch_shows_all(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    text = TRAFFIC.format(topic)
    first, second = posting.write(
        post(text, author="satu"), post(f"RT @satu: {text} https://a.example/1", author="dua")
    )
    (other,) = posting.write(post(f"{topic} km 5 {TALK}"))
    with visit() as tab:
        page = tab.open(f"/#{topic}").page
        tab.wait_for_post(other)
        tab.wait_for_state("live")
        posting.write(post(f"{text.upper()}!!!", author="tiga"))
        entry = page.locator(f'[data-id="{first}"]')
        count = entry.locator("[data-act=same]")
        expect(count).to_have_text(re.compile(r"^×3, last \d\d:\d\d:\d\d$"))
        expect(entry).to_have_attribute("data-again", "odd")
        expect(entry.locator(".who .author")).to_have_text("satu")
        assert tab.ids() == [other, first]
        count.click()
        expect(entry.locator(".same .author")).to_have_text(["satu", "dua", "tiga"])
        expect(count).to_have_attribute("aria-expanded", "true")
        posting.write(post(f"{text}?", author="empat"))
        page.locator("#newest").click()
        expect(count).to_have_text(re.compile("^×4, "))
        expect(entry.locator(".same .author")).to_have_text(["satu", "dua", "tiga", "empat"])
        tab.more().get_by_label("Fold posts that say the same").uncheck()
        tab.wait_for_post(second)
        assert len(tab.ids()) == 5
        page.reload()
        tab.wait_for_post(second)


def test_the_counts_of_posts_that_say_the_same_stand_in_line_whatever_the_label(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    texts = [TRAFFIC.format(topic), TALK.format(topic), topic]
    ids = posting.write(*(post(text, author=f"warga{n}") for text in texts for n in range(3)))
    rect = "(items, side) => items.map(item => Math.round(item.getBoundingClientRect()[side]))"
    for locale in ("en-GB", "id-ID"):
        with visit(viewport=LAPTOP, locale=locale) as tab:
            tab.open(f"/#{topic}").wait_for_post(ids[6])
            counts, badges = (tab.page.locator(f"#posts {one}:visible") for one in (".count-same", ".badge"))
            expect(counts).to_have_text([re.compile("^×3, ")] * 3)
            assert set(counts.evaluate_all(rect, "left")) == set(badges.evaluate_all(rect, "left"))


def test_the_filter_knows_words_phrases_exclusions_labels_and_how_sure_and_marks_what_it_found(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    texts = ("tol cipali macet {}", "macet di tol {}", "macet tol lucu {}", "cipali tol lancar {}")
    ids = posting.write(*(post(text.format(topic)) for text in texts))
    with visit() as tab:
        page = tab.open(f"/#{topic}").page
        tab.wait_for_post(ids[-1])
        words = page.locator("#filter-text")
        for query, found in (("tol macet -lucu", (1, 0)), ('"tol cipali"', (0,)), ("-macet", (3,))):
            words.fill(query)
            wanted = ",".join(ids[n] for n in found)
            tab.wait_for(
                "ids => [...document.querySelectorAll('#posts [data-id]')].map(i => i.dataset.id).join() === ids",
                wanted,
            )
        words.fill('macet "tol cipali"')
        expect(page.locator(f'[data-id="{ids[0]}"] mark.found')).to_have_text(["tol cipali", "macet"])
        tab.choose_labels("traffic", "unsure")
        tab.wait_for("() => new URLSearchParams(location.search).getAll('label').join() === 'traffic,unsure'")
        page.locator("#filter-score").select_option("0.8")
        expect(page.locator("#filter-score option:checked")).to_have_text("at least 80% sure")
        words.press("Escape")
        assert words.input_value() == "" and "label=traffic" in page.url and "min_score=0.8" in page.url
        page.locator("#feed-title").focus()
        page.keyboard.press("Escape")
        assert "label=traffic" in page.url, "Escape clears words where they are typed, and nothing elsewhere"


@pytest.mark.parametrize("way", ["focus", "scroll"])
def test_what_is_held_is_said_in_amber_and_let_go_after_half_a_minute_without_a_hand(
    visit: Open, topic: str, posting: PostWriter, way: str
) -> None:
    posting.write(*everyday(topic, 40))
    with visit(viewport=LAPTOP) as tab:
        page = tab.with_clock().open(f"/#{topic}").page
        tab.wait_for_state("live")
        live = page.locator("#state").evaluate("item => getComputedStyle(item).color")
        was = page.evaluate(TOP)
        if way == "focus":
            page.keyboard.press("j")
        else:
            page.mouse.move(600, 500)
            page.mouse.wheel(0, 400)
        (last,) = posting.write(post(f"{topic} baru"))
        tab.wait_for_state("held")
        expect(page.locator("#newest")).to_have_text("1 new post")
        assert page.locator("#state").evaluate("item => getComputedStyle(item).color") != live
        if way == "focus":
            assert page.evaluate(TOP) == was, "nothing pushes the list down"
        tab.later(24_000)
        expect(page.locator("#state-count")).to_contain_text("goes on in")
        page.mouse.move(610, 510)
        tab.later(24_000)
        tab.wait_for_state("held")
        assert last not in tab.ids(), "a hand moved"
        tab.later(8000)
        tab.wait_for_post(last)
        tab.wait_for_state("live")
        assert tab.ids()[0] == last


def test_a_bar_of_the_chart_goes_to_its_posts_and_the_charts_follow_the_filters(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    ids = posting.write(post(TRAFFIC.format(topic)), post(TALK.format(topic)), *everyday(topic, 10))
    with visit(viewport=LAPTOP) as tab:
        page = tab.with_clock().open(f"/#{topic}").page
        tab.wait_for_post(ids[-1])
        tab.later(6000)
        page.locator("#charts-share button").filter(has_text="not about traffic").click()
        tab.wait_for("() => location.search === '?label=non_traffic'")
        expect(page.locator("#charts-share li")).to_have_count(1)
        page.locator("#filter-text").fill("sarapan")
        expect(page.locator("#charts-note")).to_contain_text("that this page has")
        page.locator("#filter-clear").click()
        expect(page.locator("#charts-share li")).to_have_count(2)
        page.wait_for_selector("#charts-time canvas")
        assert page.evaluate("() => document.querySelector('#charts-time canvas').getBoundingClientRect().width > 0")
        page.locator("#charts .as-table > summary").click()
        page.locator("#charts-table tbody tr").filter(has_text="2").locator("button").first.click()
        expect(page.locator("#posts .post-body:focus")).to_have_count(1)


def test_the_demos_posts_are_said_to_be_invented_until_the_strip_is_closed(visit: Open, topic: str) -> None:
    sample = [{"url": "replay:/x/data/sample.csv?rate=20&loop=true", "state": "streaming", "reason": "", "posts": 1}]
    with visit() as tab:
        strip = tab.open(f"/#{topic}").page.locator("#welcome")
        tab.wait_for_state("live")
        expect(strip).to_be_hidden()
        tab.page.route("**/sources", lambda route: route.fulfill(json=sample))
        tab.page.reload()
        expect(strip).to_contain_text("invented")
        expect(strip).to_contain_text("tweetream demo --source")
        expect(tab.page.locator(".empty")).to_contain_text("Waiting for the first post")
        tab.page.set_viewport_size({"width": 390, "height": 844})
        tab.page.locator("#bar-filters").click()
        for _ in range(2):
            tab.page.locator("#filter-label").click()  # the strip is below the filters of a phone
        tab.page.locator("#bar-filters").click()
        strip.get_by_role("button", name="Close").click()
        tab.page.reload()
        tab.wait_for_state("live")
        expect(tab.page.locator("#sources-list li")).to_have_count(1)
        expect(strip).to_be_hidden()
