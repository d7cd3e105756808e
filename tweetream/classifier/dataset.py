"""Labelled posts: read from files, sampled, and split for training and testing.

A file holds posts of one label, given as LABEL=FILE, or has a label for each post, in a column or a field. It may have
a column `family` for related posts: a split keeps a family together. All posts are held in memory.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import MAX_TEXT, SourceError
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.replay.choices import Choices
from tweetream.sources.replay.reader import FileReader, Raw

log = logging.getLogger(__name__)
SEED = 2016


class BadData(ValueError):
    """Posts that cannot be read, or are not enough for training; the message is one line with the reason."""


class LabelledPost(NamedTuple):
    """A labelled post. Posts of one `family` are related and belong on the same side of a split; "" is none."""

    text: str
    label: str
    family: str = ""


def read(
    args: Sequence[str],
    at_most: int | None = None,
    choices: Choices = Choices(),  # noqa: B008  # it cannot change
    tell: Callable[[str], object] = log.warning,
) -> list[LabelledPost]:
    """The posts of `LABEL=FILE` and of files with labels, without blank ones; of each LABEL=FILE `at_most`, at random.

    `tell` gets a line for a person about what is left out, and about how a file is understood. Raises BadData.
    """
    posts: list[LabelledPost] = []
    for label, path in files(args):
        # A file with labels is a table, whatever its name.
        own = choices if label else choices._replace(needs_label=True, fallback="csv")
        try:
            kept = list(_posts(FileReader(str(path), own, warn=tell), label, own, tell))
        except SourceError as error:
            raise BadData(str(error)) from None
        posts += kept if label is None or at_most is None else sample(kept, at_most)
    if not posts:
        raise BadData(f"there are no posts in {' '.join(args)}")
    return posts


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
        elif label and label.isprintable() and name:
            yield label, Path(name)
        else:
            raise BadData(f"{arg!r} is not LABEL=FILE")


def _posts(
    reader: FileReader, label: str | None, choices: Choices, tell: Callable[[str], object]
) -> Iterator[LabelledPost]:
    left_out: Counter[Drop] = Counter()
    with closing(reader.items(ParseContext(0))) as items:
        fields, said = None, False
        for item in items:
            if not said:
                said, fields = True, _Fields(reader, choices)
                if line := reader.said():
                    tell(line)
            if item is None or fields is None:
                continue
            number, _, found, raw = item
            if isinstance(found, Post):
                yield LabelledPost(found.text, label or fields.label(number, raw), fields.family(raw))
            elif isinstance(found, Drop) and found is not Drop.BLANK:
                if label is None and fields.are_of_table:
                    raise BadData(f"{reader.path}, line {number}: {_FAULTS.get(found, found)}")
                left_out[found] += 1
    if left_out:
        counts = ", ".join(f"{number:,} {reason}" for reason, number in sorted(left_out.items()))
        tell(f"{reader.path}: left out {counts}")


_FAULTS = {
    Drop.MALFORMED: "not as many cells as columns, or wrong quotes",
    Drop.TOO_LONG: f"field larger than {MAX_TEXT // 1024} KiB",
}


class _Fields:
    """The fields of a record beside its post: those of a row, or of a JSON object."""

    def __init__(self, reader: FileReader, choices: Choices) -> None:
        names = reader.layout.names
        self._path, self.are_of_table = reader.path, bool(names)
        column = reader.layout.columns.get("label")
        self._label: int | str = names.index(column) if column in names else choices.columns.get("label", "label")
        self._family: int | str = names.index("family") if "family" in names else "family"

    def label(self, line: int, raw: Raw) -> str:
        """The label of a record. Raises BadData."""
        label = _field(raw, self._label)
        if not label or not label.isprintable():
            fault = "the label has a line break" if label else "no label"
            raise BadData(f"{self._path}, line {line}: {fault}")
        return label

    def family(self, raw: Raw) -> str:
        """The family of a record, if it has one."""
        return _field(raw, self._family)


def _field(raw: Raw, place: int | str) -> str:
    if isinstance(raw, list):
        return raw[place].strip() if isinstance(place, int) and place < len(raw) else ""
    if isinstance(place, int) or not raw or not raw.startswith(b"{"):
        return ""
    try:
        value = msgspec.json.decode(raw).get(place)
    except (ValueError, RecursionError):
        return ""
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


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
