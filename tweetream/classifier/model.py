"""The classifier: load a model, predict labels and scores of a batch of cleaned texts at once, and say why.

A model is a scikit-learn pipeline of two named steps, `features` (a vectoriser) and `classifier` (calibrated), as
`training.py` makes it and `model_file.py` keeps it. The score is the calibrated probability of the label given. So
scores of different labels compare, and 0.9 means nine in ten for posts like those of the training.

This module imports scikit-learn, which takes about a second: import it where a model is needed, not before.
"""

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import expit, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import Pipeline

from tweetream.classifier.model_file import BadFormat, unpack
from tweetream.classifier.scorers import Numbers, scorer

SHIPPED = files("tweetream") / "data" / "model.skops"
FEATURES, CLASSIFIER = "features", "classifier"


class BadModel(ValueError):
    """A model file that cannot be used; the message is one line that says what to do."""


class Explanation(NamedTuple):
    """A label, its score, and the reason: the decision is the sum of the bias and the words' weights."""

    label: str
    score: float
    decision: float
    bias: float
    words: list[tuple[str, float]]  # in the order of the text


class Calibrator:
    """Probabilities from decisions by Platt's sigmoids, with the parameters of a fitted CalibratedClassifierCV."""

    def __init__(self, model: CalibratedClassifierCV) -> None:
        (fitted,) = model.calibrated_classifiers_
        # Platt: p = 1 / (1 + exp(a * response + b)), with a and b for each column.
        self.slope = np.array([-calibrator.a_ for calibrator in fitted.calibrators])
        self.shift = np.array([-calibrator.b_ for calibrator in fitted.calibrators])
        # The response is what the estimator itself gives. Naive Bayes gives probabilities, and its sums are logarithms.
        self._logarithms = isinstance(fitted.estimator, BernoulliNB)

    def probabilities(self, decisions: Numbers) -> Numbers:
        """The probability of each label, a row a text."""
        if self._logarithms:
            decisions = expit(decisions) if decisions.shape[1] == 1 else softmax(decisions, axis=1)
        probabilities: Numbers = expit(decisions * self.slope + self.shift)
        if probabilities.shape[1] == 1:  # of two labels, the column is the second one's
            return np.concatenate((1 - probabilities, probabilities), axis=1)
        total = probabilities.sum(axis=1, keepdims=True)
        normalised = np.full_like(probabilities, 1 / probabilities.shape[1])  # if all are 0, each label is as likely
        np.divide(probabilities, total, out=normalised, where=total > 0)
        return normalised


class Classifier:
    """A model in use. `labels` are in the model's order; `digest` is the SHA-256 of its file, if it has one."""

    def __init__(self, pipeline: Pipeline, digest: str = "") -> None:
        """`pipeline` is trained. Raises AttributeError, KeyError, TypeError or ValueError if it is not of our form."""
        self.labels: tuple[str, ...] = tuple(pipeline.classes_.tolist())
        if len(self.labels) < 2 or not all(isinstance(label, str) for label in self.labels):
            raise TypeError("labels must be two or more texts")
        self.digest = digest
        model = pipeline.named_steps[CLASSIFIER]
        self._calibrator = Calibrator(model)
        self._scorer = scorer(pipeline.named_steps[FEATURES], model.calibrated_classifiers_[0].estimator)
        columns = 1 if len(self.labels) == 2 else len(self.labels)
        shapes = {self._scorer.decisions([""]).shape[1], len(self._calibrator.slope), len(self._calibrator.shift)}
        if shapes != {columns} or len(set(self.labels)) < len(self.labels):
            raise ValueError("labels, decisions and probabilities differ in number")
        if not np.isfinite([self._calibrator.slope, self._calibrator.shift]).all():
            raise ValueError("a parameter of the calibration is not finite")

    @classmethod
    def load(cls, path: Path | None = None) -> "Classifier":
        """The model in `path`, or the shipped model. Raises BadModel."""
        file: Traversable = SHIPPED if path is None else path
        try:
            content = file.read_bytes()
            loaded = cls(unpack(content), hashlib.sha256(content).hexdigest())
            loaded.predict(["", "macet"])
        except OSError as error:
            reason = error.strerror or str(error)
        except BadFormat as error:
            reason = str(error)
        # A damaged file makes skops, NumPy and scikit-learn raise nearly any exception; each means the same here.
        except Exception as error:  # noqa: BLE001
            reason = f"it is damaged ({type(error).__name__})"
        else:
            return loaded
        advice = "train it anew with `tweetream train`, or unset TWEETREAM_MODEL to use the shipped model"
        raise BadModel(f"the model {file} cannot be used, {reason}: {advice}")

    def predict(self, texts: Sequence[str]) -> tuple[list[str], list[float]]:
        """The label of each cleaned text, and the probability of that label."""
        if not texts:
            return [], []
        probabilities = self._calibrator.probabilities(self._scorer.decisions(texts))
        best = probabilities.argmax(axis=1)
        return [self.labels[i] for i in best.tolist()], probabilities[np.arange(len(best)), best].tolist()

    def explain(self, text: str) -> Explanation:
        """The prediction for a cleaned text, with each word's weight in it. A positive weight speaks for the label."""
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
