"""Posts as they were written, classified: normalise, clean, predict. For the command line and `POST /classify`.

The agents take the same steps in two places, so that each post is cleaned once. Words and model are the same.
"""

from collections.abc import Sequence
from pathlib import Path

from tweetream.classifier.model import Classifier, Explanation
from tweetream.settings import Settings
from tweetream.text import Cleaner, load_abbreviations, normalise


class TextClassifier:
    """A classifier with its cleaner. Not for two threads at once: both remember words."""

    def __init__(self, classifier: Classifier, cleaner: Cleaner) -> None:
        self._classifier = classifier
        self._cleaner = cleaner

    def predict(self, posts: Sequence[str]) -> tuple[list[str], list[float]]:
        """The label of each post, and the probability of that label."""
        return self._classifier.predict([self._clean(post) for post in posts])

    def explain(self, post: str) -> Explanation:
        """The prediction for a post, with the weight of each of its cleaned words."""
        return self._classifier.explain(self._clean(post))

    def _clean(self, post: str) -> str:
        return self._cleaner.clean(normalise(post))


def load(settings: Settings, model: Path | None = None) -> TextClassifier:
    """The model in `model`, or else that of the settings, with the settings' abbreviations.

    Raises BadModel, BadAbbreviations.
    """
    abbreviations = load_abbreviations(settings.abbreviations) if settings.abbreviations else {}
    return TextClassifier(Classifier.load(model or settings.model), Cleaner(abbreviations))
