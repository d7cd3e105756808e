"""The classifier: load a model, predict labels and scores of a batch of cleaned texts at once, and say why.

A model is the plain parameters (`parameters.py`) of a classifier that scikit-learn trained. `model_file.py` keeps them.
The score is the calibrated probability of the label given. So scores of different labels compare, and 0.9 means nine in
ten for posts like those of the training. The model is unsure about a text without a word that it knows, and about one
whose score is below the threshold: label and score are None then. A worker imports this module, so neither scikit-learn
nor SciPy is needed.
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
from tweetream.classifier.scorers import Flags, scorer
from tweetream.models.model_info import SHIPPED_MODELS, SHIPPED_NAME

_DATA = files("tweetream") / "data"
SHIPPED = _DATA / SHIPPED_MODELS[SHIPPED_NAME]


class BadModel(ValueError):
    """A model file that cannot be used; the message is one line that says what to do."""


class Explanation(NamedTuple):
    """A label, its score, and the reason: the decision is the sum of the bias and the words' weights.

    Label and score are None where the model is unsure; the reason is then that of the likeliest label.
    """

    label: str | None
    score: float | None
    decision: float
    bias: float
    words: list[tuple[str, float]]  # in the order of the text
    scores: dict[str, float] | None = None  # of all labels, None if the text has no known word


class Prediction(NamedTuple):
    """A label, its score, and the probability of each label, None if the text has no known word."""

    label: str | None
    score: float | None
    scores: dict[str, float] | None


def _sigmoid(values: Numbers) -> Numbers:
    small = np.exp(-np.abs(values))  # never too large
    result: Numbers = np.where(values >= 0, 1, small) / (1 + small)
    return result


def _softmax(rows: Numbers) -> Numbers:
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    result: Numbers = powers / powers.sum(axis=1, keepdims=True)
    return result


def _shares(decisions: Numbers) -> Numbers:
    """How much each expert of a mixture counts for each text; the last column is the gate."""
    gate = _sigmoid(decisions[:, 2:])
    shares: Numbers = np.concatenate((1 - gate, gate, np.zeros_like(gate)), axis=1)
    return shares


class Calibrator:
    """Probabilities from decisions by Platt's sigmoids."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration

    def probabilities(self, decisions: Numbers) -> Numbers:
        """The probability of each label, a row a text."""
        if self._calibration.of_probability:
            decisions = _sigmoid(decisions) if decisions.shape[1] == 1 else _softmax(decisions)
        decisions = decisions * self._calibration.slope + self._calibration.shift
        if self._calibration.mixture:
            decisions = (decisions * _shares(decisions)).sum(axis=1, keepdims=True)
        probabilities = _sigmoid(decisions)
        if probabilities.shape[1] == 1:  # of two labels, the column is the second one's
            return np.concatenate((1 - probabilities, probabilities), axis=1)
        total = probabilities.sum(axis=1, keepdims=True)
        normalised = np.full_like(probabilities, 1 / probabilities.shape[1])  # if all are 0, each label is as likely
        np.divide(probabilities, total, out=normalised, where=total > 0)
        return normalised

    def column(self, decisions: Numbers, best: int) -> Numbers:
        """How much each column of one text's decisions speaks for its label `best`."""
        if self._calibration.mixture:  # the gate weighs the experts, and speaks for no label
            shares = _shares((decisions * self._calibration.slope + self._calibration.shift)[None])[0]
            speaking: Numbers = shares * self._calibration.slope * (1 if best else -1)
            return speaking
        if len(decisions) == 1:  # of two labels, the column is the second one's
            return np.array([1.0 if best else -1.0])
        one_hot: Numbers = np.eye(len(decisions))[best]
        return one_hot


class Classifier:
    """A model in use. `labels` are in the model's order; `digest` is the SHA-256 of its file, if it has one.

    `name` is that of the file. It remembers words, so one thread at a time uses it; others wait.
    """

    def __init__(self, parameters: Parameters, digest: str = "", name: str = "", threshold: float = 0.0) -> None:
        self.labels = parameters.labels
        self.digest = digest
        self.name = name
        self.threshold = threshold
        self._calibrator = Calibrator(parameters.calibration)
        self._scorer = scorer(parameters.decision)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path | None = None, threshold: float = 0.0) -> "Classifier":
        """The model in `path`, which may be a shipped model's name; unsure below `threshold`. Raises BadModel."""
        name = SHIPPED_NAME if path is None else str(path)
        source: Traversable = _DATA / SHIPPED_MODELS[name] if name in SHIPPED_MODELS else Path(name)
        try:
            with source.open("rb") as file:
                content = read(file)
            return cls(unpack(content), hashlib.sha256(content).hexdigest(), Path(name).name, threshold)
        except FileNotFoundError:
            shipped = ", ".join(SHIPPED_MODELS)
            advice = f"give the file of one, which `tweetream train` makes, or one of {shipped}"
            raise BadModel(f"there is no model {source}: {advice}") from None
        except OSError as error:
            reason = error.strerror or str(error)
        except BadFormat as error:
            reason = str(error)
        advice = "train it anew with `tweetream train`, or unset TWEETREAM_MODEL to use the shipped model"
        raise BadModel(f"the model {source} cannot be used, {reason}: {advice}")

    def predict(self, texts: Sequence[str]) -> tuple[list[str | None], list[float | None]]:
        """The label of each cleaned text, and the probability of that label; None and None where it is unsure."""
        if not texts:
            return [], []
        probabilities, sure = self._probabilities(texts)
        best = probabilities.argmax(axis=1)
        scores = probabilities[np.arange(len(best)), best]
        sure &= scores >= self.threshold
        labels = [self.labels[i] if known else None for i, known in zip(best.tolist(), sure.tolist(), strict=True)]
        return labels, [score if known else None for score, known in zip(scores.tolist(), sure.tolist(), strict=True)]

    def predict_all(self, texts: Sequence[str]) -> list[Prediction]:
        """The prediction of each cleaned text with the probabilities of all labels."""
        if not texts:
            return []
        probabilities, known = self._probabilities(texts)
        return [self._prediction(row, found) for row, found in zip(probabilities, known.tolist(), strict=True)]

    def explain(self, text: str) -> Explanation:
        """The prediction for a cleaned text, with each word's weight in it. A positive weight speaks for the label."""
        with self._lock:
            contributions = self._scorer.contributions(text)
            known = bool(self._scorer.score([text])[1][0])
        decision = contributions.bias + contributions.weights.sum(axis=0)
        probabilities = self._calibrator.probabilities(decision[None, :])[0]
        column = self._calibrator.column(decision, int(probabilities.argmax()))
        label, score, scores = self._prediction(probabilities, known)
        return Explanation(
            label,
            score,
            float(decision @ column),
            float(contributions.bias @ column),
            list(zip(contributions.words, (contributions.weights @ column).tolist(), strict=True)),
            scores,
        )

    def _probabilities(self, texts: Sequence[str]) -> tuple[Numbers, Flags]:
        with self._lock:
            decisions, known = self._scorer.score(texts)
        return self._calibrator.probabilities(decisions), known

    def _prediction(self, probabilities: Numbers, known: bool) -> Prediction:
        if not known:
            return Prediction(None, None, None)
        best = int(probabilities.argmax())
        scores = dict(zip(self.labels, probabilities.tolist(), strict=True))
        if probabilities[best] < self.threshold:
            return Prediction(None, None, scores)
        return Prediction(self.labels[best], float(probabilities[best]), scores)
