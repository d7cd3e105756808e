"""The decision function of a fitted model, in plain NumPy: a decision for each label, and each word's contribution.

scikit-learn checks its input again in every layer. For 200 posts that costs more than the sum itself, and the result
has no reasons. A scorer takes the weights out of a fitted pipeline once. Of two labels only the second has a column, as
in scikit-learn: above zero means the second. The contributions of the words and the bias add up to the decision.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import BernoulliNB
from sklearn.tree import DecisionTreeClassifier
from typing_extensions import override

from tweetream.classifier.features import Features, Hashes, Places, Table, grown, pairs

Numbers = NDArray[np.float64]
REMEMBERED = 65_536  # words
WORD = r"\S+"  # of a cleaned text
MOST_ALIKE = 255  # features with the same first bits; a trained model has about five


class Contributions(NamedTuple):
    """Of one text: its words, what each adds to each column of the decision, and the part that belongs to no word."""

    words: list[str]
    weights: Numbers  # (words, columns)
    bias: Numbers  # (columns,)


class Scorer(Protocol):
    """Decisions of texts, as an array (texts, columns), and the contributions of one text's words to its decision."""

    def decisions(self, texts: Sequence[str]) -> Numbers: ...

    def contributions(self, text: str) -> Contributions: ...


def scorer(features: Any, estimator: Any) -> Scorer:
    """The scorer for a fitted vectoriser and estimator. Raises TypeError or ValueError if there is none for them."""
    linear = _linear(estimator)
    if linear:
        weights, bias = linear
        if weights.shape != (len(features.get_feature_names_out()), len(bias)):
            raise ValueError("there is not a weight for each feature")
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            raise ValueError("a weight is not finite")
    if isinstance(features, Features) and linear:
        known = features.kept_
        begins = np.bincount((known >> np.uint64(44)).astype(np.int64))
        if known.dtype != np.uint64 or not (known[1:] > known[:-1]).all() or begins.max() > MOST_ALIKE:
            raise ValueError("the features are not in order")
        return FeatureScorer(features, *linear)
    if isinstance(features, CountVectorizer) and features.binary and features.token_pattern == WORD:
        if features.lowercase or features.stop_words or features.ngram_range != (1, 1):
            raise ValueError("the vectoriser does not split words as ours does")
        if linear:
            return WordScorer(features.vocabulary_, *linear)
        if isinstance(estimator, DecisionTreeClassifier):
            return TreeScorer(features, estimator)
    raise TypeError(f"no scorer for {type(features).__name__} and {type(estimator).__name__}")


def _linear(estimator: Any) -> tuple[Numbers, Numbers] | None:
    """The weights (features, columns) and the bias (columns,) of a linear estimator, else None."""
    if isinstance(estimator, BernoulliNB):
        absent = np.log1p(-np.exp(estimator.feature_log_prob_))
        weights = (estimator.feature_log_prob_ - absent).T
        bias = estimator.class_log_prior_ + absent.sum(axis=1)
        if len(bias) == 2:
            return weights[:, 1:] - weights[:, :1], bias[1:] - bias[:1]
        return weights, bias
    if hasattr(estimator, "coef_"):
        return np.asarray(estimator.coef_, dtype=np.float64).T, np.asarray(estimator.intercept_, dtype=np.float64)
    return None


