"""Labelled posts: sampled, balanced, and split for training and testing.

Related posts are a family, and a split keeps a family together. All posts are held in memory. Whoever trains reads the
files: `tweetream.cli.labelled_posts` does it for the commands.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from tweetream.models.feed import UNSURE

SEED = 2016


class BadData(ValueError):
    """Posts that cannot be read, or are not enough for training; the message is one line with the reason."""


class LabelledPost(NamedTuple):
    """A labelled post. Posts of one `family` are related and belong on the same side of a split; "" is none."""

    text: str
    label: str
    family: str = ""


def sample(posts: Sequence[LabelledPost], at_most: int) -> list[LabelledPost]:
    """`at_most` of `posts`, chosen at random with a fixed seed, in their order."""
    if len(posts) <= at_most:
        return list(posts)
    chosen = np.random.default_rng(SEED).choice(len(posts), at_most, replace=False)
    return [posts[place] for place in sorted(chosen.tolist())]


def files(args: Sequence[str]) -> Iterator[tuple[str | None, Path]]:
    """The label, None for CSV, and the path of each argument. Raises BadData."""
    if not args:
        raise BadData("no posts: give LABEL=FILE for each label, or a CSV file with text and label")
    for arg in args:
        label, equals, name = arg.partition("=")
        if not equals:
            yield None, Path(arg)
        elif label == UNSURE:
            raise BadData(f"{arg!r}: no label is {UNSURE!r}, since posts without a label have this name")
        elif label and label.isprintable() and name:
            yield label, Path(name)
        else:
            raise BadData(f"{arg!r} is not LABEL=FILE")


def balance(posts: Sequence[LabelledPost]) -> list[LabelledPost]:
    """As many posts of each label as the rarest has, chosen at random with a fixed seed, in their order."""
    labels = np.array([post.label for post in posts])
    names, counts = np.unique(labels, return_counts=True)
    choice = np.random.default_rng(SEED)
    kept = [choice.choice(np.flatnonzero(labels == name), counts.min(), replace=False) for name in names]
    return [posts[place] for place in sorted(np.concatenate(kept).tolist())]


def folds(posts: Sequence[LabelledPost], number: int) -> list[tuple[list[int], list[int]]]:
    """The places of training and test posts, `number` times: labels in equal proportion, seed fixed. Raises BadData.

    Equal texts and posts of a family are always on one side: on both sides, they would make the figures too good.
    """
    label_of: dict[tuple[str, str], str] = {}
    for post in posts:
        label_of.setdefault(_group(post), post.label)
    groups = {group: place for place, group in enumerate(label_of)}
    of_post = np.array([groups[_group(post)] for post in posts])
    labels = list(label_of.values())
    if not 2 <= number <= len(groups):
        raise BadData(
            f"the number of folds is 2 to {len(groups)} (the number of different texts or families), not {number}"
        )
    # A family counts for the label of its first post, so a label may have too few families for stratified folds.
    kind = StratifiedKFold if min(Counter(labels).values()) >= number else KFold
    parts = kind(number, shuffle=True, random_state=SEED).split(labels, labels)
    inside = (np.isin(of_post, test) for _, test in parts)
    return [(np.flatnonzero(~test).tolist(), np.flatnonzero(test).tolist()) for test in inside]


def _group(post: LabelledPost) -> tuple[str, str]:
    return ("family", post.family) if post.family else ("text", post.text)
