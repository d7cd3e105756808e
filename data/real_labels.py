"""Labels of real posts, without their texts: makes real-labels.csv from what the readers wrote, and reads it.

    python data/real_labels.py READERS REAL

READERS has the answers of three readers, a line `id code` a post, in the files `A*.txt`, `B*.txt` and `C*.txt`. The
third reader answers where the first two differ in the label, and may where they differ in the kind. REAL has `near.csv`
with the texts, which serve the split alone: texts that are equal but for their digits are in one part. The same answers
and texts give the same bytes.
"""

import csv
import hashlib
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from nltk.metrics.agreement import AnnotationTask

from tweetream.text import Cleaner, normalise

HERE = Path(__file__).parent
NAME = "real-labels.csv"
TRAFFIC, NON_TRAFFIC, UNDECIDED = "traffic", "non_traffic", "?"
TRAIN, HELD_OUT = "train", "held_out"
SHARE = 0.2  # of each source's posts, held out
KINDS = ("jam", "clear", "accident", "flood", "closure", "other")
_CODES = {"n": NON_TRAFFIC, "?": UNDECIDED, **dict(zip(("tj", "tc", "ta", "tf", "tx", "to"), KINDS, strict=True))}


class RealLabel(NamedTuple):
    """The label of a real post. `readers` has each reader's answer: a kind of traffic, `non_traffic` or `?`."""

    id: str
    label: str
    readers: tuple[str, ...]
    kind: str  # of traffic, if two readers name the same
    part: str


def label_of(answer: str) -> str:
    """The label that an answer stands for."""
    return TRAFFIC if answer in KINDS else answer


def is_open(answers: tuple[str, ...]) -> bool:
    """Whether two readers differ in the label."""
    return len({*map(label_of, answers)}) > 1


def decided(answers: tuple[str, ...]) -> tuple[str, str]:
    """The label and the kind, "" if it is open, of the answers of two readers, or of three if these differ."""
    label = label_of(answers[-1])
    kinds = [answer for answer in answers if answer in KINDS]
    same = {kind for kind in kinds if kinds.count(kind) > 1}
    return label, same.pop() if label == TRAFFIC and same else ""


def read_labels(folder: Path = HERE) -> list[RealLabel]:
    """The labels of real posts, by id."""
    with (folder / NAME).open(encoding="utf-8", newline="") as file:
        return [
            RealLabel(row["id"], row["label"], tuple(row["readers"].split()), row["kind"], row["part"])
            for row in csv.DictReader(file)
        ]


def agreement(labels: Iterable[RealLabel]) -> tuple[float, float]:
    """The agreement and Cohen's kappa of the first two readers, over `traffic`, `non_traffic` and `?`."""
    answers = [(str(reader), found.id, label_of(found.readers[reader])) for found in labels for reader in (0, 1)]
    task = AnnotationTask(data=answers)
    return float(task.avg_Ao()), float(task.kappa())


def same_text(text: str) -> str:
    """What near-duplicates of a text have in common: its cleaned words, and no digit."""
    return re.sub(r"\d+", "0", Cleaner().clean(normalise(text)))


def main(arguments: list[str]) -> None:
    if len(arguments) != 2:
        raise SystemExit("give the folder of the readers' answers and the folder of near.csv")
    answers = [_answers(Path(arguments[0]), reader) for reader in "ABC"]
    with (Path(arguments[1]) / "near.csv").open(encoding="utf-8", newline="") as file:
        posts = list(csv.DictReader(file))
    held_out = _held_out(posts)
    with (HERE / NAME).open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(RealLabel._fields)
        for post in posts:
            own = tuple(found[post["id"]] for found in answers if post["id"] in found)
            out.writerow(
                (
                    post["id"],
                    decided(own)[0],
                    " ".join(own),
                    decided(own)[1],
                    HELD_OUT if post["id"] in held_out else TRAIN,
                )
            )


def _answers(folder: Path, reader: str) -> dict[str, str]:
    lines = (line.split() for path in sorted(folder.glob(f"{reader}*.txt")) for line in path.read_text().splitlines())
    return {post: _CODES[code] for post, code in filter(None, lines)}


def _held_out(posts: list[dict[str, str]]) -> set[str]:
    """The ids of SHARE of each source's posts, chosen by a hash of the first id of each text."""
    groups: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for post in posts:
        groups[post["source"]][same_text(post["text"])].append(post["id"])
    chosen: set[str] = set()
    for of_source in groups.values():
        wanted = SHARE * sum(map(len, of_source.values()))
        taken: list[str] = []
        for ids in sorted(of_source.values(), key=lambda ids: hashlib.sha256(ids[0].encode()).digest()):
            if len(taken) < wanted:
                taken += ids
        chosen.update(taken)
    return chosen


if __name__ == "__main__":
    main(sys.argv[1:])
