"""The text of a post in HTML keeps its words apart, and hostile HTML takes no quadratic time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetream.sources.html_text import plain_text
from tweetream.text import normalise

LINK = (  # as Mastodon writes it
    '<a href="https://detik.com/berita/banjir" target="_blank" rel="nofollow noopener" translate="no">'
    '<span class="invisible">https://</span><span class="ellipsis">detik.com/berita</span>'
    '<span class="invisible">/banjir</span></a>'
)


@pytest.mark.parametrize(
    "tag",
    ["li", "div", "blockquote", "pre", "h1", "h6", "td", "th", "tr", "dt", "dd", "section", "article", "p", "figure"]
    + ["ul", "ol", "table", "form", "option", "summary", "DIV", "my-element", "center"],
)
def test_everything_but_an_inline_element_breaks_words(tag: str) -> None:
    assert plain_text(f"<{tag}>Sudirman</{tag}><{tag} class='x'>banjir</{tag}>") == "Sudirman\nbanjir"
    assert plain_text(f"Sudirman<{tag}>banjir</{tag}>Kemang") == "Sudirman\nbanjir\nKemang"


@pytest.mark.parametrize(
    "tag", ["b", "strong", "em", "i", "span", "a", "code", "del", "u", "sup", "small", "mark", "B"]
)
def test_an_inline_element_breaks_none(tag: str) -> None:
    assert plain_text(f"ban<{tag} class=x>j</{tag}>ir") == "banjir"


@pytest.mark.parametrize(
    "markup, text",
    [
        ("<p>a<br>b<br/>c<BR />d</p><p>e</p>", "a\nb\nc\nd\ne"),
        ("<p>a</p>\n<p>b</p>", "a\nb"),
        ("a<hr>b<img src=x>c", "a\nbc"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("ba<wbr>njir", "banjir"),
        ("a &amp; b &lt;c&gt; &copy; &#x41;&#66; &nosuch; salam&parade", "a & b <c> © AB &nosuch; salam&parade"),
        ("&#" + "9" * 5000 + ";", "&#" + "9" * 5000 + ";"),
        ("a<script>alert('x')</script>b<style>p {}</style>c<SCRIPT src='y'></SCRIPT>d", "a\nb\nc\nd"),
        ("a<script>never closed", "a"),
        ("a <!-- <b>no</b> --> b <!-- open", "a  b"),
        ("a < b > c <3", "a < b > c <3"),
        ("<a title='a>b'>c</a> <p title=it's>d</p>e", "c\nd\ne"),
        ("<b>a<i>b</b>c</li>d", "abc\nd"),
        ('a <a href="https://x', "a"),
        ("no markup", "no markup"),
        ("", ""),
        ("<p></p>", ""),
        (
            '<p class="quote-inline">RE: <a href="https://b.example/5">https://b.example/5</a></p><p>halo</p>',
            "halo",
        ),
    ],
)
def test_breaks_entities_and_broken_markup(markup: str, text: str) -> None:
    assert plain_text(markup) == text


def test_no_part_of_a_link_is_a_word() -> None:
    assert plain_text(f"<p>lihat {LINK} ya</p>") == "lihat https://detik.com/berita/banjir ya"
    assert normalise(plain_text(LINK)) == ""
    short = (
        '<a href="https://macet.example/banjir?a=1&amp;b=2" rel="ugc">macet.example/banjir</a>'  # GoToSocial, Akkoma
    )
    assert plain_text(short) == "https://macet.example/banjir?a=1&b=2" and normalise(plain_text(short)) == ""
    assert plain_text("<a href='https://a.example'>klik di sini</a>") == "klik di sini"


def test_mentions_and_hashtags_are_as_their_server_shows_them() -> None:
    mention = (
        '<span class="h-card"><a href="https://a.example/@warga" class="u-url mention">@<span>warga</span></a></span>'
    )
    hashtag = '<a href="https://a.example/tags/macet" class="mention hashtag" rel="tag">#<span>macet</span></a>'
    assert plain_text(f"<p>{mention} {hashtag}</p>") == "@warga #macet"
    assert plain_text('<a href="https://b.example/@u" class="u-url mention">@u@b.example</a>') == "@u@b.example"


PIECES = [
    "<",
    "</",
    "<a ",
    '<a "',
    "<a '\"",
    "<!--",
    "<script>",
    "<style",
    "<a href=https://x.y ",
    "<a>x.y</a",
    "<a>x.y</a>",
]
PIECES += [
    "<p>",
    " <p> ",
    "&#",
    "&a",
    "<!-",
    '<p class="quote-inline">',
    "</a></span></a>",
    " \n",
    "\v",
    "\f",
    "<a title=\"<a title='",
]


def test_hostile_html_takes_no_quadratic_time() -> None:
    began = time.process_time()
    for piece in PIECES:
        plain_text(piece * (200_000 // len(piece)))
    assert time.process_time() - began < 5, "quadratic time would be minutes"


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5)).map("".join))
def test_no_markup_raises_an_error(markup: str) -> None:
    assert isinstance(plain_text(markup), str)
