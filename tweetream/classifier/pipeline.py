"""Posts as they were written, classified: normalise, clean, predict. For the command line and `POST /classify`.

The agents take the same steps in two places, so that each post is cleaned once. Words and model are the same.
"""

from collections.abc import Sequence
from pathlib import Path

from tweetream.classifier.model import Classifier, Explanation, Prediction
from tweetream.settings import Settings
from tweetream.text import Cleaner, load_abbreviations, normalise


class TextClassifier:
    """A classifier with its cleaner. Not for two threads at once: both remember words."""

    def __init__(self, classifier: Classifier, cleaner: Cleaner) -> None:
        self.classifier = classifier
        self._cleaner = cleaner

    def predict(self, posts: Sequence[str]) -> list[Prediction]:
        """The label of each post, and the probability of each label."""
        return self.classifier.predict_all([self._clean(post) for post in posts])

    def explain(self, post: str) -> Explanation:
        """The prediction for a post, with the weight of each of its cleaned words."""
        return self.classifier.explain(self._clean(post))

    def _clean(self, post: str) -> str:
        return self._cleaner.clean(normalise(post))


def load(settings: Settings, model: Path | None = None, threshold: float | None = None) -> TextClassifier:
    """The model in `model`, or else that of the settings, with the settings' abbreviations; so for `threshold`.

    Raises BadModel, BadAbbreviations.
    """
    abbreviations = load_abbreviations(settings.abbreviations) if settings.abbreviations else {}
    least = settings.threshold if threshold is None else threshold
    return TextClassifier(Classifier.load(model or settings.model, least), Cleaner(abbreviations))
