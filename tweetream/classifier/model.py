"""The classifier: load a model, predict labels and scores of a batch of cleaned texts at once, and say why.

A model is the plain parameters (`parameters.py`) of a classifier that scikit-learn trained. `model_file.py` keeps them.
The score is the calibrated probability of the label given. So scores of different labels compare, and 0.9 means nine in
ten for posts like those of the training. A worker imports this module, so neither scikit-learn nor SciPy is needed.
"""

import hashlib
import threading
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tweetream.classifier.model_file import BadFormat, read, unpack
from tweetream.classifier.parameters import Calibration, Numbers, Parameters
from tweetream.classifier.scorers import scorer

SHIPPED = files("tweetream") / "data" / "model.safetensors"


class BadModel(ValueError):
    """A model file that cannot be used; the message is one line that says what to do."""


class Explanation(NamedTuple):
    """A label, its score, and the reason: the decision is the sum of the bias and the words' weights."""

    label: str
    score: float
    decision: float
    bias: float
    words: list[tuple[str, float]]  # in the order of the text


def _sigmoid(values: Numbers) -> Numbers:
    small = np.exp(-np.abs(values))  # never too large
    result: Numbers = np.where(values >= 0, 1, small) / (1 + small)
    return result


def _softmax(rows: Numbers) -> Numbers:
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    result: Numbers = powers / powers.sum(axis=1, keepdims=True)
    return result


class Calibrator:
    """Probabilities from decisions by Platt's sigmoids."""

    def __init__(self, calibration: Calibration) -> None:
        self.slope, self.shift, self._of_probability = calibration.slope, calibration.shift, calibration.of_probability

    def probabilities(self, decisions: Numbers) -> Numbers:
        """The probability of each label, a row a text."""
        if self._of_probability:
            decisions = _sigmoid(decisions) if decisions.shape[1] == 1 else _softmax(decisions)
        probabilities = _sigmoid(decisions * self.slope + self.shift)
        if probabilities.shape[1] == 1:  # of two labels, the column is the second one's
            return np.concatenate((1 - probabilities, probabilities), axis=1)
        total = probabilities.sum(axis=1, keepdims=True)
        normalised = np.full_like(probabilities, 1 / probabilities.shape[1])  # if all are 0, each label is as likely
        np.divide(probabilities, total, out=normalised, where=total > 0)
        return normalised


class Classifier:
    """A model in use. `labels` are in the model's order; `digest` is the SHA-256 of its file, if it has one.

    It remembers words, so one thread at a time uses it; others wait.
    """

    def __init__(self, parameters: Parameters, digest: str = "") -> None:
        self.labels = parameters.labels
        self.digest = digest
        self._calibrator = Calibrator(parameters.calibration)
        self._scorer = scorer(parameters.decision)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path | None = None) -> "Classifier":
        """The model in `path`, or the shipped model. Raises BadModel."""
        source: Traversable = SHIPPED if path is None else path
        try:
            with source.open("rb") as file:
                content = read(file)
            return cls(unpack(content), hashlib.sha256(content).hexdigest())
        except OSError as error:
            reason = error.strerror or str(error)
        except BadFormat as error:
            reason = str(error)
        advice = "train it anew with `tweetream train`, or unset TWEETREAM_MODEL to use the shipped model"
        raise BadModel(f"the model {source} cannot be used, {reason}: {advice}")

    def predict(self, texts: Sequence[str]) -> tuple[list[str], list[float]]:
        """The label of each cleaned text, and the probability of that label."""
        if not texts:
            return [], []
        with self._lock:
            decisions = self._scorer.decisions(texts)
        probabilities = self._calibrator.probabilities(decisions)
        best = probabilities.argmax(axis=1)
        return [self.labels[i] for i in best.tolist()], probabilities[np.arange(len(best)), best].tolist()

    def explain(self, text: str) -> Explanation:
        """The prediction for a cleaned text, with each word's weight in it. A positive weight speaks for the label."""
        with self._lock:
            contributions = self._scorer.contributions(text)
        decision = contributions.bias + contributions.weights.sum(axis=0)
        probabilities = self._calibrator.probabilities(decision[None, :])[0]
        best = int(probabilities.argmax())
        if len(decision) == 1:  # of two labels, the column is the second one's
            column, sign = 0, 1 if best else -1
        else:
            column, sign = best, 1
        return Explanation(
            self.labels[best],
            float(probabilities[best]),
            float(sign * decision[column]),
            float(sign * contributions.bias[column]),
            list(zip(contributions.words, (sign * contributions.weights[:, column]).tolist(), strict=True)),
        )
