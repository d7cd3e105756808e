"""Real posts with the labels of real-labels.csv, for training and measuring. Their texts are in a folder of one's own.

The folder has `near.csv` (id, text, source), posts with a word of traffic, `background.csv` (text, source), others of
the same collections, and `labelled.csv` (text, label, source). Nobody labelled the background one by one, so all of it
counts as non_traffic; docs/model.md says what was looked at.
"""

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from real_labels import HELD_OUT, NON_TRAFFIC, UNDECIDED, read_labels, same_text

from tweetream.classifier.dataset import LabelledPost
from tweetream.classifier.training import clean


class RealPost(NamedTuple):
    """A cleaned real post with its label, and the collection it comes from."""

    post: LabelledPost
    source: str
    held_out: bool


def learnt(posts: Sequence[RealPost]) -> list[RealPost]:
    """Those to train on, and to choose a model by."""
    return [post for post in posts if not post.held_out]


def held_out(posts: Sequence[RealPost]) -> list[RealPost]:
    """Those to measure a chosen model on."""
    return [post for post in posts if post.held_out]


def read_near(folder: Path) -> list[RealPost]:
    """The posts near traffic with a label, but those that the readers cannot decide."""
    labels = {found.id: found for found in read_labels()}
    kept = [(row, labels[row["id"]]) for row in _rows(folder / "near.csv")]
    return [
        made
        for row, found in kept
        if found.label != UNDECIDED
        for made in _posts(row, found.label, found.part == HELD_OUT)
    ]


def read_kinds(folder: Path) -> list[RealPost]:
    """The posts near traffic by kind: those that are not traffic, and those of a kind that two readers name."""
    labels = {found.id: found for found in read_labels()}
    return [
        made
        for row in _rows(folder / "near.csv")
        for found in [labels[row["id"]]]
        for label in [found.label if found.label == NON_TRAFFIC else found.kind]
        if label and found.label != UNDECIDED
        for made in _posts(row, label, found.part == HELD_OUT)
    ]


def read_background(folder: Path) -> list[RealPost]:
    """The background; a fifth is held out, by a hash of the words."""
    return [made for row in _rows(folder / "background.csv") for made in _posts(row, NON_TRAFFIC, None)]


def read_other(folder: Path) -> list[RealPost]:
    """Posts that one other reader labelled, and relayed reports; they are for measuring alone."""
    return [made for row in _rows(folder / "labelled.csv") for made in _posts(row, row["label"], True)]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _posts(row: dict[str, str], label: str, held_out: bool | None) -> list[RealPost]:
    """The post of a row, or none if it has no words. Posts with the same words are a family: one side of each split."""
    words = same_text(row["text"])
    if held_out is None:
        held_out = int.from_bytes(hashlib.sha256(words.encode()).digest()[:4]) % 5 == 0
    return [
        RealPost(post, row["source"], held_out) for post in clean([LabelledPost(row["text"], label, f"real {words}")])
    ]