class FeatureScorer(Table):
    """A linear model over Features. The weights of a single word are summed when the word is first seen."""

    def __init__(self, features: Features, weights: Numbers, bias: Numbers) -> None:
        self._weights = weights
        self._bias = bias
        self._features = features
        super().__init__(features, REMEMBERED)

    @override
    def _clear(self) -> None:
        self._sums = np.zeros((0, 1 + len(self._bias)))  # the number of known features, and the sums of their weights
        super()._clear()

    @override
    def _keep(self, alone: Hashes, owner: Places, before: int, after: int) -> None:
        known, columns = self._features.place(alone)
        self._sums = grown(self._sums, after)
        for place, weights in enumerate((None, *self._weights[columns].T)):
            self._sums[before:after, place] = np.bincount(owner[known], weights, after - before)

    def decisions(self, texts: Sequence[str]) -> Numbers:
        numbers, text = self.number(texts)
        owner, columns, _, _ = self._together(numbers, text)
        sums = np.column_stack([np.bincount(text, of_words, len(texts)) for of_words in self._sums[numbers].T])
        sums[:, 0] += np.bincount(owner, minlength=len(texts))
        for column in range(len(self._bias)):
            sums[:, 1 + column] += np.bincount(owner, self._weights[columns, column], len(texts))
        result: Numbers = sums[:, 1:] / np.sqrt(np.maximum(sums[:, :1], 1)) + self._bias
        return result

    def contributions(self, text: str) -> Contributions:
        """Two words share the weight of their pair; weights of the text's edges go to the bias."""
        numbers, owner = self.number([text])
        _, columns, first, last = self._together(numbers, owner)
        weights = self._sums[numbers][:, 1:]
        total = self._sums[numbers, 0].sum() + len(columns)
        edges = weights[0] + weights[-1]
        for column, one, other in zip(columns.tolist(), first.tolist(), last.tolist(), strict=True):
            ends = [place for place in (one, other) if 0 < place < len(numbers) - 1]
            for place in ends:
                weights[place] += self._weights[column] / len(ends)
            if not ends:
                edges = edges + self._weights[column]
        scale = np.sqrt(max(total, 1))
        return Contributions(self.words(text), weights[1:-1] / scale, edges / scale + self._bias)

    def _together(self, numbers: Any, text: Any) -> tuple[Any, Any, Any, Any]:
        """The known features of several words: their texts, their columns, and the places of first and last word."""
        found = list(pairs(self.word[numbers], self.kind[numbers], text))
        which, columns = self._features.place(np.concatenate([hashes for hashes, _, _ in found]))
        first = np.concatenate([places for _, places, _ in found])[which]
        last = np.concatenate([places for _, _, places in found])[which]
        return text[first], columns, first, last


class WordScorer:
    """A linear model over the words of a text, each counted once."""

    def __init__(self, vocabulary: dict[str, int], weights: Numbers, bias: Numbers) -> None:
        self._weights = {word: weights[place] for word, place in vocabulary.items()}
        self._single = {word: float(row[0]) for word, row in self._weights.items()} if len(bias) == 1 else None
        self._bias = bias

    def decisions(self, texts: Sequence[str]) -> Numbers:
        if self._single is not None:
            weight = self._single.get
            sums = [[sum([weight(word, 0.0) for word in set(text.split())])] for text in texts]
            return np.array(sums) + self._bias
        return np.array([self.contributions(text).weights.sum(axis=0) for text in texts]) + self._bias

    def contributions(self, text: str) -> Contributions:
        words = list(dict.fromkeys(text.split()))
        none = np.zeros_like(self._bias)
        weights = np.array([self._weights.get(word, none) for word in words])
        return Contributions(words, weights.reshape(len(words), len(none)), self._bias)


def _check(tree: Any, features: int) -> None:
    """Raise ValueError for a tree with a branch out of it or in a circle: compiled code follows it without a check."""
    nodes = np.arange(tree.node_count)
    inner = tree.children_left != -1
    for child in (tree.children_left[inner], tree.children_right[inner]):
        if not ((nodes[inner] < child) & (child < tree.node_count)).all():
            raise ValueError("a branch of the tree leads out of it or back")
    if not ((tree.feature[inner] >= 0) & (tree.feature[inner] < features)).all():
        raise ValueError("the tree asks for a word that does not exist")


class TreeScorer:
    """A decision tree over words. A word contributes the change at its branches; an absent word's goes to the bias."""

    def __init__(self, words: CountVectorizer, tree: DecisionTreeClassifier) -> None:
        self._vectoriser = words
        self._tree = tree
        self._names = words.get_feature_names_out()
        _check(tree.tree_, len(self._names))
        values = tree.tree_.value[:, 0, :]
        self._values = values[:, 1:] if values.shape[1] == 2 else values

    def decisions(self, texts: Sequence[str]) -> Numbers:
        """The proportions of the labels in each text's leaf."""
        result: Numbers = self._values[self._tree.apply(self._vectoriser.transform(texts))]
        return result

    def contributions(self, text: str) -> Contributions:
        words = list(dict.fromkeys(text.split()))
        places = {word: place for place, word in enumerate(words)}
        weights = np.zeros((len(words), self._values.shape[1]))
        path = self._tree.decision_path(self._vectoriser.transform([text])).indices
        bias = self._values[path[0]].copy()
        for node, after in zip(path[:-1], path[1:], strict=True):
            change = self._values[after] - self._values[node]
            place = places.get(self._names[self._tree.tree_.feature[node]])
            if place is None:
                bias += change
            else:
                weights[place] += change
        return Contributions(words, weights, bias)
