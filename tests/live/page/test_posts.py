"""The live feed in a real browser."""

import datetime
import re
import time
from zoneinfo import ZoneInfo

import httpx
from playwright.sync_api import expect
from support.browser.tab import Open, said
from support.kafka.post_writer import PostWriter, post


def test_posts_come_on_top_as_they_come_in(visit: Open, topic: str, posting: PostWriter) -> None:
    before = posting.write(*(post(f"{topic} lama {n}") for n in range(3)))
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(before[-1])
        after = posting.write(*(post(f"{topic} baru {n}") for n in range(3)))
        tab.wait_for_post(after[-1])
        assert tab.ids() == [*reversed(after), *reversed(before)]


def test_a_post_says_who_when_where_what_and_how_sure(visit: Open, topic: str, posting: PostWriter) -> None:
    ago = time.time_ns() // 1_000_000 - 185_000
    text = f"macet di {topic.upper()} dan #{topic}, bukan x{topic}: https://example.org/a?{topic} (lihat)."
    (id,) = posting.write(post(text, author="@warga", created_at=ago, url="https://desk.example.org/1"))
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(id)
        item = tab.page.locator(f'[data-id="{id}"]')
        expect(item.locator(".author")).to_have_text("@warga")
        expect(item.locator(".network")).to_have_text("Mastodon")
        written = datetime.datetime.fromtimestamp(ago / 1000, ZoneInfo("Asia/Jakarta"))
        expect(item.locator("time")).to_contain_text(written.strftime("%H:%M:%S"))
        item.locator("time").hover()
        expect(item.locator("time")).to_have_attribute("title", re.compile(f"^3 min ago, .*{written.year}"))
        expect(item.get_by_role("link", name="Mastodon")).to_have_attribute("href", "https://desk.example.org/1")
        expect(item.locator(".text a")).to_have_attribute("href", f"https://example.org/a?{topic}")
        expect(item.locator(".text mark")).to_have_text([topic.upper(), topic])
        shown = httpx.get(f"{tab.origin}/topics/{topic}/posts").json()["posts"][0]
        expect(item.locator(".badge")).to_have_text(said(shown["label"]))
        score = [f"{round(shown['score'] * 100)}%"] if shown["score"] < 0.9 else []
        expect(item.locator(".score")).to_have_text(score)
        assert f"{shown['score']:.4f}".rstrip("0") in (item.locator(".badge").get_attribute("title") or "")


