"""`tweetream train`: a model and its card from labelled posts."""

import argparse
from pathlib import Path

from tweetream.classifier import dataset, training
from tweetream.settings import fail


def run(options: argparse.Namespace) -> None:
    """Train, write both files, and print one line with the accuracy."""
    try:
        print(training.run(options.data, Path(options.out), options.classifier, options.test, options.at_most))
    except dataset.BadData as error:
        fail(str(error))
