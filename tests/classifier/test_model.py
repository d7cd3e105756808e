"""Loading models that can be trusted, and predicting with them."""

import math
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from tweetream.classifier.dataset import Post
from tweetream.classifier.model import CLASSIFIER, FEATURES, FORMAT, SHIPPED, BadModel, Classifier
from tweetream.classifier.training import CLASSIFIERS, save, train
from tweetream.text import Cleaner, normalise


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return Classifier.load()


def posts(*labels: str) -> list[Post]:
    return [Post(f"{label} kata{i} nomor{i % 7}", label) for label in labels for i in range(30)]


def test_the_shipped_model_knows_a_report_from_small_talk(shipped: Classifier) -> None:
    clean = Cleaner().clean
    written = ["07.12 wib lalin simpang Krapyak terpantau ramai lancar", "aku cinta kamu sayang hahaha"]
    labels, scores = shipped.predict([clean(normalise(post)) for post in written])
    assert labels == ["traffic", "non_traffic"]
    assert min(scores) > 0.9
    assert sorted(shipped.labels) == ["non_traffic", "traffic"]


def test_labels_and_scores_are_plain_python(shipped: Classifier) -> None:
    labels, scores = shipped.predict(["macet", "", "\0 kata\u2028lain"])
    assert {type(label) for label in labels} == {str} and {type(score) for score in scores} == {float}
    assert {type(label) for label in shipped.labels} == {str}


def test_no_texts_give_no_labels(shipped: Classifier) -> None:
    assert shipped.predict([]) == ([], [])


def test_a_batch_gives_what_its_texts_give_alone(shipped: Classifier) -> None:
    texts = ["jalan macet", "lancar jaya", "rezeki", ""]
    alone = [shipped.predict([text]) for text in texts]
    labels, scores = shipped.predict(texts)
    assert labels == [one[0] for one, _ in alone]
    assert scores == pytest.approx([one[0] for _, one in alone])


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.parametrize("labels", [("banjir", "macet"), ("banjir", "lancar", "macet")])
def test_scores_are_scikit_learns_probability_of_the_label_given(classifier: str, labels: tuple[str, ...]) -> None:
    pipeline = train(posts(*labels), classifier)
    model = Classifier(pipeline)
    texts = [*labels, "banjir macet", "kata1 nomor1", "asing"]
    given, scores = model.predict(texts)
    expected = pipeline.predict_proba(texts)
    assert scores == pytest.approx(expected.max(axis=1).tolist())
    assert given[: len(labels)] == list(labels) == list(model.labels)
    assert [expected[i][model.labels.index(label)] for i, label in enumerate(given)] == pytest.approx(scores)
    assert all(1 / len(labels) - 1e-9 <= score <= 1 for score in scores)


def test_no_chance_for_any_label_is_an_even_chance_for_each() -> None:
    model = Classifier(train(posts("a1", "b1", "c1")))
    model._chances.shift[:] = -math.inf
    assert model.predict(["a1"])[1] == pytest.approx([1 / 3])


def refused(path) -> str:
    with pytest.raises(BadModel) as error:
        Classifier.load(path)
    message = str(error.value)
    assert str(path) in message and "\n" not in message and "tweetream train" in message
    return message


def test_a_missing_file_is_one_line_that_says_what_to_do(tmp_path) -> None:
    assert "No such file" in refused(tmp_path / "none.skops")
    refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"\x80\x04K\x01."])
def test_what_is_no_model_file_is_refused(tmp_path, content: bytes) -> None:
    path = tmp_path / "bad.skops"
    path.write_bytes(content)
    assert "not a skops file" in refused(path)


def test_a_damaged_model_is_refused(tmp_path) -> None:
    path = tmp_path / "bad.skops"
    data = bytearray(SHIPPED.read_bytes())
    data[5000:5100] = bytes(100)
    path.write_bytes(data)
    refused(path)
    path.write_bytes(SHIPPED.read_bytes()[:-1000])
    refused(path)


@pytest.mark.parametrize("schema", ["{", "[]", "{}", '{"protocol": 99}', "null"])
def test_a_zip_that_holds_no_model_is_refused(tmp_path, schema: str) -> None:
    path = tmp_path / "bad.skops"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("schema.json", schema)
    refused(path)


def test_a_model_that_brings_code_is_refused(tmp_path) -> None:
    """Stops a file that has functions of its choice called on every post."""
    pipeline = train(posts("a1", "b1"))
    call = FunctionTransformer(func=zipfile.main)
    evil = Pipeline([(FEATURES, call), (CLASSIFIER, pipeline.named_steps[CLASSIFIER])])
    skops.io.dump({"format": FORMAT, "pipeline": evil}, tmp_path / "evil.skops")
    assert "holds types" in refused(tmp_path / "evil.skops")


