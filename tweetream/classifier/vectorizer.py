"""The features of texts as a scikit-learn transformer, for training.

A row of the matrix has, for each feature, its count in the text, divided by the square root of the sum of the counts.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin

from tweetream.classifier.features import Features, Hashes, Table, pairs

_AT_ONCE = 1_000  # texts


class FeatureVectorizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turns texts into counts of features. `kinds` has a line for each kind: its name, a colon, its words."""

    def __init__(self, min_posts: int = 2, kinds: str = "") -> None:
        self.min_posts = min_posts
        self.kinds = kinds

    def fit(self, texts: Sequence[str], labels: Any = None) -> Self:
        """Learn the features: those of `min_posts` texts or more."""
        self.fit_transform(texts)
        return self

    def fit_transform(self, texts: Sequence[str], labels: Any = None, **_: Any) -> csr_matrix:
        """Learn and count in one step. Raises ValueError if no feature is in `min_posts` texts."""
        rows = self._rows(texts)
        features, posts = np.unique(np.concatenate([np.unique(row) for row in rows]), return_counts=True)
        self.known_ = features[posts >= self.min_posts]
        if not len(self.known_):
            raise ValueError(f"no word is in {self.min_posts} posts")
        return self._matrix(rows)

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """Counts of the known features; a row for each text."""
        return self._matrix(self._rows(texts))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.str_]:
        """A name for each column: the feature's number, since its word is not kept."""
        return self.known_.astype(str)

    def _rows(self, texts: Sequence[str]) -> list[Hashes]:
        """All features of each text."""
        table = Table(Features(self.kinds, np.zeros(0, dtype=np.uint64)))
        rows: list[Hashes] = []
        for begin in range(0, len(texts), _AT_ONCE):
            some = texts[begin : begin + _AT_ONCE]
            numbers, text = table.number(some)
            of_words = [table.alone[number] for number in numbers.tolist()]
            together = list(pairs(table.word[numbers], table.kind[numbers], text))
            hashes = np.concatenate([*of_words, *(found for found, _, _ in together)])
            owner = np.concatenate(
                [np.repeat(text, [len(found) for found in of_words]), *(text[first] for _, first, _ in together)]
            )
            order = np.argsort(owner, kind="stable")
            rows += np.split(hashes[order], np.cumsum(np.bincount(owner, minlength=len(some)))[:-1])
        return rows

    def _matrix(self, rows: Sequence[Hashes]) -> csr_matrix:
        known = Features(self.kinds, self.known_)
        columns = [known.place(row)[1] for row in rows]
        lengths = np.array([len(found) for found in columns])
        data = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths)
        ends = np.concatenate([[0], np.cumsum(lengths)])
        matrix = csr_matrix((data, np.concatenate(columns), ends), shape=(len(rows), len(self.known_)))
        matrix.sum_duplicates()
        return matrix
