"""A post's text with its links and marks: what others wrote takes no time and fills no document."""

from pathlib import Path
from typing import Any

import pytest
from support.browser import page_modules

pytestmark = pytest.mark.node
# Elements as far as `pieces` makes them.
PIECES = """
globalThis.document = { documentElement: {}, querySelectorAll: () => [],
  createElement: (tag) => ({ tag, words: "", append(...texts) { this.words += texts.join(""); } }) };
const { pieces } = await import("./post.js");
const links = (text, marks = []) => pieces(text, marks).filter(({ tag }) => tag === "a").map(({ href }) => href);
"""


def run(folder: Path, script: str) -> Any:
    return page_modules.run(folder, PIECES + script)


def test_a_link_ends_where_its_sentence_goes_on(tmp_path: Path) -> None:
    texts = [
        "(http://a.id/b)",
        "http://a.id/b_(c)",
        "http://a.id/b_(c)).",
        "(http://a.id/(b)(c)), d",
        "http://a.id/b?!",
    ]
    assert run(tmp_path, f"console.log(JSON.stringify({texts}.map((text) => links(text)[0])));") == [
        *("http://a.id/b", "http://a.id/b_(c)", "http://a.id/b_(c)", "http://a.id/(b)(c)", "http://a.id/b")
    ]


def test_a_post_of_brackets_alone_does_not_halt_the_page(tmp_path: Path) -> None:
    script = """
    const before = performance.now();
    const found = links("http://a.id/" + ")".repeat(64000));
    console.log(JSON.stringify([found, performance.now() - before]));
    """
    found, took = run(tmp_path, script)
    assert found == ["http://a.id/"] and took < 1000, "it was half a minute"


def test_a_post_of_links_and_marks_alone_makes_few_elements_and_keeps_its_text(tmp_path: Path) -> None:
    script = """
    const text = "http://a.id/b macet ".repeat(3000);
    const marks = Array.from({ length: 3000 }, (_, nth) => [nth * 20 + 14, nth * 20 + 19]);
    const parts = pieces(text, marks);
    console.log(JSON.stringify([parts.length, parts.map((part) => part.words ?? part).join("") === text]));
    """
    length, whole = run(tmp_path, script)
    assert whole and 400 < length < 1000
