"""`tweetream explain`: the label of a text, its score, and the weight of each word in the decision."""

import argparse

from tweetream.classifier.model import Explanation
from tweetream.cli.models import load_text_classifier


def run(options: argparse.Namespace) -> None:
    """Print the explanation of `options.text`."""
    print(table(load_text_classifier(options.model).explain(options.text)))


def table(found: Explanation) -> str:
    """An explanation as text: the label with its score, and the weights, the greatest first."""
    rows = [("label", found.label), ("score", f"{found.score:.4f}"), ("decision", f"{found.decision:+.4f}")]
    words = sorted(found.words, key=lambda word: -word[1])
    rows += [("", ""), *((word, f"{weight:+.4f}") for word, weight in words), ("(bias)", f"{found.bias:+.4f}")]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)
