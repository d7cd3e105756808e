"""What a trained model consists of, as plain data: labels, words and arrays; and the check that they can be served.

A model comes from a file that anybody may have made. `check` looks at every number on which a later step relies, so
that no text can make a served model fail, hang, or read what is not its own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tweetream.classifier.features import Hashes, prefixes
from tweetream.models.feed import UNSURE

Numbers = NDArray[np.float64]
Places = NDArray[np.int32]
LEAF = -1  # in place of a child

EXPERTS = 3  # decisions of a mixture: one for each of two sorts of posts, and which of the two sorts a post is

MAX_LABELS = 200
MAX_LABEL = 200  # characters
MAX_WORDS = 1_000_000  # of a vocabulary; each takes some 200 bytes of memory
MAX_KINDS = 4 * 1024 * 1024  # characters of the list of kinds
MAX_KIND = 64  # characters of a kind's name, which is hashed for each of its words
MAX_ALIKE = 64  # features with the same first bits, which are compared one after the other; a trained model has ten
MAX_NODES = 1_000_000  # of a tree
MAX_DEPTH = 2_000  # branches from a tree's root to a leaf; a text takes as many steps, and a trained tree has hundreds
_LARGEST = 1e100  # sums and products of a few such numbers are finite


class BadParameters(ValueError):
    """Parameters that cannot be served; the message is a clause that gives the reason."""


@dataclass(frozen=True)
class FeatureWeights:
    """A linear model over Features: a row of weights for each known feature, a column for each decision."""

    kinds: str
    known: Hashes  # ascending
    weights: Numbers
    bias: Numbers

    @property
    def size(self) -> int:
        """The number of features."""
        return len(self.known)

    @property
    def columns(self) -> int:
        """The number of decisions."""
        return len(self.bias)

    def check(self) -> None:
        """Raise BadParameters for features that cannot be looked up, and for weights that do not fit."""
        if len(self.kinds) > MAX_KINDS:
            raise BadParameters(f"its list of kinds has more than {MAX_KINDS} characters")
        if any(len(line.partition(":")[0]) > MAX_KIND for line in self.kinds.splitlines()):
            raise BadParameters(f"a kind's name has more than {MAX_KIND} characters")
        if not len(self.known) or not (self.known[1:] > self.known[:-1]).all():
            raise BadParameters("its features are not in order")
        if prefixes(self.known).max() > MAX_ALIKE:
            raise BadParameters("its features are too much alike")
        _check_weights(self.size, self.weights, self.bias)


@dataclass(frozen=True)
class WordWeights:
    """A linear model over the words of a text: a row of weights for each word, a column for each decision."""

    words: tuple[str, ...]
    weights: Numbers
    bias: Numbers

    @property
    def size(self) -> int:
        """The number of words."""
        return len(self.words)

    @property
    def columns(self) -> int:
        """The number of decisions."""
        return len(self.bias)

    def check(self) -> None:
        """Raise BadParameters for words that no text can have, and for weights that do not fit."""
        _check_words(self.words)
        _check_weights(self.size, self.weights, self.bias)


@dataclass(frozen=True)
class Tree:
    """A decision tree over words. Node 0 is the root, and a child has a greater number than its parent.

    Each node but a leaf asks for a word, and has a child for texts with it and one for texts without it.
    """

    words: tuple[str, ...]
    asked: Places  # the place of the node's word; a leaf has any
    present: Places
    absent: Places
    values: Numbers  # the proportions of the labels, a row for each node

    @property
    def size(self) -> int:
        """The number of words."""
        return len(self.words)

    @property
    def columns(self) -> int:
        """The number of decisions."""
        return int(self.values.shape[1])

    def check(self) -> None:
        """Raise BadParameters unless this is one tree, of a bounded depth, over existing words."""
        _check_words(self.words)
        nodes = len(self.values)
        if not nodes or not len(self.asked) == len(self.present) == len(self.absent) == nodes:
            raise BadParameters("the parts of its tree differ in length")
        if nodes > MAX_NODES:
            raise BadParameters(f"its tree has more than {MAX_NODES} nodes")
        if not ((self.values >= 0) & (self.values <= 1)).all():
            raise BadParameters("a proportion in its tree is not between 0 and 1")
        inner = np.flatnonzero((self.present != LEAF) | (self.absent != LEAF))
        if not ((self.asked >= 0) & (self.asked < self.size)).all():
            raise BadParameters("its tree asks for a word that does not exist")
        children = np.concatenate((self.present[inner], self.absent[inner]))
        parents = np.concatenate((inner, inner))
        if not ((children > parents) & (children < nodes)).all():
            raise BadParameters("a branch of its tree leads out of it or back")
        if not np.array_equal(np.sort(children), np.arange(1, nodes)):
            raise BadParameters("its tree has a node with no parent or with several")
        self._check_depth()

    def _check_depth(self) -> None:
        level = np.zeros(1, dtype=np.intp)
        for _ in range(MAX_DEPTH):
            level = np.concatenate((self.present[level], self.absent[level]))
            level = level[level != LEAF]
            if not len(level):
                return
        raise BadParameters(f"its tree is deeper than {MAX_DEPTH} branches")


@dataclass(frozen=True)
class Calibration:
    """Platt's sigmoids: the probability is 1 / (1 + exp(-(slope * response + shift))), for each decision.

    The response is the decision, or the probability that the decision, a sum of logarithms, stands for. A mixture of
    experts (Jacobs et al. 1991) has three: log odds of the second label for posts of the first sort, those for posts of
    the second sort, and those that a post is of the second sort, which weigh the other two.
    """

    slope: Numbers
    shift: Numbers
    of_probability: bool
    mixture: bool = False


@dataclass(frozen=True)
class Parameters:
    """A trained model. Of two labels, only the second has a column of decisions, as in scikit-learn."""

    labels: tuple[str, ...]
    decision: FeatureWeights | WordWeights | Tree
    calibration: Calibration

    def check(self) -> None:
        """Raise BadParameters unless every text can be classified and explained."""
        if not 2 <= len(self.labels) <= MAX_LABELS:
            raise BadParameters(f"it has {len(self.labels)} labels, and 2 to {MAX_LABELS} are possible")
        if len(set(self.labels)) < len(self.labels):
            raise BadParameters("two of its labels are equal")
        for label in self.labels:
            if not label.isprintable() or not label.strip() or len(label) > MAX_LABEL:
                raise BadParameters(f"a label is no text of 1 to {MAX_LABEL} printable characters")
        if UNSURE in self.labels:
            raise BadParameters(f"a label is {UNSURE!r}, which is the name of posts without a label")
        self.decision.check()
        columns = EXPERTS if self.calibration.mixture else 1 if len(self.labels) == 2 else len(self.labels)
        if self.calibration.mixture and len(self.labels) != 2:
            raise BadParameters("a mixture has two labels")
        if not self.decision.columns == len(self.calibration.slope) == len(self.calibration.shift) == columns:
            raise BadParameters("its labels, decisions and probabilities differ in number")
        _check_finite(self.calibration.slope, self.calibration.shift)


def _check_words(words: tuple[str, ...]) -> None:
    if len(words) > MAX_WORDS:
        raise BadParameters(f"it has more than {MAX_WORDS} words")
    if len(set(words)) < len(words) or any(word.split() != [word] for word in words):
        raise BadParameters("its words are not different single words")


def _check_weights(size: int, weights: Numbers, bias: Numbers) -> None:
    if weights.shape != (size, len(bias)):
        raise BadParameters("it has not a weight for each feature")
    _check_finite(weights, bias)


def _check_finite(*arrays: Numbers) -> None:
    if not all((np.abs(array) <= _LARGEST).all() for array in arrays):  # NaN compares as false
        raise BadParameters(f"one of its numbers is not finite, or is greater than {_LARGEST:g}")
