"""Trains a mixture of experts: a classifier for posts of two sorts, where the same words mean different things.

Among posts that were written to tell traffic from what resembles it, half are traffic. Among real posts with a word of
traffic, few are, and most of the others speak of traffic in general. One linear model for both is worse on each. So
there are two, each calibrated on its own sort, and a gate: a third linear model, which tells which sort a post is like.
All three are linear over the same features, so that a text costs one look-up for each word, as before.

A feature of few posts tells more than one of many, so it is scaled by its inverse document frequency; and each model
scales it once more by how unevenly the two answers share it (Wang and Manning 2012). The scales and Platt's sigmoid
become part of the weights: serving knows none of them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from tweetream.classifier.dataset import SEED, BadData, LabelledPost, folds
from tweetream.classifier.features import shipped_kinds
from tweetream.classifier.parameters import EXPERTS, Calibration, FeatureWeights, Numbers, Parameters
from tweetream.classifier.vectorizer import FeatureVectorizer

PARTS = 5  # of the posts, each held out once for the calibration
FEWEST_POSTS = 3  # of a feature
_SMOOTH = 0.3  # added to the sums of each feature, so that no log ratio is infinite
_FREE = 1e6  # Platt's sigmoid has two parameters, which need no regularisation
_WRITTEN, _HARD, _GUARDS, _TWEETS, _WORLD, _REAL, _BACKGROUND = range(7)
# Added to the gate's log odds that a post is like the real ones. One of an unknown source looks less like them than
# those of the known sources do, so a post in doubt counts as real.
_GATE_SHIFT = 0.5
Flags = NDArray[np.bool_]


class Posts(NamedTuple):
    """Cleaned posts of two labels, by their sort.

    `written` and `hard` were made to be hard, and `guards` are fragments that are no report. Those of `written` share
    their words with others of the other label. `hard` look more like real ones, so the gate learns them at half.
    `tweets` are real and easy. `world` were written to be like real posts. `real` are real posts with a word of a
    label, `background` are those without.
    """

    written: Sequence[LabelledPost]
    hard: Sequence[LabelledPost]
    guards: Sequence[LabelledPost]
    tweets: Sequence[LabelledPost]
    world: Sequence[LabelledPost]
    real: Sequence[LabelledPost]
    background: Sequence[LabelledPost]


class _Expert(NamedTuple):
    """One linear model: what it tells, and the weight of each post in training and in calibration."""

    truth: Flags
    training: Numbers
    calibration: Numbers
    c: float  # LinearSVC's: the smaller, the smoother
    contrast: float  # the power of the scale by uneven features; 0 is none


def train_mixture(posts: Posts) -> Parameters:
    """A model of two labels. Raises BadData."""
    everything = [post for of_sort in posts for post in of_sort]
    labels = tuple(sorted({post.label for post in everything}))
    if len(labels) != 2:
        raise BadData(f"a mixture has two labels, these posts have {len(labels)}")
    truth = np.array([post.label == labels[1] for post in everything])
    sort = np.repeat(np.arange(len(posts)), [len(of_sort) for of_sort in posts])
    vectorizer = FeatureVectorizer(FEWEST_POSTS, shipped_kinds())
    with threadpool_limits(1):  # sums of several threads differ in their last digits from run to run
        matrix = vectorizer.fit_transform([post.text for post in everything])
        rarity = _rarity(matrix)
        scaled = (matrix @ diags(rarity)).tocsr()
        parts = folds(everything, PARTS)
        fitted = [_fit(scaled, expert, parts) for expert in _experts(truth, sort)]
    weights, bias = (np.array(each).T for each in zip(*fitted, strict=True))
    bias[-1] += _GATE_SHIFT
    features = FeatureWeights(
        vectorizer.kinds, vectorizer.known_, np.ascontiguousarray(weights * rarity[:, None]), bias
    )
    calibration = Calibration(np.ones(EXPERTS), np.zeros(EXPERTS), of_probability=False, mixture=True)
    parameters = Parameters(labels, features, calibration)
    parameters.check()
    return parameters


def _rarity(matrix: csr_matrix) -> Numbers:
    """The inverse document frequency of each feature, smoothed as scikit-learn does it."""
    posts, features = matrix.shape
    found: Numbers = np.log((1 + posts) / (1 + np.bincount(matrix.indices, minlength=features))) + 1
    return found


def _experts(truth: Flags, sort: NDArray[np.intp]) -> list[_Expert]:
    """For written posts, for real ones, and the gate. docs/model.md says how the weights were chosen."""

    def of(*weights: float) -> Numbers:
        chosen: Numbers = np.array(weights)[sort]
        return chosen

    rarer = np.where((sort == _REAL) & truth, 2.0, 1.0)  # among real posts, those of the rarer label count double
    # Of the posts, in the order of Posts: written, hard, guards, tweets, world, real, background.
    return [
        _Expert(truth, of(1, 1, 0.3, 0.3, 1, 0, 0.2), of(1, 1, 0, 0, 0, 0, 0), 0.04, 0.5),
        _Expert(truth, of(0.05, 0.025, 0.1, 1, 1, 1, 0.3) * rarer, of(0, 0, 0, 0, 0, 1, 0.3), 0.02, 0.5),
        _Expert(sort >= _TWEETS, of(1, 0.5, 0.2, 0.5, 1, 1, 1), of(1, 0.5, 0, 0, 1, 1, 1), 0.06, 0.7),
    ]


def _fit(matrix: csr_matrix, expert: _Expert, parts: Sequence[tuple[list[int], list[int]]]) -> tuple[Numbers, float]:
    """The weights and the bias of calibrated log odds: learnt from all posts, calibrated on posts held out in turn."""
    decisions = np.zeros(len(expert.truth))
    for training, testing in parts:
        weights, bias = _learn(matrix, expert, np.array(training))
        decisions[testing] = matrix[testing] @ weights + bias
    some = np.flatnonzero(expert.calibration)
    platt = LogisticRegression(C=_FREE).fit(decisions[some, None], expert.truth[some], expert.calibration[some])
    slope, shift = platt.coef_[0, 0], platt.intercept_[0]
    weights, bias = _learn(matrix, expert, np.arange(len(expert.truth)))
    return weights * slope, bias * slope + shift


def _learn(matrix: csr_matrix, expert: _Expert, places: NDArray[np.intp]) -> tuple[Numbers, float]:
    """The weights and the bias of the decision, learnt from the posts at `places`."""
    places = places[expert.training[places] > 0]
    some, truth, weights = matrix[places], expert.truth[places], expert.training[places]
    scale = _contrast(some, truth, weights) ** expert.contrast
    scale /= np.sqrt((scale**2).mean())
    model = LinearSVC(C=expert.c, random_state=SEED).fit((some @ diags(scale)).tocsr(), truth, sample_weight=weights)
    return model.coef_[0] * scale, float(model.intercept_[0])


def _contrast(matrix: csr_matrix, truth: Flags, weights: Numbers) -> Numbers:
    """How unevenly two sorts of posts share each feature: the size of the log ratio of its shares of both."""
    one, other = (matrix.T @ (weights * side) + _SMOOTH for side in (truth, ~truth))
    found: Numbers = np.abs(np.log((one / one.sum()) / (other / other.sum())))
    return found