def test_filters_by_label_score_and_text_hold_for_what_is_there_and_what_comes(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    texts = (
        "macet total di tol, lalu lintas padat merayap {}",
        "selamat pagi semua, sudah sarapan {}",
        "jalan ke kantor {}",
    )
    posting.write(*(post(f"{topic} {text.format(n)}") for n in range(4) for text in texts))
    with visit() as tab:
        tab.open(f"/#{topic}").page.wait_for_selector("#posts [data-id]")
        tab.wait_for_state("live")
        posting.write(*(post(f"{topic} {text.format(n)}") for n in range(4, 7) for text in texts))
        tab.wait_for("() => document.querySelectorAll('#posts [data-id]').length === 21")
        posts = httpx.get(f"{tab.origin}/topics/{topic}/posts").json()["posts"]
        middle = sorted(one["score"] for one in posts)[10]
        level = int(middle * 20) * 5  # the steps of the control
        label = posts[-3]["label"]
        for filters, passes in (
            (f"label={label}", lambda one: one["label"] == label),
            (f"min_score={level / 100}", lambda one: one["score"] >= level / 100),
            ("q=SARAPAN", lambda one: "sarapan" in one["text"]),
        ):
            tab.open(f"/?{filters}#{topic}").wait_for_state("live")
            wanted = [one["id"] for one in posts if passes(one)][::-1]
            assert 0 < len(wanted) < 21
            tab.wait_for(
                "ids => [...document.querySelectorAll('#posts [data-id]')].map(i => i.dataset.id).join() === ids",
                ",".join(wanted),
            )
        (last,) = posting.write(post(f"{topic} sarapan dulu"))
        posting.write(post(f"{topic} makan siang"))
        tab.wait_for_post(last)
        assert tab.ids() == [last, *wanted]


def test_the_controls_of_the_filters_do_it_too_and_stand_in_the_address(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    ids = posting.write(post(f"{topic} macet total di tol, lalu lintas padat"), post(f"{topic} nasi goreng kambing"))
    with visit() as tab:
        page = tab.open(f"/#{topic}").page
        tab.wait_for_post(ids[1])
        page.locator("#filter-text").fill("kambing")
        tab.wait_for("() => location.search === '?q=kambing'")
        tab.wait_for(
            "id => [...document.querySelectorAll('#posts [data-id]')].map(i => i.dataset.id).join() === id", ids[1]
        )
        page.get_by_role("button", name="Clear").click()
        tab.wait_for_post(ids[0])
        page.locator("#filter-score").select_option("0.6")
        tab.wait_for("() => location.search === '?min_score=0.6'")
        page.locator("#filter-text").fill("tiada yang begini")
        tab.wait_for("() => location.search === '?min_score=0.6&q=tiada+yang+begini'")
        expect(page.locator(".empty")).to_contain_text("No post passes the filter yet")


def test_a_post_that_its_network_deleted_leaves_the_page_also_where_it_waits(
    visit: Open, topic: str, posting: PostWriter
) -> None:
    seen = posting.write(post(f"{topic} satu"), post(f"{topic} dua"), post(f"{topic} tiga"))
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(seen[2])
        tab.wait_for_state("live")
        posting.retract(seen[1])
        tab.wait_for("id => !document.querySelector(`[data-id='${id}']`)", seen[1])
        assert tab.ids() == [seen[2], seen[0]]
        tab.page.get_by_role("button", name="Pause").click()
        later = posting.write(post(f"{topic} empat"), post(f"{topic} lima"))
        expect(tab.page.locator("#pause")).to_contain_text("2 new")
        posting.retract(later[0])
        expect(tab.page.locator("#pause")).to_contain_text("1 new")
        tab.page.locator("#pause").click()
        tab.wait_for_post(later[1])
        assert tab.ids() == [later[1], seen[2], seen[0]]


HOSTILE = (
    '{} <script>window.ran = 1</script><img src=x onerror="window.ran = 2"><svg onload="window.ran = 3"></svg> '
    '"><iframe srcdoc="<script>parent.ran = 4</script>"></iframe> javascript:window.ran=5 &lt;b&gt; {{{{7*7}}}} '
    "\u202emurka\u202c \u2067kanan\u2069 \u200f 👩‍👩‍👧‍👦 🇮🇩 e\u0301 \u2028 \u2029 \x00 \ufeff "
    "https://example.org/\u202egnp.exe "
)


def test_a_hostile_post_shows_as_text_and_runs_nothing(visit: Open, topic: str, posting: PostWriter) -> None:
    text = HOSTILE.format(topic)
    text += "x" * (10_000 - len(text))
    (id,) = posting.write(
        post(
            text,
            author="<b onclick=alert(1)>\u202eliar</b>",
            url='javascript:alert(1)//"onmouseover="alert(2)',
            lang='"><x',
        )
    )
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(id)
        shown = tab.page.locator(f'[data-id="{id}"]')
        assert shown.locator(".text").evaluate("node => node.textContent") == text
        assert shown.locator("script, img, svg[onload], iframe, b").count() == 0
        assert (
            shown.evaluate(
                "node => [...node.querySelectorAll('*')].flatMap(n => n.getAttributeNames())"
                ".filter(name => name.startsWith('on'))"
            )
            == []
        )
        assert all(
            href.startswith("https://example.org/")
            for href in shown.locator("a").evaluate_all("links => links.map(link => link.href)")
        )
        author = shown.locator(".author")
        assert author.text_content() == "<b onclick=alert(1)>\u202eliar</b>"
        assert author.evaluate("node => getComputedStyle(node).unicodeBidi").startswith("isolate")
        assert tab.page.evaluate("window.ran") is None
        width = "() => document.scrollingElement.scrollWidth <= innerWidth"
        tab.page.set_viewport_size({"width": 360, "height": 800})
        assert tab.page.evaluate(width), "10,000 characters without a space widen nothing"
