"""What a term of a track asks for, its one form, and the terms that no topic can have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetream.matching import Matcher, normalise_track, preview, warnings
from tweetream.models.topic import MAX_TERM, BadTopic
from tweetream.text import normalise
from tweetream.words.terms import parse


def has(term: str, text: str) -> bool:
    return Matcher({"a": (term,)}).match(normalise(text)) == ("a",)


@pytest.mark.parametrize(
    ("term", "found", "not_found"),
    [
        ("banjir*", "banjirnya #Banjir banjir", "kebanjiran"),
        ("*banjir", "kebanjir Banjir", "banjirnya"),
        ("*banjir*", "kebanjirannya", "banji"),
        ("jalan to*", "jalan, toll", "jalan kota"),
        ("*an tol", "jalan tol", "jalan tolong"),
        ("macet & tol", "tol ini macet", "macet saja"),
        ("macet AND tol", "tol ini macet", "macet and"),
        ("macet &amp; tol", "tol ini macet", "tol"),
        ("macet && tol & jakarta", "jakarta: tol macet", "tol macet"),
        ("macet -tol", "macet di kota", "macet di tol"),
        ("-tol macet", "macet di kota", "macet di tol"),
        ('macet -"jalan tol"', "macet di jalan kota, tol lancar", "macet di jalan tol"),
        ("macet -banjir*", "macet kebanjiran", "macet banjirnya"),
        ("* -macet", "lancar", "macet"),
        ('"jalan tol"', "di jalan, tol", "tol jalan"),
        ('"rock AND roll"', "rock and roll", "roll rock"),
        ('macet "jalan tol"', "di jalan tol: macet", "macet di jalan"),
        ("“jalan tol” & macet", "jalan tol macet", "jalan macet tol"),
        ("＊ｂａｎｊｉｒ＊", "kebanjiran", "banji"),
        ('"true OR false"', "true or false", "true false"),
        ("OR", "or", "o r"),
        ("drum and bass", "drum and bass", "bass drum"),
        ("AT&T", "AT&T", "att"),
        ("simpang-lima", "simpang lima", "simpang"),
        ("simpang - lima", "simpang lima", "simpang"),
        ("macet & padat & macet*", "padat macet", "padat macetnya"),
        ("#macet", "macet", "kemacetan"),
    ],
)
def test_a_term_finds_what_it_asks_for_and_nothing_else(term: str, found: str, not_found: str) -> None:
    for form in (term, *normalise_track([term])):
        assert has(form, found), form
        assert not has(form, not_found), form


@pytest.mark.parametrize(
    ("term", "form"),
    [
        ("tol AND Macet", "macet & tol"),
        ('"Jalan  Tol" macet', "jalan tol & macet"),
        ('-"Jalan Tol" macet -SEPI', 'macet -"jalan tol" -sepi'),
        ("macet & *", "macet"),
        ("**", "*"),
        ('"*"', "*"),
        ("(Banjir*)", "banjir*"),
        ("渋滞*", "渋滞"),
        ("macet & macet", "macet"),
        ("ROCK and roll", "rock and roll"),
    ],
)
def test_terms_that_mean_the_same_have_one_form(term: str, form: str) -> None:
    assert normalise_track([term]) == (form,)
    assert normalise_track([form]) == (form,)


@pytest.mark.parametrize(
    ("term", "reason"),
    [
        ("?!…", "no words"),
        ("🚗", "no words"),
        ("https://example.org/macet", "no words"),
        ("detik.com/macet", "no words"),
        ("@macet", "no words"),
        ("macet & @rina", "no words"),
        ("macet -🚗", "no words"),
        ('macet ""', "no words"),
        ("-macet", "only words not to have"),
        ("-macet -tol", "only words not to have"),
        ("macet -macet", "matches no post"),
        ("Macet & tol -#MACET", "matches no post"),
        ("jalan tol -tol", "matches no post"),
        ("banjirnya -banjir*", "matches no post"),
        ("* -*", "matches no post"),
        ("& macet", "both sides of &"),
        ("macet AND", "both sides of &"),
        ("macet & & tol", "both sides of &"),
        ('"macet', "not closed"),
        ('jalan "tol" "', "not closed"),
        ("macet OR padat", "two terms instead of OR"),
        ("macet NOT tol", "-word instead of NOT"),
        ("ban*jir", "beginning or the end"),
        ("banjir* besar", "beginning or the end"),
        ("tol * macet", "beginning or the end"),
        ("macet *", "beginning or the end"),
        ("\ufdfa" * MAX_TERM, "at most 100 characters"),
        ("a" * (MAX_TERM + 1), "at most 100 characters"),
    ],
)
def test_a_term_that_can_match_nothing_is_refused_in_one_line(term: str, reason: str) -> None:
    with pytest.raises(BadTopic, match=reason) as error:
        normalise_track(["tol", term])
    assert "\n" not in str(error.value)
    assert warnings(["tol", term, term]) == [str(error.value)]
    assert not has(term, "macet tol jalan banjirnya")


@given(st.lists(st.sampled_from([*"abc", "渋", "*", "&", "-", '"', " ", "AND", "İ", "#", "\u0301", "_"]), max_size=12))
def test_the_form_of_a_term_is_its_own_form_and_means_the_same(parts: list[str]) -> None:
    try:
        term = parse("".join(parts))
    except BadTopic as error:
        assert "\n" not in str(error)
        return
    assert parse(str(term)) == term


def test_a_preview_tells_how_many_texts_match_and_the_first_five() -> None:
    texts = [f"macet {number}" if number % 2 else "Tol lancar" for number in range(20)]
    assert preview(["macet"], texts) == (10, [1, 3, 5, 7, 9])
    assert preview(["macet -7", "tol & lancar"], texts) == (19, [0, 1, 2, 3, 4])
    assert preview(["macet -macet"], texts) == (0, [])


def test_warnings_and_preview_take_any_track_that_json_can_hold() -> None:
    assert warnings(["macet", 1, None]) == ["a term of track must be a text"]
    with pytest.raises(BadTopic, match="list"):
        warnings("macet")


def test_words_of_earlier_records_keep_their_meaning() -> None:
    for term in ("macet", "simpang lima", "rock and roll", "at t", "info_lancar", "渋滞", "*"):
        assert str(parse(term)) == term
