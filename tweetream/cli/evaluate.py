"""`tweetream evaluate`: how well a classifier does in cross-validation, or how well a trained model does."""

import argparse
import json
from pathlib import Path

from tweetream.classifier import dataset, training
from tweetream.classifier.evaluation import Result
from tweetream.cli.file_options import choices_of, tell
from tweetream.cli.models import load_classifier
from tweetream.settings import fail


def run(options: argparse.Namespace) -> None:
    """Print the figures as a table, or as JSON."""
    try:
        result = _evaluate(options)
    except dataset.BadData as error:
        fail(str(error))
    print(json.dumps(result.as_dict(), indent=2) if options.json else result.table())


def _evaluate(options: argparse.Namespace) -> Result:
    posts = dataset.read(options.data, choices=choices_of(options), tell=tell)
    posts = training.clean(dataset.balance(posts) if options.balanced else posts)
    if options.model:
        path = None if options.model == "shipped" else Path(options.model)
        return training.check(load_classifier(path), posts)
    return training.cross_validate(posts, options.folds, options.classifier)
