"""`tweetream explain`: the label of a text, its score, and the weight of each word in the decision."""

import argparse

from tweetream.classifier.model import Explanation
from tweetream.cli.models import load_text_classifier


def run(options: argparse.Namespace) -> None:
    """Print the explanation of `options.text`."""
    print(table(load_text_classifier(options.model, options.threshold).explain(options.text), options.scores))


def table(found: Explanation, scores: bool = False) -> str:
    """An explanation as text: the label with its score, and the weights, the greatest first.

    The label and the score of an unsure model are empty. `scores`: also those of all labels.
    """
    score = "" if found.score is None else f"{found.score:.4f}"
    rows = [("label", found.label or ""), ("score", score), ("decision", f"{found.decision:+.4f}")]
    if scores:
        rows += [(f"score of {label}", f"{each:.4f}") for label, each in (found.scores or {}).items()]
    words = sorted(found.words, key=lambda word: -word[1])
    rows += [("", ""), *((word, f"{weight:+.4f}") for word, weight in words), ("(bias)", f"{found.bias:+.4f}")]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)
