"""`tweetream evaluate`: how well a trained model does, or, with `--folds`, how well a classifier does."""

import argparse
import json
from pathlib import Path

from tweetream.classifier import dataset, training
from tweetream.classifier.evaluation import Result
from tweetream.cli.file_options import choices_of, tell
from tweetream.cli.labelled_posts import read
from tweetream.cli.models import load_classifier
from tweetream.models.messages import fail


def run(options: argparse.Namespace) -> None:
    """Print the figures as a table, or as JSON."""
    try:
        result = _evaluate(options)
    except dataset.BadData as error:
        fail(str(error))
    print(json.dumps(result.as_dict(), indent=2) if options.json else result.table())


def _evaluate(options: argparse.Namespace) -> Result:
    if options.folds and options.model:
        raise dataset.BadData("--folds trains models of its own: leave out --folds to measure that of --model")
    if options.classifier and not options.folds:
        raise dataset.BadData("--classifier needs --folds N, which trains it; without, a trained model is measured")
    posts = read(options.data, choices=choices_of(options), tell=tell)
    posts = training.clean(dataset.balance(posts) if options.balanced else posts)
    if options.folds:
        return training.cross_validate(posts, options.folds, options.classifier or "svm")
    model = load_classifier(Path(options.model) if options.model else None)
    result = training.check(model, posts)
    if other := sorted({post.label for post in posts} - {*model.labels}):
        tell(f"the model gives no {', '.join(other[:5])}, so these are wrong; its labels: {', '.join(model.labels)}")
    return result
