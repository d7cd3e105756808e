"""The query language, and the words of the index."""

import pytest

from tweetream.archive.words import MAX_QUERY, MAX_TERMS, BadQuery, Term, indexed, parse_query


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("Macet TOL", [("macet", 0, 0), ("tol", 0, 0)]),
        ('"tol dalam  kota" -banjir jakar*', [("tol dalam kota", 0, 0), ("banjir", 1, 0), ("jakar", 0, 1)]),
        ('-"jalan tol"', [("jalan tol", 1, 0)]),
        ('"not closed', [("not closed", 0, 0)]),
        ("lalu-lintas #macet @kang_asep", [("lalu lintas", 0, 0), ("macet", 0, 0), ("kang asep", 0, 0)]),
        ("jalán ＴＯＬ İstanbul", [("jalan", 0, 0), ("tol", 0, 0), ("istanbul", 0, 0)]),
        ("渋滞", [("渋 滞", 0, 0)]),
        ("AND OR NOT NEAR(a b)", [("and", 0, 0), ("or", 0, 0), ("not", 0, 0), ("near a", 0, 0), ("b", 0, 0)]),
        ('a"b c"d', [("a", 0, 0), ("b c", 0, 0), ("d", 0, 0)]),
        ("ma*cet - * macet", [("ma cet", 0, 0), ("macet", 0, 0)]),
    ],
)
def test_a_query_is_words_phrases_prefixes_and_what_is_excluded(query: str, terms: list[tuple[str, int, int]]) -> None:
    assert parse_query(query) == [Term(words, bool(excluded), bool(prefix)) for words, excluded, prefix in terms]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "q has no word"), ('"" - * !!!', "q has no word"), ("a" * (MAX_QUERY + 1), "more than 500 characters"),
        ("a " * (MAX_TERMS + 1), "more than 20 words"),
    ],
)  # fmt: skip
def test_what_is_no_query_says_why(query: str, reason: str) -> None:
    with pytest.raises(BadQuery, match=reason):
        parse_query(query)


def test_the_index_has_words_in_one_form() -> None:
    assert indexed("Macet di TOL, lalu-lintas!").split() == ["macet", "di", "tol", "lalu", "lintas"]
    assert indexed("Café 渋滞です E\u0301cole").split() == ["cafe", "渋", "滞", "で", "す", "ecole"]
