"""Loading models that can be trusted, and predicting with them."""

import math
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from tweetream.classifier import CLASSIFIER, SHIPPED, WORDS, BadModel, Classifier
from tweetream.text import Cleaner, normalise
from tweetream.training import CLASSIFIERS, save, train


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return Classifier.load()


def rows(*labels: str) -> list[tuple[str, str]]:
    return [(f"{label} kata{i} nomor{i % 7}", label) for label in labels for i in range(30)]


def test_the_shipped_model_knows_a_report_from_small_talk(shipped: Classifier) -> None:
    clean = Cleaner().clean
    posts = ["07.12 wib lalin simpang Krapyak terpantau ramai lancar", "aku cinta kamu sayang hahaha"]
    labels, scores = shipped.predict([clean(normalise(post)) for post in posts])
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
    pipeline = train(rows(*labels), classifier)
    model = Classifier(pipeline)
    texts = [*labels, "banjir macet", "kata1 nomor1", "asing"]
    given, scores = model.predict(texts)
    expected = pipeline.predict_proba(texts)
    assert scores == pytest.approx(expected.max(axis=1).tolist())
    assert given[: len(labels)] == list(labels) == list(model.labels)
    assert [expected[i][model.labels.index(label)] for i, label in enumerate(given)] == pytest.approx(scores)
    assert all(1 / len(labels) - 1e-9 <= score <= 1 for score in scores)


def test_no_chance_for_any_label_is_an_even_chance_for_each() -> None:
    model = Classifier(train(rows("a1", "b1", "c1")))
    model._model.shift[:] = -math.inf
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
    pipeline = train(rows("a1", "b1"))
    evil = Pipeline([(WORDS, FunctionTransformer(func=zipfile.main)), (CLASSIFIER, pipeline.named_steps[CLASSIFIER])])
    skops.io.dump(evil, tmp_path / "evil.skops")
    assert "holds types" in refused(tmp_path / "evil.skops")


def test_an_honest_file_that_is_no_pipeline_of_ours_is_refused(tmp_path) -> None:
    for number, thing in enumerate([{"a": 1}, np.zeros(3), train(rows("a1", "b1")).named_steps[CLASSIFIER]]):
        skops.io.dump(thing, tmp_path / f"{number}.skops")
        refused(tmp_path / f"{number}.skops")


def test_a_saved_model_predicts_as_before(tmp_path) -> None:
    pipeline = train(rows("a1", "b1"))
    save(pipeline, tmp_path / "m.skops")
    texts = ["a1 kata3", "b1", "nomor2"]
    assert Classifier.load(tmp_path / "m.skops").predict(texts) == Classifier(pipeline).predict(texts)