def test_an_honest_file_that_is_no_pipeline_of_ours_is_refused(tmp_path) -> None:
    model = train(posts("a1", "b1")).named_steps[CLASSIFIER]
    for number, thing in enumerate([{"a": 1}, np.zeros(3), model, {"format": FORMAT, "pipeline": model}]):
        skops.io.dump(thing, tmp_path / f"{number}.skops")
        refused(tmp_path / f"{number}.skops")


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_saved_model_predicts_as_before(tmp_path, classifier: str) -> None:
    pipeline = train(posts("a1", "b1"), classifier)
    save(pipeline, tmp_path / "m.skops")
    texts = ["a1 kata3", "b1", "nomor2"]
    assert Classifier.load(tmp_path / "m.skops").predict(texts) == Classifier(pipeline).predict(texts)


@pytest.mark.parametrize(
    ("place", "value"),
    [(child, value) for child in ("left_child", "right_child") for value in (0, -7, 10**9)]
    + [("feature", -7), ("feature", 10**9)],
)
def test_a_tree_that_leads_out_of_itself_is_refused(tmp_path, place: str, value: int) -> None:
    """scikit-learn's compiled code follows it unchecked: a crafted file could read any memory, or never end."""
    pipeline = train(posts("a1", "b1"), "decision-tree")
    tree = pipeline.named_steps[CLASSIFIER].calibrated_classifiers_[0].estimator.tree_
    state = tree.__getstate__()
    state["nodes"][place][0] = value
    tree.__setstate__(state)
    save(pipeline, tmp_path / "m.skops")
    assert "damaged" in refused(tmp_path / "m.skops")


def _short(model, features) -> None:
    model.calibrated_classifiers_[0].estimator.coef_ = model.calibrated_classifiers_[0].estimator.coef_[:, :5]


def _no_number(model, features) -> None:
    model.calibrated_classifiers_[0].estimator.coef_[0, 0] = math.nan


def _no_chance(model, features) -> None:
    model.calibrated_classifiers_[0].calibrators[0].a_ = math.inf


def _fewer_labels(model, features) -> None:
    model.classes_ = model.classes_[:2]


def _same_labels(model, features) -> None:
    model.classes_ = np.array(["a", "a", "a"])


def _disorder(model, features) -> None:
    features.kept_ = features.kept_[::-1].copy()


def _alike(model, features) -> None:
    features.kept_ = np.arange(len(features.kept_), dtype=np.uint64)


def _signed(model, features) -> None:
    features.kept_ = features.kept_.astype(np.int64)


@pytest.mark.parametrize(
    "spoil", [_short, _no_number, _no_chance, _fewer_labels, _same_labels, _disorder, _alike, _signed]
)
def test_a_model_whose_parts_do_not_fit_is_refused(tmp_path, spoil) -> None:
    """It would load, and end at the first post, or label every post wrongly without a word."""
    pipeline = train(posts("a1", "b1", "c1"))
    spoil(pipeline.named_steps[CLASSIFIER], pipeline.named_steps[FEATURES])
    save(pipeline, tmp_path / "m.skops")
    refused(tmp_path / "m.skops")


def test_the_marks_of_a_texts_edges_are_no_words(shipped: Classifier) -> None:
    labels, _ = shipped.predict(["<s> macet </s>", "macet", "</s>"])
    assert len(labels) == 3
    found = shipped.explain("<s> macet </s>")
    assert found.bias + sum(weight for _, weight in found.words) == pytest.approx(found.decision)


def test_a_model_of_another_version_is_refused(tmp_path) -> None:
    """Its features may mean something else, and every label would be wrong without a word."""
    pipeline = train(posts("a1", "b1"))
    for number, thing in enumerate([pipeline, {"format": FORMAT + 1, "pipeline": pipeline}]):
        skops.io.dump(thing, tmp_path / f"{number}.skops")
        assert "another version of Tweetream" in refused(tmp_path / f"{number}.skops")


def test_the_card_beside_the_shipped_model_is_its_own(shipped: Classifier) -> None:
    assert f"`{shipped.digest}`" in SHIPPED.with_suffix(".md").read_text("utf-8")


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.parametrize("labels", [("banjir", "macet"), ("banjir", "lancar", "macet")])
@pytest.mark.parametrize("text", ["macet kata1 nomor1", "banjir", "asing sekali", "", "kata1 kata1 banjir banjir"])
def test_the_weights_of_the_words_and_the_bias_add_up_to_the_decision(classifier: str, labels, text: str) -> None:
    model = Classifier(train(posts(*labels), classifier))
    (label,), (score,) = model.predict([text])
    found = model.explain(text)
    assert (found.label, found.score) == (label, pytest.approx(score))
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
