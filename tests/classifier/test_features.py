"""The features of a text: words, their pieces and kinds, and words together."""

import numpy as np
import pytest
from sklearn.base import clone

from tweetream.classifier.features import PIECES, Features, hashed, pieces, shipped_kinds
from tweetream.classifier.vectorizer import FeatureVectorizer

KINDS = "jam: macet stuck\nplace: kuningan sudirman\nmoney: gaji"
TEXTS = ["macet di kuningan", "stuck di sudirman", "gaji stuck", "gaji di kuningan", "macet di kuningan lagi"]


def names(text: str, features: FeatureVectorizer) -> set[int]:
    return set(features.transform([text]).indices.tolist())


def test_a_row_is_a_texts_known_features_by_the_root_of_how_many() -> None:
    features = FeatureVectorizer(2, KINDS).fit(TEXTS)
    matrix = features.transform([*TEXTS, "asing", ""])
    assert matrix.shape == (len(TEXTS) + 2, len(features.get_feature_names_out()))
    for row in matrix[: len(TEXTS)]:
        number = row.data.sum() ** 2  # n times 1 / sqrt(n)
        assert number == pytest.approx(round(number)) and row.data.min() == pytest.approx(1 / np.sqrt(number))


def test_learning_and_counting_in_one_is_the_same_as_one_after_the_other() -> None:
    features = FeatureVectorizer(2, KINDS)
    assert (features.fit_transform(TEXTS) != clone(features).fit(TEXTS).transform(TEXTS)).nnz == 0


def test_words_of_a_kind_are_alike_and_others_are_not() -> None:
    features = FeatureVectorizer(1, KINDS).fit(TEXTS)
    unknown = names("gaji di monas", features)
    assert len(names("stuck di kuningan", features) & names("macet di sudirman", features)) > len(
        names("stuck di kuningan", features) & unknown
    )


def test_the_order_and_the_company_of_words_are_seen() -> None:
    features = FeatureVectorizer(1, KINDS).fit([*TEXTS, "kuningan di macet"])
    assert names("macet di kuningan", features) != names("kuningan di macet", features)
    assert names("macet lagi", features) != names("macet", features) | names("lagi", features)


def test_a_feature_of_too_few_posts_is_left_out() -> None:
    once, twice = FeatureVectorizer(1, "").fit(TEXTS), FeatureVectorizer(2, "").fit(TEXTS)
    assert len(twice.known_) < len(once.known_)
    with pytest.raises(ValueError, match="no word is in 3 posts"):
        FeatureVectorizer(3, "").fit(["satu", "dua"])


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("macet", "jam"),
        ("macetnya", "jam"),
        ("kemacetan", "jam"),
        ("gajiku", "money"),
        ("12", "number"),
        ("asing", ""),
        ("", ""),
    ],
)
def test_a_word_has_the_kind_of_its_root(word: str, kind: str) -> None:
    (own,), (number,), *_ = Features(KINDS, np.zeros(0, dtype=np.uint64)).of_words([word])
    assert own == hashed(word)
    assert number == (hashed(f"~{kind}") if kind else own)


def test_pieces_are_those_of_each_word_alone() -> None:
    words = ["macet", "", "a", "macet", "jalanannya", "é🚗"]
    found, owner = pieces(words)
    for place, word in enumerate(words):
        alone, _ = pieces([word])
        assert sorted(found[owner == place].tolist()) == sorted(alone.tolist())
        edged = len(word) + 2
        assert len(alone) == sum(max(edged - size + 1, 0) for size in PIECES)
    assert len(set(pieces(["abcdefgh"])[0].tolist())) == 8 + 7 + 6


def test_known_features_are_found_and_no_others() -> None:
    """Also features with the same first bits, and the last of all features."""
    chosen = np.random.default_rng(3)
    known = chosen.integers(0, 2**63, 5_000, dtype=np.uint64)
    known = np.unique(np.concatenate((known, known[:50] + np.uint64(1), [np.uint64(2**64 - 1), np.uint64(0)])))
    features = Features("", known)
    asked = chosen.permutation(np.concatenate((known, known[:-1] + np.uint64(7))))
    which, columns = features.place(asked)
    assert (known[columns] == asked[which]).all()
    assert len(which) == np.isin(asked, known).sum()


def test_a_name_has_the_same_number_everywhere() -> None:
    """Python's own hash differs from run to run."""
    assert hashed("macet") == 2407608557007318505


def test_the_shipped_list_has_each_word_once() -> None:
    words = [word for line in shipped_kinds().splitlines() for word in line.partition(":")[2].split()]
    assert len(words) == len(set(words))
    assert all(word == word.casefold() for word in words)
