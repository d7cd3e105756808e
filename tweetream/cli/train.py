"""`tweetream train`: a model and its card from labelled posts."""

import argparse
from functools import partial
from pathlib import Path

from tweetream.classifier import dataset, training
from tweetream.cli.file_options import choices_of, tell
from tweetream.settings import fail


def run(options: argparse.Namespace) -> None:
    """Train, write both files, and print one line with the accuracy."""
    read = partial(dataset.read, choices=choices_of(options), tell=tell)
    try:
        print(training.run(options.data, Path(options.out), options.classifier, options.test, options.at_most, read))
    except dataset.BadData as error:
        fail(str(error))
