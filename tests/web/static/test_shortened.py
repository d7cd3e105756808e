"""What a browser gets of the page's files is, but for comments and blanks, what was written."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from support.node_clients import changed_programs
from support.paths import STATIC
from typing_extensions import override

from tweetream.web.site import shortened

SCRIPTS = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js"))
# The ways in which a program can change without an error: blanks in a text, a comment that is none, signs that join.
TRAPS = {
    "blanks in a nested template": ("const a = `x ${b ? `y  ${c}  z` : ''}`;", "const a=`x ${b?`y ${c} z`:''}`;"),
    "a comment in a template": ("const a = `// ${b}`;", "const a=`"),
    "a pattern": ("const a = /[ ]  b/u;", "const a=/[ ] b/u;"),
    "two signs": ("const a = b + +c;", "const a=b++c;"),
    "the end of a line": ("return_\n(1)", "return_;(1)"),
}


@pytest.mark.node
def test_every_script_is_the_same_program() -> None:
    written = {path: (STATIC / path).read_text() for path in SCRIPTS}
    assert len(written) > 60
    pairs = ((path, text, shortened(path, text.encode()).decode()) for path, text in written.items())
    assert changed_programs(pairs) == []


@pytest.mark.node
def test_the_check_of_programs_sees_each_way_in_which_one_can_change() -> None:
    assert changed_programs((name, *texts) for name, texts in TRAPS.items()) == list(TRAPS)
    assert changed_programs([("blanks alone", "const  a = [1,\n  `b`]; // c", "const a=[1,`b`];")]) == []


class Parts(HTMLParser):
    """A page's elements with their attributes, and its words; blanks between words are one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    @override
    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    @override
    def handle_data(self, data: str) -> None:
        self.found.append(re.sub(r"\s+", " ", data))


def test_the_page_has_the_same_elements_and_words() -> None:
    written = (STATIC / "index.html").read_bytes()
    assert b"<pre" not in written and b"<textarea" not in written, "there blanks would count"
    short = shortened("index.html", written)
    assert len(short) < len(written) and Parts(short.decode()).found == Parts(written.decode()).found
