"""A model file is data alone: what cannot be served is refused with one line that says what to do."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from tweetream.classifier import model_file
from tweetream.classifier.dataset import LabelledPost
from tweetream.classifier.model import SHIPPED, BadModel, Classifier
from tweetream.classifier.model_file import DESCRIPTION, FORMAT, BadFormat, pack, unpack
from tweetream.classifier.parameters import MAX_DEPTH, MAX_LABELS, FeatureWeights, Tree
from tweetream.classifier.training import CLASSIFIERS, save, train

Arrays = dict[str, Any]


def posts(*labels: str) -> list[LabelledPost]:
    return [LabelledPost(f"{label} kata{i} nomor{i % 7}", label) for label in labels for i in range(30)]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A model file of three labels for each classifier."""
    return {classifier: pack(train(posts("a1", "b1", "c1"), classifier)) for classifier in CLASSIFIERS}


def refused(path: Path) -> str:
    with pytest.raises(BadModel) as error:
        Classifier.load(path)
    message = str(error.value)
    assert str(path) in message and "\n" not in message and "tweetream train" in message
    return message


def reason(content: bytes) -> str:
    with pytest.raises(BadFormat) as error:
        unpack(content)
    assert "\n" not in str(error.value)
    return str(error.value)


def changed(content: bytes, **arrays: Any) -> bytes:
    """The file with other arrays; None leaves one out."""
    found = safetensors.numpy.load(content) | arrays
    return safetensors.numpy.save({name: np.asarray(array) for name, array in found.items() if array is not None})


def utf8(text: str) -> Any:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def test_a_missing_file_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    said = refused(tmp_path / "none.safetensors")
    assert said.startswith("there is no model ") and "traffic-kinds" in said
    refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x80\x04K\x01.", b"\x08\0\0\0\0\0\0\0{}      ", bytes(9)])
def test_what_is_no_model_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    refused(path)


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(SHIPPED.read_bytes()[:-1000])
    assert "damaged" in refused(path)
    path.write_bytes(SHIPPED.read_bytes() + b"more")
    assert "damaged" in refused(path)


def test_a_skops_file_of_an_older_tweetream_is_refused_by_its_age(tmp_path: Path) -> None:
    """Its arrays went to scikit-learn's compiled code, which follows any number."""
    with zipfile.ZipFile(tmp_path / "old.skops", "w") as file:
        file.writestr("tweetream.json", b'{"format":3}')
        file.writestr("schema.json", b"{}")
    message = refused(tmp_path / "old.skops")
    assert "it was made by an older Tweetream" in message and "train it anew with `tweetream train`" in message


def test_a_file_that_has_no_end_is_read_to_the_limit() -> None:
    """Stops a device or a huge file from filling the memory."""
    assert "larger than" in refused(Path("/dev/zero"))


