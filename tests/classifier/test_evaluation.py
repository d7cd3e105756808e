"""The figures of an evaluation, compared with figures that were computed by hand."""

import numpy as np
import pytest

from tweetream.classifier.evaluation import calibration_error, result


def test_the_numbers_of_a_small_table() -> None:
    found = result(["a", "a", "a", "b"], ["a", "a", "b", "b"], [0.9, 0.8, 0.6, 0.7])
    assert (found.tested, found.accuracy) == (4, 0.75) and found.kappa == pytest.approx(0.5)
    assert found.confusion == [[2, 1], [0, 1]]
    labels: list[object] = [
        ("a", 1.0, pytest.approx(2 / 3), pytest.approx(0.8), 3),
        ("b", 0.5, 1.0, pytest.approx(2 / 3), 1),
    ]
    assert found.labels == labels
    assert found.as_dict()["confusion"] == {"a": {"a": 2, "b": 1}, "b": {"a": 0, "b": 1}}


def test_a_label_that_was_never_given_or_never_true_is_there() -> None:
    assert [name for name, *_ in result(["a", "b"], ["a", "c"], [1, 1]).labels] == ["a", "b", "c"]


def test_scores_that_hold_what_they_say_have_no_calibration_error() -> None:
    scores = np.repeat([0.55, 0.95], 1_000)
    right = np.concatenate([np.arange(1_000) < 550, np.arange(1_000) < 950])
    shuffled = np.random.default_rng(1).permutation(1_000)
    right = np.concatenate([right[:1_000][shuffled], right[1_000:][shuffled]])
    assert calibration_error(right, scores) < 0.03
    assert calibration_error(right, np.full(2_000, 1.0)) == pytest.approx(0.25)


def test_bins_have_equal_mass() -> None:
    """With bins of equal width, nine hundred answers of one score would weigh as much as one of another."""
    scores = np.array([0.5] * 10 + [0.99] * 90)
    right = np.array([True] * 10 + [False] * 90)
    assert calibration_error(right, scores) == pytest.approx(0.1 * 0.5 + 0.9 * 0.99)


def test_the_table_has_every_number() -> None:
    table = result(["a", "a", "bb"], ["a", "bb", "bb"], [0.9, 0.8, 0.7]).table()
    assert "accuracy           0.6667" in table
    assert table.splitlines()[-2].split() == ["a", "1", "1"] and table.splitlines()[-1].split() == ["bb", "0", "1"]
