"""The decision function of a model, in plain NumPy: a decision for each label, and each word's contribution.

scikit-learn checks its input again in every layer. For 200 posts that costs more than the sum itself, and the result
has no reasons. Its compiled code also trusts a model's numbers, which here come from a file. Of two labels only the
second has a column, as in scikit-learn: above zero means the second. The contributions of the words and the bias add up
to the decision.
"""

from collections.abc import Container, Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from tweetream.classifier.features import Features, Hashes, Places, Table, grown, pairs
from tweetream.classifier.parameters import LEAF, FeatureWeights, Numbers, Tree, WordWeights

REMEMBERED = 65_536  # words
Flags = NDArray[np.bool_]


class Contributions(NamedTuple):
    """Of one text: its words, what each adds to each column of the decision, and the part that belongs to no word."""

    words: list[str]
    weights: Numbers  # (words, columns)
    bias: Numbers  # (columns,)


class Scorer(Protocol):
    """Decisions of texts, as an array (texts, columns), and the contributions of one text's words to its decision.

    `score` gives the decisions, and for each text whether it has a word that the model knows.
    """

    def score(self, texts: Sequence[str]) -> tuple[Numbers, Flags]: ...

    def decisions(self, texts: Sequence[str]) -> Numbers: ...

    def contributions(self, text: str) -> Contributions: ...


def scorer(decision: FeatureWeights | WordWeights | Tree) -> Scorer:
    """The scorer for checked parameters."""
    if isinstance(decision, FeatureWeights):
        return FeatureScorer(decision)
    return WordScorer(decision) if isinstance(decision, WordWeights) else TreeScorer(decision)


class _Decisions:
    """What of a scorer follows from its `score`."""

    def score(self, texts: Sequence[str]) -> tuple[Numbers, Flags]:
        raise NotImplementedError

    def decisions(self, texts: Sequence[str]) -> Numbers:
        """The decisions alone."""
        return self.score(texts)[0]


class FeatureScorer(_Decisions, Table):
    """A linear model over Features. The weights of a single word are summed when the word is first seen.

    A word is known if the model has a weight for it or for its kind: pieces of letters are in every word.
    """

    def __init__(self, decision: FeatureWeights) -> None:
        self._weights = decision.weights
        self._bias = decision.bias
        super().__init__(Features(decision.kinds, decision.known), REMEMBERED)

    @override
    def _clear(self) -> None:
        # Of each word: the number of its known features, the sums of their weights, and 1 if the word itself is known.
        self._sums = np.zeros((0, 2 + len(self._bias)))
        super()._clear()

    @override
    def _keep(self, alone: Hashes, owner: Places, before: int, after: int) -> None:
        known, columns = self._features.place(alone)
        self._sums = grown(self._sums, after)
        for place, weights in enumerate((None, *self._weights[columns].T)):
            self._sums[before:after, place] = np.bincount(owner[known], weights, after - before)
        for hashes in (self.word, self.kind):
            self._sums[before:after, -1][self._features.place(hashes[before:after])[0]] = 1
        self._sums[:2, -1] = 0  # the edges are no words

    @override
    def score(self, texts: Sequence[str]) -> tuple[Numbers, Flags]:
        numbers, text = self.number(texts)
        owner, columns, _, _ = self._together(numbers, text)
        sums = np.column_stack([np.bincount(text, of_words, len(texts)) for of_words in self._sums[numbers].T])
        sums[:, 0] += np.bincount(owner, minlength=len(texts))
        for column, weights in enumerate(self._weights.take(columns, axis=0).T):
            sums[:, 1 + column] += np.bincount(owner, weights, len(texts))
        result: Numbers = sums[:, 1:-1] / np.sqrt(np.maximum(sums[:, :1], 1)) + self._bias
        return result, sums[:, -1] > 0

    def contributions(self, text: str) -> Contributions:
        """Two words share the weight of their pair; weights of the text's edges go to the bias."""
        numbers, owner = self.number([text])
        _, columns, first, last = self._together(numbers, owner)
        weights = self._sums[numbers][:, 1:-1]
        total = self._sums[numbers, 0].sum() + len(columns)
        # Each end of a pair gets half, and an edge's half goes to the other end, if that is a word.
        half = self._weights[columns] / 2
        edge = (first == 0, last == len(numbers) - 1)
        np.add.at(weights, np.where(edge[0] & ~edge[1], last, first), half)
        np.add.at(weights, np.where(edge[1] & ~edge[0], first, last), half)
        edges = weights[0] + weights[-1]
        scale = np.sqrt(max(total, 1))
        return Contributions(self.words(text), weights[1:-1] / scale, edges / scale + self._bias)

    def _together(self, numbers: Any, text: Any) -> tuple[Any, Any, Any, Any]:
        """The known features of several words: their texts, their columns, and the places of first and last word."""
        found = list(pairs(self.word[numbers], self.kind[numbers], text))
        which, columns = self._features.place(np.concatenate([hashes for hashes, _, _ in found]))
        first = np.concatenate([places for _, places, _ in found])[which]
        last = np.concatenate([places for _, _, places in found])[which]
        return text[first], columns, first, last


