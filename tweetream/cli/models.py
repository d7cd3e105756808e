"""The model of a subcommand, with the settings' abbreviations; ends with one line if it cannot be used."""

from pathlib import Path

from tweetream import settings
from tweetream.classifier import pipeline
from tweetream.classifier.model import BadModel, Classifier
from tweetream.models.messages import fail
from tweetream.text import BadAbbreviations


def load_text_classifier(model: Path | None, threshold: float | None = None) -> pipeline.TextClassifier:
    """For posts as they were written: the model in `model`, or else the one of the settings; so for `threshold`."""
    try:
        return pipeline.load(settings.load(), model, threshold)
    except (BadModel, BadAbbreviations) as error:
        fail(str(error))


def load_classifier(model: Path | None) -> Classifier:
    """For cleaned posts: the model in `model`, or else the shipped one."""
    try:
        return Classifier.load(model)
    except BadModel as error:
        fail(str(error))
