"""Reads labelled posts from files, for training and measuring.

A file holds posts of one label, given as LABEL=FILE, or has a label for each post, in a column or a field. It may have
a column `family` for related posts. Rows without a label are left out and counted by reason.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import msgspec

from tweetream.classifier.dataset import BadData, LabelledPost, files, sample
from tweetream.models.drop import Drop
from tweetream.models.feed import UNSURE
from tweetream.models.post import Post
from tweetream.sources.base import MAX_TEXT, SourceError
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.replay.choices import Choices
from tweetream.sources.replay.reader import FileReader, Raw

log = logging.getLogger(__name__)


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


def _posts(
    reader: FileReader, label: str | None, choices: Choices, tell: Callable[[str], object]
) -> Iterator[LabelledPost]:
    left_out: Counter[str] = Counter()
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
                own = label or fields.label(raw)
                if fault := _fault_of(own):
                    left_out[fault] += 1
                else:
                    yield LabelledPost(found.text, own, fields.family(raw))
            elif isinstance(found, Drop) and found is not Drop.BLANK:
                if label is None and fields.are_of_table:
                    raise BadData(f"{reader.path}, line {number}: {_FAULTS.get(found, found)}")
                left_out[found] += 1
    if left_out:
        counts = ", ".join(f"{number:,} {reason}" for reason, number in sorted(left_out.items()))
        tell(f"{reader.path}: left out {counts}")


def _fault_of(label: str) -> str:
    """Why a post with this label is left out, "" if it is not."""
    if not label:
        return "without a label"
    if label == UNSURE:  # in a file of ours, these posts have no label
        return f"with the label {UNSURE}"
    return "" if label.isprintable() else "with a line break in the label"


_FAULTS = {
    Drop.MALFORMED: "not as many cells as columns, or wrong quotes",
    Drop.TOO_LONG: f"field larger than {MAX_TEXT // 1024} KiB",
}


class _Fields:
    """The fields of a record beside its post: those of a row, or of a JSON object."""

    def __init__(self, reader: FileReader, choices: Choices) -> None:
        names = reader.layout.names
        self.are_of_table = bool(names)
        column = reader.layout.columns.get("label")
        self._label: int | str = names.index(column) if column in names else choices.columns.get("label", "label")
        self._family: int | str = names.index("family") if "family" in names else "family"

    def label(self, raw: Raw) -> str:
        """The label of a record, "" if it has none."""
        return _field(raw, self._label)

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
