"""Which topics a post belongs to."""

import time
from collections.abc import Mapping

import pytest

from tweetream.matching import Matcher, normalise_track
from tweetream.models.topic import MAX_TERM, MAX_TERMS, BadTopic
from tweetream.text import normalise


def find(topics: Mapping[str, tuple[str, ...]], text: str) -> tuple[str, ...]:
    return Matcher(topics).match(normalise(text))


@pytest.mark.parametrize("text", ["macet", "MACET!", "tol #Macet", "macet,macet macet", "xmacet macet"])
def test_a_whole_word_matches_anywhere_and_once(text: str) -> None:
    assert find({"a": ("macet",)}, text) == ("a",)


@pytest.mark.parametrize("text", ["", "kemacetan", "macet2", "info_macet", "@macet", "https://t.co/macet", "ma cet"])
def test_a_part_of_a_word_a_name_and_an_address_do_not_match(text: str) -> None:
    assert find({"a": ("macet",)}, text) == ()


def test_a_phrase_matches_across_punctuation_and_in_order_only() -> None:
    topics = {"a": ("Simpang Lima",)}
    assert find(topics, "di simpang, lima arah") == ("a",)
    assert find(topics, "lima simpang") == ()
    assert find(topics, "simpang limabelas") == ()


def test_terms_that_share_words_are_all_found() -> None:
    topics = {"a": ("tol dalam",), "b": ("dalam kota",), "c": ("dalam",), "d": ("tol dalam kota",), "e": ("kota tol",)}
    assert find(topics, "tol dalam kota") == ("a", "b", "c", "d")


def test_keys_come_in_the_order_of_the_mapping_and_each_once() -> None:
    topics = {"z": ("macet", "padat"), "a": ("padat",), "m": ("*",), "b": ("none",)}
    assert find(topics, "padat macet padat") == ("z", "a", "m")
    assert find(topics, "macet") == ("z", "m")


def test_a_star_matches_every_post_even_an_empty_one() -> None:
    assert find({"all": ("*",), "a": ("macet", "*")}, "") == ("all", "a")


def test_without_topics_or_words_nothing_matches() -> None:
    assert find({}, "macet") == ()
    assert find({"a": ()}, "macet") == ()
    assert find({"a": ("@x", "🚗")}, "@x 🚗") == ()


def test_more_sets_of_topics_than_are_remembered_stay_right() -> None:
    matcher = Matcher({f"t{i}": (f"w{i}",) for i in range(20)})
    matcher._SETS = 4
    for i in range(19):
        assert matcher.match(f"w{i} w{i + 1}") == (f"t{i}", f"t{i + 1}")
    assert len(matcher._found) <= 4


def test_a_word_of_most_terms_does_not_make_a_post_ask_all_of_them() -> None:
    """Stops topics that share a word with most posts from making each post wait for all their terms."""
    topics = {f"t{number}": tuple(f"macet & w{number}x{nth}" for nth in range(100)) for number in range(100)}
    matcher = Matcher(topics | {"a": ("macet & tol", "macet & kota -tol"), "b": ("macet -tol",)})
    assert matcher.match("macet w7x3 tol") == ("t7", "a")
    assert matcher.match("kota macet") == ("a", "b")
    assert matcher.match("w7x3") == ()
    asked = {atom: len(terms) for atom, terms in enumerate(matcher._together) if terms}
    assert max(asked.values()) == 1, "each of the words of many terms would have 10,000"


def test_a_post_of_the_words_of_all_topics_is_not_remembered() -> None:
    """Stops posts that each leave a set of thousands of words in memory."""
    words = [f"w{number}" for number in range(2 * Matcher._SET)]
    matcher = Matcher({word: (word,) for word in words})
    assert matcher.match(" ".join(words)) == tuple(words)
    assert matcher.match("w1 w2") == ("w1", "w2")
    assert max(map(len, matcher._found)) == 2


def test_tracks_that_mean_the_same_compare_equal() -> None:
    one = normalise_track(["#Macet", "simpang  lima", "macet!", " * "])
    assert one == normalise_track(("Simpang-Lima", "*", "MACET")) == ("*", "macet", "simpang lima")
    assert normalise_track(one) == one