class WordScorer(_Decisions):
    """A linear model over the words of a text, each counted once."""

    def __init__(self, decision: WordWeights) -> None:
        self._place = {word: place for place, word in enumerate(decision.words)}
        self._weights = np.vstack((decision.weights, np.zeros_like(decision.bias)))  # the last is an unknown word's
        self._bias = decision.bias

    @override
    def score(self, texts: Sequence[str]) -> tuple[Numbers, Flags]:
        places = [self._places(dict.fromkeys(text.split())) for text in texts]
        owner = np.repeat(np.arange(len(texts)), [len(found) for found in places])
        weights = self._weights[[place for found in places for place in found]]
        sums = [np.bincount(owner, column, len(texts)) for column in weights.T]
        result: Numbers = np.column_stack(sums) + self._bias
        return result, np.array([max(found, default=-1) >= 0 for found in places])

    def contributions(self, text: str) -> Contributions:
        words = list(dict.fromkeys(text.split()))
        return Contributions(words, self._weights[self._places(words)], self._bias)

    def _places(self, words: Iterable[str]) -> list[int]:
        return list(map(self._place.get, words, repeat(-1)))


class TreeScorer(_Decisions):
    """A decision tree over words. A word contributes the change at its branches; an absent word's goes to the bias."""

    def __init__(self, decision: Tree) -> None:
        self._asked = [decision.words[place] for place in decision.asked.tolist()]
        self._present = decision.present.tolist()
        self._absent = decision.absent.tolist()
        self._values = decision.values
        self._words = frozenset(decision.words)

    @override
    def score(self, texts: Sequence[str]) -> tuple[Numbers, Flags]:
        """The proportions of the labels in each text's leaf."""
        words = [set(text.split()) for text in texts]
        result: Numbers = self._values[[self._path(of_text)[-1] for of_text in words]]
        return result, np.array([not self._words.isdisjoint(of_text) for of_text in words])

    def contributions(self, text: str) -> Contributions:
        words = list(dict.fromkeys(text.split()))
        places = {word: place for place, word in enumerate(words)}
        weights = np.zeros((len(words), self._values.shape[1]))
        path = self._path(places)
        bias = self._values[path[0]].copy()
        for node, after in zip(path[:-1], path[1:], strict=True):
            change = self._values[after] - self._values[node]
            place = places.get(self._asked[node])
            if place is None:
                bias += change
            else:
                weights[place] += change
        return Contributions(words, weights, bias)

    def _path(self, words: Container[str]) -> list[int]:
        """The nodes from the root to the leaf of a text with these words."""
        asked, present, absent = self._asked, self._present, self._absent
        node, path = 0, [0]
        while present[node] != LEAF:
            node = present[node] if asked[node] in words else absent[node]
            path.append(node)
        return path
