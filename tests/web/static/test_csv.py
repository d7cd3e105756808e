"""What is shown, as a file for a spreadsheet: complete, and with nothing in it that a spreadsheet would run."""

import csv
import io
import json
import time
from typing import Any

import pytest
from support.browser import page_modules
from support.csv_attacks import ATTACKS, formulas

from tweetream.models.csv_cell import safe_cell

pytestmark = pytest.mark.node
COLUMNS = ["id", "topic", "source", "url", "author", "text", "lang", "created_at", "received_at", "label", "score"]


def exported(posts: list[dict[str, Any]]) -> str:
    script = f"""import {{ csvHead, csvRows }} from "#page/posts/csv.js";
    console.log(JSON.stringify(csvHead() + csvRows({json.dumps(posts)})));"""
    return page_modules.run(script)


def cells(*texts: Any) -> list[str]:
    """The texts, as a reader of CSV finds them in the column of texts."""
    document = exported([{"id": str(number), "text": text} for number, text in enumerate(texts)])
    rows = list(csv.DictReader(io.StringIO(document.removeprefix("\ufeff"), newline=""), strict=True))
    assert [row["id"] for row in rows] == [str(number) for number in range(len(texts))]
    return [row["text"] for row in rows]


def test_every_post_is_a_line_with_all_that_is_known_of_it() -> None:
    post = {name: f"a {name}" for name in COLUMNS} | {"score": 0.5, "more": "not shown"}
    lines = exported([post, {"id": "x:1"}]).split("\r\n")
    assert lines == [
        "\ufeff" + ",".join(COLUMNS),
        ",".join(str(post[name]) for name in COLUMNS),
        "x:1" + "," * 10,
        "",
    ]


def test_marks_of_the_format_and_ends_of_lines_come_back_as_they_were() -> None:
    texts = ['say "ya"', "a,b", "two\nlines", "\r", " in blanks ", "\u2028", "‮reversed", "🚦 macet", "", '"', "a\r\nb"]
    assert cells(*texts) == [text if text != "\r" else "'\r" for text in texts]


def test_a_text_that_a_spreadsheet_would_run_begins_with_an_apostrophe() -> None:
    texts = [
        *('=HYPERLINK("http://example.org")', "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\x00=1", '"=1'),
        *("  =1+1", "\u00a0=1", "\ufeff=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", "@mention, hi", '=1,"2"'),
    ]
    assert cells(*texts) == [f"'{text}" for text in texts]


def test_nor_does_one_run_that_begins_a_cell_where_lists_are_separated_by_semicolons() -> None:
    texts = ["macet;=1+1", "macet; +1", "macet\n=1+1", "a\r\n@b", "\n=1", "a;b\nc", ";-)", "\t=1+1"]
    assert cells(*texts) == [
        "macet;'=1+1",
        "macet; '+1",
        "macet\n'=1+1",
        "a\r\n'@b",
        "'\n'=1",
        "a;b\nc",
        ";'-)",
        "'\t'=1+1",
    ]


def test_whatever_separates_cells_no_text_becomes_a_formula() -> None:
    """The separator is a comma, a semicolon or a tab, by the country and the program."""
    document = exported([{"id": str(number), "text": text, "label": ";"} for number, text in enumerate(ATTACKS)])
    for separator in ",;\t":
        assert not formulas(document.removeprefix("\ufeff"), separator), separator
    assert cells(*ATTACKS) == [safe_cell(text) for text in ATTACKS], "as the command line does it"


def test_a_long_text_takes_linear_time() -> None:
    texts = [";" * 65536, "\t" * 65536, '"' * 65536, ' "' * 32768, "\n " * 32768]
    texts += [";" + char * 65535 for char in "\x1c\ufeff\u200b\xa0\x0b"]  # some are blanks, too, in one language
    began = time.perf_counter()
    exported([{"id": "1", "text": text} for text in texts for _ in range(20)])
    assert time.perf_counter() - began < 10


def test_a_number_stays_a_number_also_below_nothing() -> None:
    document = exported([{"id": "1", "score": -0.25}])
    assert document.split("\r\n")[1].endswith(",-0.25")


def test_a_text_that_has_such_a_sign_within_stays_as_it_is() -> None:
    texts = ["a=b", "1 + 1", "mail a@b.example", "'quoted'", "…=1"]
    assert cells(*texts) == texts


def test_the_files_name_says_what_and_when_and_is_safe() -> None:
    script = """
    import { fileName } from "#page/posts/csv.js";
    const at = new Date(2026, 0, 2, 3, 4);
    const topics = [["jakarta", "tol-1"], ["../x", "y".repeat(300)], []];
    console.log(JSON.stringify(topics.map((names) => fileName(names, at))));
    """
    two, odd, none = page_modules.run(script)
    assert two == "tweetream-jakarta-tol-1-20260102-0304.csv"
    assert "/" not in odd and ".." not in odd and len(odd) < 120
    assert none == "tweetream-20260102-0304.csv"
