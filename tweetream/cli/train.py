"""`tweetream train`: a model and its card from labelled posts, or how it improves with their number."""

import argparse
from functools import partial
from pathlib import Path

from tweetream.classifier import training
from tweetream.classifier.dataset import BadData
from tweetream.cli.file_options import choices_of, tell
from tweetream.cli.labelled_posts import read
from tweetream.models.messages import fail


def run(options: argparse.Namespace) -> None:
    """Train, write both files, and print one line with the accuracy; with `--curve`, print a table alone."""
    given = options.classifier, options.test, options.at_most
    reader = partial(read, choices=choices_of(options), tell=tell)
    try:
        if options.curve:
            print(training.curve(options.data, *given, read=reader))
        else:
            print(training.run(options.data, Path(options.out), *given, read=reader))
    except BadData as error:
        fail(str(error))
