"""Only model files that can be trusted are loaded; the others are refused with one line that says what to do."""

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from tweetream.classifier.dataset import LabelledPost
from tweetream.classifier.model import CLASSIFIER, FEATURES, SHIPPED, BadModel, Classifier
from tweetream.classifier.model_file import FORMAT, MEMBER, SCHEMA, pack
from tweetream.classifier.training import CLASSIFIERS, save, train


def posts(*labels: str) -> list[LabelledPost]:
    return [LabelledPost(f"{label} kata{i} nomor{i % 7}", label) for label in labels for i in range(30)]


def refused(path: Path) -> str:
    with pytest.raises(BadModel) as error:
        Classifier.load(path)
    message = str(error.value)
    assert str(path) in message and "\n" not in message and "tweetream train" in message
    return message


def test_a_missing_file_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.skops")
    refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"\x80\x04K\x01."])
def test_what_is_no_model_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.skops"
    path.write_bytes(content)
    assert "not a skops file" in refused(path)


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.skops"
    data = bytearray(SHIPPED.read_bytes())
    data[5000:5100] = bytes(100)
    path.write_bytes(data)
    refused(path)
    path.write_bytes(SHIPPED.read_bytes()[:-1000])
    refused(path)


@pytest.mark.parametrize("schema", ["{", "[]", "{}", '{"protocol": 99}', "null"])
def test_a_zip_that_holds_no_model_is_refused(tmp_path: Path, schema: str) -> None:
    path = tmp_path / "bad.skops"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(MEMBER, b'{"format":%d}' % FORMAT)
        file.writestr(SCHEMA, schema)
    refused(path)


def test_a_model_that_brings_code_is_refused(tmp_path: Path) -> None:
    """Stops a file that has functions of its choice called on every post."""
    pipeline = train(posts("a1", "b1"))
    call = FunctionTransformer(func=getattr(zipfile, "main"))  # noqa: B009 (not in its stubs)
    save(Pipeline([(FEATURES, call), (CLASSIFIER, pipeline.named_steps[CLASSIFIER])]), tmp_path / "evil.skops")
    assert "holds types" in refused(tmp_path / "evil.skops")


def test_an_honest_file_that_is_no_pipeline_of_ours_is_refused(tmp_path: Path) -> None:
    model = train(posts("a1", "b1")).named_steps[CLASSIFIER]
    for number, thing in enumerate([{"a": 1}, np.zeros(3), model, Pipeline([(CLASSIFIER, model)])]):
        (tmp_path / f"{number}.skops").write_bytes(pack(thing))
        refused(tmp_path / f"{number}.skops")


def rewrite(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A copy of a model file, its members changed; None leaves one out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if (content := change(name, old.read(name))) is not None:
                new.writestr(name, content)
    return target


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "fresh.skops"
    save(train(posts("a1", "b1")), path)
    return path


def test_a_file_of_format_2_is_refused_by_its_age_and_not_by_a_class_that_has_moved(
    fresh: Path, tmp_path: Path
) -> None:
    """Such a file has no tweetream.json, and names classes in their old modules."""

    def older(name: str, content: bytes) -> bytes | None:
        if name == MEMBER:
            return None
        return content.replace(b"tweetream.classifier.features", b"tweetream.features")

    message = refused(rewrite(fresh, tmp_path / "old.skops", older))
    assert "it was made by an older Tweetream" in message and "train it anew with `tweetream train`" in message
    assert "Error" not in message and "damaged" not in message


@pytest.mark.parametrize(
    ("number", "reason"),
    [(FORMAT + 1, "it needs a newer Tweetream"), (FORMAT - 1, "it was made by an older Tweetream")],
)
def test_a_file_of_another_format_is_refused_before_skops_reads_it(
    fresh: Path, tmp_path: Path, number: int, reason: str
) -> None:
    """Its features may have other meanings: every label would be wrong, and nothing would say so."""

    def other(name: str, content: bytes) -> bytes:
        return b'{"format":%d}' % number if name == MEMBER else b"nothing that skops could read"

    assert reason in refused(rewrite(fresh, tmp_path / "other.skops", other))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"format":"3"}', b'{"format":null}', b" " * 10_000])
def test_a_format_that_is_no_number_is_refused(fresh: Path, tmp_path: Path, content: bytes) -> None:
    refused(rewrite(fresh, tmp_path / "odd.skops", lambda name, old: content if name == MEMBER else old))


def test_a_zip_without_a_model_is_none_of_an_older_tweetream(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "any.zip", "w") as file:
        file.writestr("readme.txt", "nothing")
    assert "it is not a model of Tweetream" in refused(tmp_path / "any.zip")


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_saved_model_predicts_as_before(tmp_path: Path, classifier: str) -> None:
    pipeline = train(posts("a1", "b1"), classifier)
    save(pipeline, tmp_path / "m.skops")
    texts = ["a1 kata3", "b1", "nomor2"]
    assert Classifier.load(tmp_path / "m.skops").predict(texts) == Classifier(pipeline).predict(texts)


@pytest.mark.parametrize(
    ("place", "value"),
    [(child, value) for child in ("left_child", "right_child") for value in (0, -7, 10**9)]
    + [("feature", -7), ("feature", 10**9)],
)
def test_a_tree_that_leads_out_of_itself_is_refused(tmp_path: Path, place: str, value: int) -> None:
    """scikit-learn's compiled code follows branches unchecked: a crafted file could read any memory, or never end."""
    pipeline = train(posts("a1", "b1"), "decision-tree")
    tree = pipeline.named_steps[CLASSIFIER].calibrated_classifiers_[0].estimator.tree_
    state = tree.__getstate__()
    state["nodes"][place][0] = value
    tree.__setstate__(state)
    save(pipeline, tmp_path / "m.skops")
    assert "damaged" in refused(tmp_path / "m.skops")


def _short(model: Any, features: Any) -> None:
    model.calibrated_classifiers_[0].estimator.coef_ = model.calibrated_classifiers_[0].estimator.coef_[:, :5]


def _no_number(model: Any, features: Any) -> None:
    model.calibrated_classifiers_[0].estimator.coef_[0, 0] = math.nan


def _no_probability(model: Any, features: Any) -> None:
    model.calibrated_classifiers_[0].calibrators[0].a_ = math.inf


def _fewer_labels(model: Any, features: Any) -> None:
    model.classes_ = model.classes_[:2]


def _same_labels(model: Any, features: Any) -> None:
    model.classes_ = np.array(["a", "a", "a"])


def _disorder(model: Any, features: Any) -> None:
    features.kept_ = features.kept_[::-1].copy()


def _alike(model: Any, features: Any) -> None:
    features.kept_ = np.arange(len(features.kept_), dtype=np.uint64)


def _signed(model: Any, features: Any) -> None:
    features.kept_ = features.kept_.astype(np.int64)


@pytest.mark.parametrize(
    "spoil", [_short, _no_number, _no_probability, _fewer_labels, _same_labels, _disorder, _alike, _signed]
)
def test_a_model_whose_parts_do_not_fit_is_refused(tmp_path: Path, spoil: Callable[[Any, Any], None]) -> None:
    """Without the check it would fail at the first post, or give every post a wrong label."""
    pipeline = train(posts("a1", "b1", "c1"))
    spoil(pipeline.named_steps[CLASSIFIER], pipeline.named_steps[FEATURES])
    save(pipeline, tmp_path / "m.skops")
    refused(tmp_path / "m.skops")
