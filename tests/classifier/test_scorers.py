"""Decisions equal those of scikit-learn, and a full memory changes none."""

import numpy as np
import pytest

from tweetream.classifier import scorers
from tweetream.classifier.conversion import CLASSIFIER, FEATURES, parameters_of
from tweetream.classifier.dataset import LabelledPost
from tweetream.classifier.features import LONGEST
from tweetream.classifier.scorers import FeatureScorer, scorer
from tweetream.classifier.training import fit, train

WORDS = ["macet", "lancar", "padat", "jalan", "tol", "rezeki", "sayang", "hujan", "kuningan", "kerja", "makan", "tidur"]


def posts(labels: int) -> list[LabelledPost]:
    chosen = np.random.default_rng(7)
    found = []
    for i in range(60 * labels):
        words = [WORDS[(i % labels) * 3], *chosen.choice(WORDS, 6)]
        found.append(LabelledPost(" ".join(chosen.permutation(words)), f"label{i % labels}"))
    return found


TEXTS = ["", "macet", "asing", *(post.text for post in posts(2)[:50]), " ".join(WORDS * 20)]


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("classifier", ["svm", "words-svm"])
def test_a_linear_models_decisions_are_scikit_learns(classifier: str, labels: int) -> None:
    pipeline = fit(posts(labels), classifier)
    features = pipeline.named_steps[FEATURES]
    estimator = pipeline.named_steps[CLASSIFIER].calibrated_classifiers_[0].estimator
    expected = np.asarray(estimator.decision_function(features.transform(TEXTS))).reshape(len(TEXTS), -1)
    assert scorer(parameters_of(pipeline).decision).decisions(TEXTS) == pytest.approx(expected)


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("classifier", ["svm", "words-svm", "naive-bayes", "decision-tree"])
def test_a_batch_gives_what_its_texts_give_alone_and_what_their_words_add_up_to(classifier: str, labels: int) -> None:
    model = scorer(train(posts(labels), classifier).decision)
    together = model.decisions(TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        assert model.decisions([text])[0] == pytest.approx(row)
        found = model.contributions(text)
        assert found.weights.sum(axis=0) + found.bias == pytest.approx(row)


def test_a_full_memory_is_emptied_and_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream has ever new words, so a memory without a limit would grow for years."""
    monkeypatch.setattr(scorers, "REMEMBERED", 20)
    model = scorer(train(posts(2)).decision)
    assert isinstance(model, FeatureScorer)
    before = model.decisions(TEXTS)
    for i in range(100):
        model.decisions([f"baru{i} lain{i}"])
    assert len(model._numbers) <= 24
    assert model.decisions(TEXTS) == pytest.approx(before)


def test_a_text_is_cut_at_so_many_words() -> None:
    """A text of 60 KB has many pairs of words: it must not delay a batch."""
    model = scorer(train(posts(2)).decision)
    long = " ".join(WORDS * 1_000)
    assert model.decisions([long]) == pytest.approx(model.decisions([" ".join(long.split()[:LONGEST])]))


@pytest.mark.parametrize("labels", [2, 3])
def test_a_trees_leaves_are_scikit_learns(labels: int) -> None:
    pipeline = fit(posts(labels), "decision-tree")
    estimator = pipeline.named_steps[CLASSIFIER].calibrated_classifiers_[0].estimator
    expected = estimator.predict_proba(pipeline.named_steps[FEATURES].transform(TEXTS))
    assert scorer(parameters_of(pipeline).decision).decisions(TEXTS) == pytest.approx(expected[:, labels == 2 :])


@pytest.mark.parametrize("text", ["1", "ab", "é", "\U0001f697", "a b", "x" * 5_000])
def test_a_first_word_of_any_length_is_scored(text: str) -> None:
    """A word of one letter has no piece of five letters. As the first word it once broke all later posts."""
    model = scorer(train(posts(2)).decision)
    assert model.decisions([text]).shape == (1, 1)
