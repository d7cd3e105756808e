"""A cell of CSV starts no program, whatever separator a spreadsheet takes."""

import csv
import io
import time
from collections.abc import Callable

import pytest
from support.csv_attacks import ATTACKS, formulas

from tweetream.models.csv_cell import safe_cell


def written(texts: list[str], cell: Callable[[str], str] = safe_cell) -> str:
    output = io.StringIO()
    csv.writer(output).writerows([["x:1", cell(text), "rina;", cell(text), "traffic"] for text in texts])
    return output.getvalue()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_text_becomes_a_formula_alone_or_with_others(separator: str) -> None:
    for text in ATTACKS:
        assert not formulas(written([text]), separator), text
    assert not formulas(written(ATTACKS), separator), "a quote of one text opens the cell of another"


def test_each_attack_is_one() -> None:
    for text in ATTACKS:
        raw = [text, written([text], str), f"a;{text}"]
        assert any(formulas(document, separator) for document in raw for separator in ",;\t"), text


def test_other_texts_and_numbers_stay_as_they_are() -> None:
    for text in (
        "",
        "macet",
        "a=b",
        "1 + 1",
        "mail a@b.example",
        "a;b",
        "'x",
        "-6.2",
        "+62",
        "-1e-5",
        "1,5",
        "Rp 5.000,-",
    ):
        assert safe_cell(text) == text


def test_a_long_text_takes_linear_time() -> None:
    for text in (";" * 10**6, "\t" * 10**6, '"' * 10**6, ' "' * 10**6, "\n " * 10**6, "; " * 10**6 + "=", "0," * 10**6):
        began = time.perf_counter()
        safe_cell(text)
        assert time.perf_counter() - began < 2


def test_nor_do_invisible_characters_that_are_blanks_too_in_one_language() -> None:
    """Against a cell that doubles the time with each such character: forty would have stopped the command for hours."""
    for char in "\x1c\x1f\ufeff\u200b\xa0\x00\x0b":
        began = time.perf_counter()
        safe_cell(";" + char * 10**5)
        assert time.perf_counter() - began < 2
