"""How well predicted labels and their scores agree with the true labels: plain functions over held-out posts.

The calibration error is the mean distance between the score and the proportion of right labels, over ten bins with as
many posts in each (Guo et al. 2017, with bins of equal mass).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from nltk.metrics import ConfusionMatrix
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support

from tweetream.models.feed import UNSURE

BINS = 10
_CORNER = "true \\ given"


class Result(NamedTuple):
    """The figures, from 0 to 1; `labels` has (label, precision, recall, F1, posts) for each label.

    `interval` is that of the accuracy, 95 % (Wilson 1927). An unsure answer is wrong, and has no score to calibrate.
    """

    tested: int
    accuracy: float
    interval: tuple[float, float]
    kappa: float
    calibration: float
    labels: list[tuple[str, float, float, float, int]]
    confusion: list[list[int]]  # rows are true labels, columns are predicted ones, in the order of `labels`

    def as_dict(self) -> dict[str, Any]:
        """The figures for JSON."""
        names = [name for name, *_ in self.labels]
        return {
            "posts": self.tested,
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.interval),
            "kappa": self.kappa,
            "calibration_error": self.calibration,
            "labels": {name: {"precision": p, "recall": r, "f1": f, "posts": n} for name, p, r, f, n in self.labels},
            "confusion": {
                name: dict(zip(names, row, strict=True)) for name, row in zip(names, self.confusion, strict=True)
            },
        }

    def table(self) -> str:
        """The figures as text."""
        names = [name for name, *_ in self.labels]
        width = max(map(len, [*names, _CORNER]))
        columns = [max(len(name), len(str(self.tested))) for name in names]
        lines = [
            f"posts              {self.tested}",
            f"accuracy           {self.accuracy:.4f} (95 % interval {self.interval[0]:.4f} to {self.interval[1]:.4f})",
            f"kappa              {self.kappa:.4f}",
            f"calibration error  {self.calibration:.4f}",
            "",
            f"{'label':<{width}}  precision  recall      F1   posts",
            *(f"{name:<{width}}  {p:>9.4f}  {r:>6.4f}  {f:>6.4f}  {n:>6}" for name, p, r, f, n in self.labels),
            "",
            "  ".join([f"{_CORNER:<{width}}", *(f"{name:>{size}}" for name, size in zip(names, columns, strict=True))]),
        ]
        for name, row in zip(names, self.confusion, strict=True):
            cells = (f"{count:>{size}}" for count, size in zip(row, columns, strict=True))
            lines.append("  ".join([f"{name:<{width}}", *cells]))
        return "\n".join(lines)


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a proportion that was `right` of `of`."""
    z, share = 1.959964, right / of
    middle, spread = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + (z / (2 * of)) ** 2)
    scale = 1 + z * z / of
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


def result(truth: Sequence[str], given: Sequence[str | None], scores: Sequence[float | None]) -> Result:
    """Compare predicted labels and their scores with the truth; all three have one entry for each post, in order."""
    predicted = [UNSURE if label is None else label for label in given]
    right = np.array([a == b for a, b in zip(truth, predicted, strict=True)])
    sure = np.array([label is not None for label in given])
    names = sorted({*truth, *predicted})
    precision, recall, f1, support = precision_recall_fscore_support(truth, predicted, labels=names, zero_division=0.0)
    confusion = ConfusionMatrix(list(truth), list(predicted))
    return Result(
        tested=len(right),
        accuracy=float(right.mean()),
        interval=wilson(int(right.sum()), len(right)),
        kappa=float(cohen_kappa_score(truth, predicted)) if len(names) > 1 else 1.0,
        calibration=calibration_error(right[sure], np.array([score for score in scores if score is not None])),
        labels=[
            (name, float(p), float(r), float(f), int(n))
            for name, p, r, f, n in zip(names, precision, recall, f1, support, strict=True)
        ],
        confusion=[[int(confusion[a, b]) for b in names] for a in names],
    )


def calibration_error(right: Any, scores: Any) -> float:
    """The mean distance of score and proportion of right labels, over BINS bins of equal mass."""
    if not len(scores):
        return 0.0
    order = np.argsort(scores, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    gaps = [abs(right[part].mean() - scores[part].mean()) * len(part) for part in bins]
    return float(np.sum(gaps) / len(order))
