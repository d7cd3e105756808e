"""The classifier: load a model, and predict labels and scores of a batch of cleaned texts at once.

A model is a scikit-learn pipeline of two named steps, `words` (a vectoriser) and `classifier` (calibrated), as
`tweetream.training` makes it, in a skops file. skops builds only types it knows to be harmless and those in TRUSTED;
nothing is unpickled. The score is the calibrated probability of the label given, so labels compare and 0.9 means
nine in ten as far as the posts are like those it was trained on.

Importing this takes scikit-learn with it, a second or so: import it where a model is needed, not before.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import skops.io
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import Pipeline

SHIPPED = Path(__file__).with_name("data") / "model.skops"
WORDS, CLASSIFIER = "words", "classifier"
TOKEN = r"\S+"  # a word of a cleaned text
TRUSTED = ["sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration"]


class BadModel(ValueError):
    """A model file that cannot be used; the message is one line that says what to do."""


class Linear:
    """A calibrated linear model as plain numbers: the same result as its predict_proba at a fraction of the cost.

    scikit-learn checks its input anew in every layer, which costs more than the product itself at 200 posts.
    """

    def __init__(self, model: CalibratedClassifierCV) -> None:
        (fitted,) = model.calibrated_classifiers_
        self.weights = np.asarray(fitted.estimator.coef_, dtype=np.float64).T
        self.bias = np.asarray(fitted.estimator.intercept_, dtype=np.float64)
        # Platt: p = 1 / (1 + exp(a * decision + b)), a and b for each column.
        self.slope = np.array([-calibrator.a_ for calibrator in fitted.calibrators])
        self.shift = np.array([-calibrator.b_ for calibrator in fitted.calibrators])

    def predict_proba(self, counts: Any) -> Any:
        return self.chances(counts @ self.weights)

    def chances(self, sums: Any) -> Any:
        """The probabilities for the products of counts and weights."""
        chance = expit((sums + self.bias) * self.slope + self.shift)
        if chance.shape[1] == 1:  # two labels: the column is the second one's
            return np.hstack((1 - chance, chance))
        total = chance.sum(axis=1, keepdims=True)
        return np.divide(chance, total, out=np.full_like(chance, 1 / chance.shape[1]), where=total > 0)


class Classifier:
    """A model in use. `labels` are what it can say, in the model's order."""

    def __init__(self, pipeline: Pipeline) -> None:
        """`pipeline` is trained. Raises AttributeError, KeyError or TypeError for one that is not made as ours are."""
        self.pipeline = pipeline
        self.labels: tuple[str, ...] = tuple(pipeline.classes_.tolist())
        if len(self.labels) < 2 or not all(isinstance(label, str) for label in self.labels):
            raise TypeError("labels must be two or more texts")
        self._words = pipeline.named_steps[WORDS]
        model = pipeline.named_steps[CLASSIFIER]
        fitted = model.calibrated_classifiers_
        linear = len(fitted) == 1 and model.method == "sigmoid" and hasattr(fitted[0].estimator, "decision_function")
        self._model = Linear(model) if linear and hasattr(fitted[0].estimator, "coef_") else model
        self._weights = self._word_weights()

    def _word_weights(self) -> dict[str, float] | None:
        """The weight of each word, for a linear model of two labels over the words that are there; else None.

        The sum over a post's words is then the vectoriser's row times the weights, at a third of the cost.
        """
        words = self._words
        plain = isinstance(words, CountVectorizer) and words.binary and words.ngram_range == (1, 1)
        if not plain or words.token_pattern != TOKEN or words.lowercase or words.stop_words:
            return None
        if not isinstance(self._model, Linear) or self._model.weights.shape[1] != 1:
            return None
        column = self._model.weights[:, 0].tolist()
        return {word: column[place] for word, place in words.vocabulary_.items()}

    @classmethod
    def load(cls, path: Path | None = None) -> "Classifier":
        """The model in `path`, or the shipped one. Raises BadModel."""
        path = SHIPPED if path is None else Path(path)
        try:
            loaded = cls(skops.io.load(path, trusted=TRUSTED))
            loaded.predict(["", "macet"])
        except OSError as error:
            reason = error.strerror or str(error)
        except BadZipFile:
            reason = "it is not a skops file"
        except skops.io.exceptions.UntrustedTypesFoundException:
            reason = "it holds types that no model of tweetream train has"
        # A damaged file makes skops, NumPy and scikit-learn raise nearly anything; all of it means one thing here.
        except Exception as error:  # noqa: BLE001
            reason = f"it is damaged or of another version ({type(error).__name__})"
        else:
            return loaded
        advice = "make one with tweetream train, or unset TWEETREAM_MODEL to use the shipped one"
        raise BadModel(f"the model {path} cannot be used, {reason}: {advice}")

    def predict(self, texts: Sequence[str]) -> tuple[list[str], list[float]]:
        """The label of each cleaned text, and the probability of that label."""
        if not texts:
            return [], []
        if self._weights is None:
            chances = self._model.predict_proba(self._words.transform(texts))
        else:
            weight = self._weights.get
            sums = [sum([weight(word, 0.0) for word in set(text.split())]) for text in texts]
            chances = self._model.chances(np.array(sums)[:, None])
        best = chances.argmax(axis=1)
        return [self.labels[i] for i in best.tolist()], chances[np.arange(len(best)), best].tolist()
