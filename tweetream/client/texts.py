"""Labels of texts, from the shipped model or one's own, in this process."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tweetream.classifier.pipeline import TextClassifier


class Label(NamedTuple):
    """The label of a text and its score, 0 to 1; both are None where the model is unsure."""

    label: str | None
    score: float | None


def classify(texts: Iterable[str], *, model: str | Path | None = None) -> list[Label]:
    """The label of each text, as the feeds would have it. Raises ValueError if the file is no model."""
    if isinstance(texts, str):
        raise TypeError("classify takes a list of texts: write classify([text])")
    given = list(texts)
    if not given:
        return []
    return [Label(found.label, found.score) for found in _loaded(None if model is None else Path(model)).predict(given)]


@lru_cache(maxsize=4)
def _loaded(model: Path | None) -> "TextClassifier":
    from tweetream.classifier.model import Classifier
    from tweetream.classifier.pipeline import TextClassifier
    from tweetream.text import Cleaner

    return TextClassifier(Classifier.load(model), Cleaner({}))
