"""A mixture of experts: one for each of two sorts of posts, and a gate that weighs them."""

from dataclasses import replace

import numpy as np
import pytest

from tweetream.classifier.dataset import BadData, LabelledPost
from tweetream.classifier.mixture import Posts, train_mixture
from tweetream.classifier.model import Classifier
from tweetream.classifier.model_file import BadFormat, pack, unpack
from tweetream.classifier.parameters import Calibration, Parameters


def posts(words: str, label: str, number: int = 40) -> list[LabelledPost]:
    return [LabelledPost(f"{words} kata{n % 9} nomor{n}", label) for n in range(number)]


@pytest.fixture(scope="module")
def mixture() -> Parameters:
    """`macet` is traffic in written posts; among real ones it is not, unless it is `sekarang`."""
    written = [*posts("macet gaya tulis", "traffic"), *posts("rezeki gaya tulis", "non_traffic")]
    real = [*posts("macet sekarang halo dunia", "traffic"), *posts("macet halo dunia", "non_traffic", 80)]
    return train_mixture(
        Posts(written, [], written[::4], [], real[::7], real, posts("makan halo dunia", "non_traffic"))
    )


def test_the_same_word_means_what_its_sort_of_posts_says(mixture: Parameters) -> None:
    texts = ["macet gaya tulis kata3", "macet halo dunia kata3", "macet sekarang halo dunia", "rezeki gaya tulis"]
    assert Classifier(mixture).predict(texts)[0] == ["traffic", "non_traffic", "traffic", "non_traffic"]


def test_the_weights_add_up_to_the_decision_and_its_sign_is_the_label(mixture: Parameters) -> None:
    model = Classifier(mixture)
    for text in ("macet gaya tulis", "macet halo dunia", "macet tulis dunia sekarang", "kata3", "asing"):
        found = model.explain(text)
        assert found.bias + sum(weight for _, weight in found.words) == pytest.approx(found.decision)
        if found.score is not None:
            assert found.decision >= 0
            assert found.score == pytest.approx(1 / (1 + np.exp(-found.decision)))


def test_the_same_posts_give_the_same_bytes_and_a_file_predicts_as_before(mixture: Parameters) -> None:
    content = pack(mixture)
    assert pack(unpack(content)) == content
    texts = ["macet gaya tulis kata3", "macet halo dunia kata3"]
    assert Classifier(unpack(content)).predict(texts) == Classifier(mixture).predict(texts)


def test_other_than_two_labels_are_refused(mixture: Parameters) -> None:
    one = posts("macet", "traffic")
    with pytest.raises(BadData, match="a mixture has two labels, these posts have 1"):
        train_mixture(Posts(one, one, one, one, one, one, one))
    with pytest.raises(BadFormat, match="a mixture has two labels"):
        pack(replace(mixture, labels=("a", "b", "c")))


def test_a_mixture_without_a_gate_is_refused(mixture: Parameters) -> None:
    short = Calibration(np.ones(2), np.zeros(2), of_probability=False, mixture=True)
    with pytest.raises(BadFormat, match="differ in number"):
        pack(replace(mixture, calibration=short))
