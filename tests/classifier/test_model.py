"""Labels, scores and explanations of a model in use; `test_model_file` has what can be wrong with its file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tweetream.classifier.conversion import parameters_of
from tweetream.classifier.dataset import LabelledPost
from tweetream.classifier.model import SHIPPED, Classifier
from tweetream.classifier.training import CLASSIFIERS, fit, train
from tweetream.text import Cleaner, normalise


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return Classifier.load()


def posts(*labels: str) -> list[LabelledPost]:
    return [LabelledPost(f"{label} kata{i} nomor{i % 7}", label) for label in labels for i in range(30)]


def test_the_shipped_model_knows_a_report_from_small_talk(shipped: Classifier) -> None:
    clean = Cleaner().clean
    written = ["07.12 wib lalin simpang Krapyak terpantau ramai lancar", "aku cinta kamu sayang hahaha"]
    labels, scores = shipped.predict([clean(normalise(post)) for post in written])
    assert labels == ["traffic", "non_traffic"]
    assert all(score is not None and score > 0.9 for score in scores)
    assert sorted(shipped.labels) == ["non_traffic", "traffic"]


def test_labels_and_scores_are_plain_python(shipped: Classifier) -> None:
    labels, scores = shipped.predict(["macet", "\0 kata\u2028lain"])
    assert {type(label) for label in labels} == {str} and {type(score) for score in scores} == {float}
    assert {type(label) for label in shipped.labels} == {str}


def test_no_texts_give_no_labels(shipped: Classifier) -> None:
    assert shipped.predict([]) == ([], [])


def test_a_batch_gives_what_its_texts_give_alone(shipped: Classifier) -> None:
    texts = ["jalan macet", "lancar jaya", "rezeki", ""]
    alone = [shipped.predict([text]) for text in texts]
    labels, scores = shipped.predict(texts)
    assert labels == [one[0] for one, _ in alone] and labels[-1] is None
    assert scores[:-1] == pytest.approx([one[0] for _, one in alone[:-1]])


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_text_without_a_known_word_has_neither_label_nor_score(classifier: str) -> None:
    """An unknown word gets pieces that are known, and its label would be that of an empty text."""
    model = Classifier(train(posts("banjir", "macet"), classifier))
    texts = ["", "qwxyz", "zmacetz qwxyz", "qwxyz macet"]
    assert [label is None for label in model.predict(texts)[0]] == [True, True, True, False]
    assert [score is None for score in model.predict(texts)[1]] == [True, True, True, False]
    assert [found.label is found.score is found.scores is None for found in model.predict_all(texts)[:3]] == [True] * 3
    assert all(model.explain(text)[:2] == (None, None) for text in texts[:3])


def test_below_the_threshold_the_model_is_unsure_and_still_has_scores(shipped: Classifier) -> None:
    text, (sure,) = "macet kuningan", shipped.predict(["macet kuningan"])[1]
    assert sure is not None
    for threshold, known in ((sure - 0.001, True), (min(sure + 0.001, 1), False)):
        model = Classifier.load(threshold=threshold)
        (found,) = model.predict_all([text])
        assert (found.label is not None) == (found.score is not None) == known == (model.predict([text])[0] != [None])
        assert found.scores is not None and found.scores["traffic"] == pytest.approx(sure)
        assert (model.explain(text).label is not None) == known


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.parametrize("labels", [("banjir", "macet"), ("banjir", "lancar", "macet")])
def test_scores_are_scikit_learns_probability_of_the_label_given(classifier: str, labels: tuple[str, ...]) -> None:
    pipeline = fit(posts(*labels), classifier)
    model = Classifier(parameters_of(pipeline))
    texts = [*labels, "banjir macet", "kata1 nomor1"]
    given, scores = model.predict(texts)
    expected = pipeline.predict_proba(texts)
    assert scores == pytest.approx(expected.max(axis=1).tolist())
    assert given[: len(labels)] == list(labels) == list(model.labels)
    assert [expected[i][model.labels.index(str(label))] for i, label in enumerate(given)] == pytest.approx(scores)
    assert all(1 / len(labels) - 1e-9 <= float(score or 0) <= 1 for score in scores)


def test_labels_that_all_have_probability_zero_are_equally_likely() -> None:
    trained = train(posts("a1", "b1", "c1"))
    hopeless = replace(trained.calibration, shift=np.full(3, -1e6))
    model = Classifier(replace(trained, calibration=hopeless))
    assert model.predict(["a1"])[1] == pytest.approx([1 / 3])


def test_the_marks_of_a_texts_edges_are_no_words(shipped: Classifier) -> None:
    labels, _ = shipped.predict(["<s> macet </s>", "macet", "</s>"])
    assert len(labels) == 3
    found = shipped.explain("<s> macet </s>")
    assert found.bias + sum(weight for _, weight in found.words) == pytest.approx(found.decision)


def test_the_card_beside_the_shipped_model_is_its_own(shipped: Classifier) -> None:
    assert f"`{shipped.digest}`" in Path(str(SHIPPED)).with_suffix(".md").read_text("utf-8")


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.parametrize("labels", [("banjir", "macet"), ("banjir", "lancar", "macet")])
@pytest.mark.parametrize("text", ["macet kata1 nomor1", "banjir", "asing sekali", "", "kata1 kata1 banjir banjir"])
def test_the_weights_of_the_words_and_the_bias_add_up_to_the_decision(
    classifier: str, labels: tuple[str, ...], text: str
) -> None:
    model = Classifier(train(posts(*labels), classifier))
    (label,), (score,) = model.predict([text])
    found = model.explain(text)
    assert found.label == label and found.score == pytest.approx(score)
    assert found.bias + sum(weight for _, weight in found.words) == pytest.approx(found.decision)
    assert list(dict.fromkeys(word for word, _ in found.words)) == list(dict.fromkeys(text.split()))


@pytest.mark.parametrize("classifier", ["svm", "words-svm", "naive-bayes"])
def test_the_word_that_decides_has_the_greatest_weight(classifier: str) -> None:
    found = Classifier(train(posts("banjir", "macet"), classifier)).explain("asing macet sekali")
    assert found.label == "macet"
    assert max(found.words, key=lambda word: word[1])[0] == "macet"
    assert dict(found.words)["asing"] < dict(found.words)["macet"] / 2


def test_a_tree_says_which_words_it_asked_for() -> None:
    found = Classifier(train(posts("banjir", "macet"), "decision-tree")).explain("asing banjir macet")
    asked = [word for word, weight in found.words if weight]
    assert len(asked) == 1 and asked[0] in ("banjir", "macet")