@pytest.mark.parametrize(
    ("track", "reason"),
    [
        ("macet", "list"),
        (None, "list"),
        ({"macet": 1}, "list"),
        ([], "1 to"),
        (["a"] * (MAX_TERMS + 1), "1 to"),
        (["a" * (MAX_TERM + 1)], "at most"),
        ([1], "text"),
        ([None], "text"),
        ([["macet"]], "text"),
        (["macet", ""], "no words"),
        (["@macet"], "no words"),
        (["🚗\n\ud800"], "no words"),
    ],
)
def test_what_no_topic_can_track_is_refused_with_a_reason(track: object, reason: str) -> None:
    with pytest.raises(BadTopic, match=reason) as error:
        normalise_track(track)
    assert "\n" not in str(error.value)
    str(error.value).encode()  # it goes into an answer


def test_the_largest_track_is_accepted() -> None:
    assert len(normalise_track([f"{i:03d}" + "a" * (MAX_TERM - 3) for i in range(MAX_TERMS)])) == MAX_TERMS


@pytest.mark.parametrize(
    ("term", "text"),
    [
        *[(term, text) for term in ("istanbul", "İstanbul", "ISTANBUL", "#İstanbul", "ıstanbul")
          for text in ("istanbul", "İstanbul", "ISTANBUL", "#İstanbul", "I\u0307stanbul", "ıstanbul'da")],
        ("ışık", "IŞIK"),
        ("渋滞", "@contoh渋滞"),
        ("渋滞", "首都高速で渋滞しています"),
        ("ﾀｸｼｰ", "駅前タクシー乗り場"),
        ("堵车", "今天又堵车了"),
        ("รถติด", "วันนี้รถติดมาก"),
        ("ចរាចរណ៍", "ស្ទះចរាចរណ៍ណាស់"),
        ("ລົດຕິດ", "ມື້ນີ້ລົດຕິດຫຼາຍ"),
        ("ကားပိတ်", "ဒီနေ့ကားပိတ်တယ်"),
        ("2車線", "国道の2車線が"),
        ("tokyo", "Tokyoで渋滞"),
        ("葛飾", "葛\U000e0100飾区"),
        ("زحام", "زحـــام"),
        ("macet", "ＭＡＣＥＴ＃"),
        ("jakarta", "#JakartaMacet"),
        ("macet", "＃JakartaMacet"),
        ("jakartamacet", "#JakartaMacet"),
        ("#JakartaMacet", "#jakartamacet"),
        ("jakarta macet", "di #JakartaMacet"),
        ("macet", "#Tol_Macet"),
        ("москва", "#МоскваПробки"),
    ],
)  # fmt: skip
def test_a_word_of_any_language_matches_where_people_write_it(term: str, text: str) -> None:
    assert find({"a": (term,)}, text) == ("a",)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("2車線", "国道の12車線"),
        ("tokyo", "tokyoteで渋滞"),
        ("macet jakarta", "#JakartaMacet"),
        ("padat jakarta", "padat #JakartaMacet"),
        ("jakarta", "#jakartamacet"),
        ("jalan", "jalán"),
    ],
)
def test_a_part_of_a_word_with_edges_does_not_match(term: str, text: str) -> None:
    assert find({"a": (term,)}, text) == ()


def test_thousands_of_topics_of_every_form_are_told_apart() -> None:
    topics = {f"t{i}": (f"w{i}", f"w{i} & v{i}", f"x{i}* -y{i}", f"渋{i}", "* -z") for i in range(1_000)}
    matcher = Matcher({key: terms[:4] for key, terms in topics.items()} | {"rest": ("* -z",)})
    assert matcher.match("w7 z") == ("t7",)
    assert matcher.match("x8tail y9") == ("t8", "rest")
    assert matcher.match("x8tail y8 z") == ()
    assert matcher.match("") == ("rest",)


def test_a_thousand_topics_cost_about_what_ten_cost() -> None:
    """Stops an automaton that tries a node's children one by one: Japanese terms made a post cost thirty times more."""

    def seconds(topics: int, text: str) -> float:
        match = Matcher({f"{i}": (f"word{i}", f"*part{i}*", f"{chr(0x4E00 + 9 * i)}滞") for i in range(topics)}).match
        spent = []
        for _ in range(9):
            start = time.thread_time()
            for _ in range(200):
                match(text)
            spent.append(time.thread_time() - start)
        return min(spent)

    for text in (normalise("jalan tol dalam kota padat " * 6), normalise("首都高速の交通情報と天気予報" * 6)):
        assert seconds(1_000, text) < 4 * seconds(10, text)
