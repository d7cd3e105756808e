"""The live feed in a real browser."""

from posting import Posting, post
from tab import Open


def test_posts_come_on_top_as_they_come_in(visit: Open, topic: str, posting: Posting) -> None:
    before = posting.write(*(post(f"{topic} lama {n}") for n in range(3)))
    with visit() as tab:
        tab.open(f"/#{topic}").wait_for_post(before[-1])
        after = posting.write(*(post(f"{topic} baru {n}") for n in range(3)))
        tab.wait_for_post(after[-1])
        assert tab.ids() == [*reversed(after), *reversed(before)]


HOSTILE = (
    '{} <script>window.ran = 1</script><img src=x onerror="window.ran = 2"><svg onload="window.ran = 3"></svg> '
    '"><iframe srcdoc="<script>parent.ran = 4</script>"></iframe> javascript:window.ran=5 &lt;b&gt; {{{{7*7}}}} '
    "\u202emurka\u202c \u2067kanan\u2069 \u200f 👩‍👩‍👧‍👦 🇮🇩 e\u0301 \u2028 \u2029 \x00 \ufeff "
    "https://example.org/\u202egnp.exe "
)


def test_a_hostile_post_shows_as_text_and_runs_nothing(visit: Open, topic: str, posting: Posting) -> None:
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
