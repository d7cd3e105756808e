"""Posts as they were written, classified: normalise, clean, predict. For the command line and `POST /classify`.

The agents do the same in two places, so as to clean a post once; the words and the model are the same.
"""

from collections.abc import Sequence
from pathlib import Path

from tweetream import settings
from tweetream.classifier.model import BadModel, Classifier, Explanation
from tweetream.text import BadAbbreviations, Cleaner, load_abbreviations, normalise


class TextClassifier:
    """A classifier with the cleaner that belongs to it. Not for two threads at once: both remember words."""

    def __init__(self, classifier: Classifier, cleaner: Cleaner) -> None:
        self._classifier = classifier
        self._cleaner = cleaner

    def predict(self, posts: Sequence[str]) -> tuple[list[str], list[float]]:
        """The label of each post, and the probability of that label."""
        return self._classifier.predict([self._clean(post) for post in posts])

    def explain(self, post: str) -> Explanation:
        """What predict() says of a post, and what each of its words, as the classifier sees them, has in it."""
        return self._classifier.explain(self._clean(post))

    def _clean(self, post: str) -> str:
        return self._cleaner.clean(normalise(post))


def served(known: settings.Settings, model: Path | None = None) -> TextClassifier:
    """The model in `model`, or that of the settings, with their abbreviations. Raises BadModel, BadAbbreviations."""
    abbreviations = load_abbreviations(known.abbreviations) if known.abbreviations else {}
    return TextClassifier(Classifier.load(model or known.model), Cleaner(abbreviations))


def load(model: Path | None = None) -> TextClassifier:
    """The same for a command: ends with one line."""
    try:
        return served(settings.load(), model)
    except (BadModel, BadAbbreviations) as error:
        settings.fail(str(error))


def classifier(model: Path | None) -> Classifier:
    """The model in `model`, or the shipped one; ends with one line."""
    try:
        return Classifier.load(model)
    except BadModel as error:
        settings.fail(str(error))


def table(found: Explanation) -> str:
    """An explanation to read: the label with its score, and the weights from the one that says most for it."""
    rows = [("label", found.label), ("score", f"{found.score:.4f}"), ("decision", f"{found.decision:+.4f}")]
    words = sorted(found.words, key=lambda word: -word[1])
    rows += [("", ""), *((word, f"{weight:+.4f}") for word, weight in words), ("(bias)", f"{found.bias:+.4f}")]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)