def test_what_unpacks_to_more_than_its_size_is_never_unpacked(tmp_path: Path) -> None:
    """Stops an archive of half a megabyte that unpacked to 512 MB."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("schema.json", bytes(64 * 1024 * 1024))
    (tmp_path / "bomb.safetensors").write_bytes(packed.getvalue())
    refused(tmp_path / "bomb.safetensors")
    header = b'{"known":{"dtype":"U64","shape":[67108864],"data_offsets":[0,536870912]}}'
    assert "damaged" in reason(len(header).to_bytes(8, "little") + header)


def test_a_header_of_many_arrays_is_refused_before_it_is_parsed() -> None:
    """Stops millions of empty arrays: each would be an object."""
    entries = ",".join(f'"{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for i in range(2_000))
    header = f"{{{entries}}}".encode()
    assert "it is not a model file" in reason(len(header).to_bytes(8, "little") + header)


@pytest.mark.parametrize(
    ("number", "why"),
    [(FORMAT + 1, "it needs a newer Tweetream"), (FORMAT - 1, "it was made by an older Tweetream"), (-(2**70), "")],
)
def test_a_file_of_another_format_is_refused_before_the_rest_is_read(
    files: dict[str, bytes], number: int, why: str
) -> None:
    """Its features may have other meanings: every label would be wrong, and nothing would say so."""
    content = changed(files["svm"], **{DESCRIPTION: utf8(f'{{"format":{number},"new":1}}')})
    assert why in reason(content)


LABELS = '"labels":["a","b","c"]'


@pytest.mark.parametrize(
    "description",
    [
        "",
        "{}",
        "[]",
        '{"format":"4"}',
        '{"format":null}',
        '{"format":4}',
        '{"deep":' + "[" * 100_000,
        f'{{"format":4,"decision":"code","response":"decision",{LABELS}}}',
        f'{{"format":4,"decision":"tree","response":"decision",{LABELS}}}',
        f'{{"format":4,"decision":"features","response":"pickle",{LABELS}}}',
        f'{{"format":4,"decision":"features","response":"decision",{LABELS},"more":1}}',
        '{"format":4,"decision":"features","response":"decision","labels":["a","b"]}',
        '{"format":4,"decision":"features","response":"decision","labels":["a","a","a"]}',
        '{"format":4,"decision":"features","response":"decision","labels":["a","b",""]}',
        '{"format":4,"decision":"features","response":"decision","labels":["a","b","c\\n"]}',
        '{"format":4,"decision":"features","response":"decision","labels":["a","b","\\ud800"]}',
        '{"format":4,"decision":"features","response":"decision","labels":["a","b",3]}',
        '{"format":4,"decision":"features","response":"decision","labels":["a"]}',
        f'{{"format":4,"decision":"features","response":"decision","labels":["a","b","{"c" * 300}"]}}',
    ],
)
def test_a_description_that_does_not_fit_is_refused(files: dict[str, bytes], description: str) -> None:
    reason(changed(files["svm"], **{DESCRIPTION: utf8(description)}))


def test_more_labels_than_a_worker_can_hold_are_refused() -> None:
    """The word table has a column for each label."""
    labels = tuple(str(i) for i in range(MAX_LABELS + 1))
    one = train(posts("a1", "b1", "c1"), "words-svm")
    with pytest.raises(BadFormat, match="labels"):
        pack(replace(one, labels=labels))


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_saved_model_predicts_as_before(tmp_path: Path, classifier: str) -> None:
    model = train(posts("a1", "b1"), classifier)
    save(model, tmp_path / "m.safetensors")
    texts = ["a1 kata3", "b1", "nomor2"]
    loaded = Classifier.load(tmp_path / "m.safetensors")
    assert loaded.predict(texts) == Classifier(model).predict(texts)
    assert pack(unpack((tmp_path / "m.safetensors").read_bytes())) == (tmp_path / "m.safetensors").read_bytes()


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_an_array_of_another_type_shape_or_name_is_refused(files: dict[str, bytes], classifier: str) -> None:
    """Numbers of another type would be read as features or places that they are not."""
    arrays = safetensors.numpy.load(files[classifier])
    for name, array in arrays.items():
        others = [None, array[None], array.astype(np.float32), array.astype(np.int64)]
        if name not in ("kinds", "words"):  # texts have any length
            others.append(array[:-1])
        for other in others:
            reason(changed(files[classifier], **{name: other}))
    reason(changed(files[classifier], more=np.zeros(3)))
    reason(safetensors.numpy.save({}))


@pytest.mark.parametrize("name", ["weights", "bias", "slope", "shift"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_a_number_that_is_not_finite_is_refused(files: dict[str, bytes], name: str, value: float) -> None:
    """Without the check every score would be NaN, which is no JSON."""
    array = safetensors.numpy.load(files["svm"])[name].copy()
    array.flat[0] = value
    assert "finite" in reason(changed(files["svm"], **{name: array}))


@pytest.mark.parametrize(
    ("name", "value"),
    [(child, value) for child in ("present", "absent") for value in (0, -7, -1, 2**31 - 1)]
    + [("asked", -7), ("asked", 2**31 - 1), ("values", np.nan), ("values", 2.0)],
)
def test_a_tree_that_leads_out_of_itself_is_refused(files: dict[str, bytes], name: str, value: float) -> None:
    """Stops a file that made compiled code read any memory, or never end."""
    array = safetensors.numpy.load(files["decision-tree"])[name].copy()
    array.flat[0] = value
    assert "tree" in reason(changed(files["decision-tree"], **{name: array}))


def chain(depth: int) -> Tree:
    """A tree whose every inner node has a leaf and the next inner node."""
    nodes = 2 * depth + 1
    inner = np.arange(0, nodes - 1, 2)
    absent, present = np.full(nodes, -1), np.full(nodes, -1)
    present[inner], absent[inner] = inner + 1, inner + 2
    values = np.linspace(0, 1, nodes)[:, None]
    places = np.zeros(nodes, dtype=np.int32)
    return Tree(("kapal",), places, present.astype(np.int32), absent.astype(np.int32), values)


def test_a_deep_tree_is_explained_and_a_deeper_one_is_refused() -> None:
    """Stops a chain of nodes that overflowed the stack at "Why?"."""
    model = train(posts("a1", "b1"), "decision-tree")
    found = Classifier(unpack(pack(replace(model, decision=chain(MAX_DEPTH - 1))))).explain("tanpa kata")
    assert found.bias == pytest.approx(found.decision)
    with pytest.raises(BadFormat, match="deeper"):
        pack(replace(model, decision=chain(MAX_DEPTH)))


def test_a_word_cannot_name_a_place_outside_the_tree(files: dict[str, bytes]) -> None:
    """Stops `vocabulary_["kapal"] = 2**31 - 1`, which killed a worker: a word's place is its place in the list."""
    words = safetensors.numpy.load(files["decision-tree"])["words"].tobytes().decode().split()
    for bad in (["kapal"], words[:-1], [*words[:-1], words[0]], [*words[:-1], ""], [*words[:-1], "dua\tkata"]):
        content = changed(files["decision-tree"], words=utf8(" ".join(bad)))
        try:
            Classifier(unpack(content)).explain("kapal a1 b1")
        except BadFormat:
            continue
        assert len(bad) < len(words)  # fewer words than before are no danger where the tree asks for none of them


