"""Text of others in logs: no terminal code, no forged line, no mark that turns the text around."""

import io
import logging

import pytest

from tweetream.models.printable import MOST, PrintableLog, printable

ATTACKS = {
    "a terminal's code": ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
    "a code of 8 bits": ("\x9b31m", r"\x9b31m"),
    "a forged line": ("ok\r\n2026-01-01 ERROR forged", "ok 2026-01-01 ERROR forged"),
    "line ends of Unicode": ("a\u2028b\x85c\x0bd", "a b c d"),
    "reversed reading": ("\u202egnp.exe", r"\u202egnp.exe"),
    "isolates": ("\u2066a\u2069", r"\u2066a\u2069"),
    "what is not seen": ("a\u200bb\ufeff\x00\x7f", r"a\u200bb\ufeff\x00\x7f"),
    "half of a character": ("\udce9", r"\udce9"),
    "a private character": ("\ue000\U000f0000", r"\ue000\U000f0000"),
}


@pytest.mark.parametrize(("text", "shown"), ATTACKS.values(), ids=ATTACKS)
def test_what_cannot_be_printed_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown and shown.isprintable()


def test_words_of_all_scripts_stay_as_they_are() -> None:
    for text in ("macet di Jalan Sudirman", "مرور", "渋滞 🚦", "jalán", "'quoted' \\x1b"):
        assert printable(text) == text


def test_a_text_of_any_length_is_cut_and_its_secret_is_never_cut_in_two() -> None:
    assert len(printable("x" * 10_000_000)) == MOST and len(printable("\x1b" * 10_000_000, 50)) == 50
    for before in range(MOST - 20, MOST + 10):
        assert "sec" not in printable("x" * before + " secret", secret="secret")
    assert printable("secretSECRET", secret="Secret") == "******"


def test_a_filter_makes_the_records_of_all_packages_printable() -> None:
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.addFilter(PrintableLog())
    logger = logging.Logger("any")
    logger.addHandler(handler)
    logger.info("from %s", "there\x1b[2J\nERROR forged")
    logger.info("fine %d", 5)
    try:
        raise ValueError("told\x1b]0;x\x07\nERROR forged")
    except ValueError:
        logger.exception("it failed")
    lines = output.getvalue().split("\n")
    assert lines[:3] == [r"INFO from there\x1b[2J", "  ERROR forged", "INFO fine 5"]
    assert all(line.isprintable() for line in lines) and "Traceback" in output.getvalue()
    assert not any(line.startswith("ERROR forged") for line in lines)
