"""The options in a URL are read and refused the same way for all sources."""

import re

import pytest

from tweetream.sources.base import SourceError
from tweetream.sources.options import UrlOptions, check_no_password, check_printable

KNOWN = ("rate", "loop", "lang")


def options(query: str) -> UrlOptions:
    return UrlOptions("test:?…", "test", query, KNOWN)


def test_values_are_decoded_and_missing_ones_are_none() -> None:
    given = options("rate=a%20b&loop=")
    assert (given.get("rate"), given.get("loop"), given.get("lang")) == ("a b", "", None)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("speed=1", "test:?…: unknown option 'speed'; test knows rate, loop and lang"),
        (f"{'x' * 50}=1", f"test:?…: unknown option '{'x' * 40}'; test knows rate, loop and lang"),
        ("rate=1&rate=2", "test:?…: an option is given twice; give each once"),
    ],
)
def test_unknown_and_repeated_options_are_refused(query: str, message: str) -> None:
    with pytest.raises(SourceError, match=f"^{re.escape(message)}$"):
        options(query)


def test_a_choice_is_one_of_its_values_or_the_default() -> None:
    assert options("").choice("loop", ("true", "false"), "false") == "false"
    assert options("loop=true").choice("loop", ("true", "false"), "false") == "true"
    with pytest.raises(SourceError, match=r"loop is true, false or auto, not 'yes'$"):
        options("loop=yes").choice("loop", ("true", "false", "auto"), "false")


def test_languages_are_tags_in_lower_case_in_the_given_order() -> None:
    assert options("").languages() == () and options("lang=ID, en,pt-BR").languages() == ("id", "en", "pt-br")
    for wrong in ("", "id,,en", "indonesian", "i", "pt_br"):
        with pytest.raises(SourceError, match=r"lang is a list of language codes such as id,en; '\w*' is not one$"):
            options(f"lang={wrong}").languages()
    with pytest.raises(SourceError):
        options("lang=pt-br").languages(re.compile("[a-z]{2}"))


def test_a_password_and_an_unprintable_character_are_refused() -> None:
    for url in ("test://me:hunter2@host", "test://me:hunter2%40host"):
        with pytest.raises(SourceError, match="TWEETREAM_TEST_TOKEN") as error:
            check_no_password(url, "test", "TWEETREAM_TEST_TOKEN")
        assert "hunter2" not in str(error.value)
    with pytest.raises(SourceError, match=r"^'test:a\\nb': percent-encode"):
        check_printable("test:a\nb")
    check_no_password("test://host", "test", "")
    check_printable("test://host/é")
