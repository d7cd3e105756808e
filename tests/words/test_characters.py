"""Every character of Unicode is folded, bounded and set apart as the classes of characters claim."""

import re
import sys
import unicodedata

import pytest

from tweetream.words.characters import MOST_MARKS, SPACELESS, bounded, capitals, fold, is_spaceless

SPACELESS_CLASS = re.compile(f"[{SPACELESS}]")


@pytest.fixture(scope="module")
def characters() -> list[str]:
    return [
        chr(code) for code in range(0x80, sys.maxunicode + 1) if unicodedata.category(chr(code)) not in ("Cn", "Co")
    ]


def test_a_run_of_any_combining_mark_keeps_thirty(characters: list[str]) -> None:
    """Stops a run of the marks that a hand-written class forgets: half-width voice marks, marks without a class."""
    longest = 0
    for character in characters:
        if all(map(unicodedata.combining, unicodedata.normalize("NFKD", character))):
            assert bounded("a" + character * 100) == "a" + character * MOST_MARKS, hex(ord(character))
            longest += 1
    assert longest > 800


def test_a_run_is_bounded_whatever_is_mixed_into_it() -> None:
    """Invisible characters, which are removed, do not part a run into short ones."""
    for between in ("", "\u034f", "\u200d", "\ufe0f", "\u0640", "\U000e0100"):
        folded = fold("a" + f"\u0301\u0316{between}" * 100)
        assert len(unicodedata.normalize("NFD", folded)) <= 1 + MOST_MARKS
    assert bounded("e\u0301" * 100) == "e\u0301" * 100
    letters = "\U00011005\U0001e900" * 100  # Brahmi and Adlam stand among marks
    assert bounded(letters) == letters


def test_each_character_that_becomes_a_spaceless_one_is_set_apart(characters: list[str]) -> None:
    for character in characters:
        whole = unicodedata.normalize("NFKC", character.casefold())
        if SPACELESS_CLASS.match(whole) and whole[0].isalnum():
            assert fold(f"a{character.casefold()}").split()[0] == "a", hex(ord(character))


def test_folding_a_second_time_changes_nothing(characters: list[str]) -> None:
    for character in characters:
        once = fold(f"i{character}".casefold()).split()
        assert fold(" ".join(once).casefold()).split() == once, hex(ord(character))


@pytest.mark.parametrize("letter", list("渋あアกກကក話〆々ﾝ"[:-1]))
def test_scripts_without_spaces_are_known(letter: str) -> None:
    assert is_spaceless(letter)


@pytest.mark.parametrize("letter", list("aé1_кعह가ꦀᬅ"[:-2]))
def test_scripts_with_spaces_are_known(letter: str) -> None:
    assert not is_spaceless(letter)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#JakartaMacet", ["Jakarta Macet"]),
        ("#DKIJakarta2024", ["DKI Jakarta 2024"]),
        ("di #TolDalam#KotaPadat, #iPhone", ["Tol Dalam", "Kota Padat", "i Phone"]),
        ("#Info_Lalin", ["Info Lalin"]),
        ("＃ÇanakkaleTrafik #МоскваПробки", ["Çanakkale Trafik", "Москва Пробки"]),
        ("#macet #Macet #MACET #MACET2024 #info_lalin #2024 # JakartaMacet #渋滞", []),
        ("JakartaMacet x#JakartaMacet x/#JakartaMacet &#JakartaMacet", []),
    ],
)
def test_the_words_of_a_hashtags_capitals_are_found(text: str, words: list[str]) -> None:
    assert capitals(text) == words


def test_a_hashtag_that_is_longer_than_any_networks_is_one_word() -> None:
    """Stops a hashtag of 60,000 letters that took 21 ms of the loop in a single step."""
    assert capitals("#" + "Ab" * 128) and not capitals("#" + "Ab" * 129)