def test_a_long_name_of_a_kind_is_refused(files: dict[str, bytes]) -> None:
    """Stops a name of a megabyte that is hashed again for each new word of a post."""
    assert "kind" in reason(changed(files["svm"], kinds=utf8("k" * 1_000_000 + ": macet")))


def test_words_that_are_not_utf_8_are_refused(files: dict[str, bytes]) -> None:
    for name, classifier in (("kinds", "svm"), ("words", "words-svm")):
        assert "UTF-8" in reason(changed(files[classifier], **{name: np.array([255], dtype=np.uint8)}))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda known: known[::-1].copy(),
        lambda known: np.arange(len(known), dtype=np.uint64),
        lambda known: np.zeros_like(known),
    ],
    ids=["disorder", "alike", "equal"],
)
def test_features_that_cannot_be_looked_up_are_refused(spoil: Callable[[Any], Any]) -> None:
    """Without the check a look-up would fail or run over all features, at each word."""
    model = train(posts("a1", "b1", "c1"))
    assert isinstance(model.decision, FeatureWeights)
    spoilt = replace(model.decision, known=spoil(model.decision.known))
    with pytest.raises(BadFormat, match="features"):
        pack(replace(model, decision=spoilt))


def test_a_model_too_large_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    model = train(posts("a1", "b1"))
    monkeypatch.setattr(model_file, "MAX_BYTES", 10_000)
    with pytest.raises(BadFormat, match="larger"):
        pack(model)


def test_a_description_of_millions_of_labels_is_not_read(files: dict[str, bytes]) -> None:
    """Attack: 114 MiB of labels became 1.9 GB of objects before they were counted."""
    many = utf8(f'{{"format":{FORMAT},"labels":[' + '"ab",' * 60_000 + '"x"]}')
    assert "description is larger than 256 KiB" in reason(changed(files["svm"], description=many))
