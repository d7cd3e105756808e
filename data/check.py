"""Checks the data set of labelled posts against README.md beside it; prints tables, and ends with status 1 on a breach.

    python data/check.py

The parts are split by family. No test post shares more than half of its five-letter pieces with one training post.
Properties that have nothing to do with roads (length, questions, emoji, place names) are alike for both labels. The
second labels come from readers who saw only the texts of the tests. The labels of real posts come without texts:
each follows from its readers' answers, and the readers agree.
"""

import csv
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nltk.metrics.agreement import AnnotationTask
from nltk.tokenize import TweetTokenizer
from real_labels import (
    HELD_OUT,
    KINDS,
    NON_TRAFFIC,
    TRAFFIC,
    TRAIN,
    UNDECIDED,
    agreement,
    decided,
    is_open,
    read_labels,
)

from tweetream.classifier.dataset import LabelledPost
from tweetream.classifier.features import shipped_kinds
from tweetream.cli.labelled_posts import read
from tweetream.sources.replay.choices import Choices
from tweetream.text import normalise

HERE = Path(__file__).parent
PARTS = ("train", "test")
OTHERS = ("hard", "world", "hard-test")
LABELS = ("traffic", "non_traffic")
FEWEST_POSTS, FEWEST_FAMILIES, FEWEST_TESTED, LARGEST_FAMILY = 3_000, 600, 600, 5
GRAM, SHARED = 5, 0.5
FEWEST_REAL, LEAST_KAPPA = 4_000, 0.85
BY_KIND = Choices(columns={"label": "kind"})
EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")


def main() -> None:
    parts = {part: read([str(HERE / f"posts-{part}.csv")]) for part in PARTS}
    everything = [*parts["train"], *parts["test"]]
    hard, world, hard_test = (read([str(HERE / f"posts-{name}.csv")]) for name in OTHERS)
    files = [str(HERE / f"posts-{name}.csv") for name in (*PARTS, *OTHERS)]
    by_kind = read(files, choices=BY_KIND, tell=lambda line: None)
    breaches = [*_sizes(parts), *_kinds([*everything, *hard, *world, *hard_test], by_kind), *_likeness(everything)]
    breaches += _overlap([*parts["train"], *hard, *world], [*parts["test"], *hard_test])
    breaches += _others(dict(zip(OTHERS, (hard, world, hard_test), strict=True)), everything)
    _agreement("test", parts["test"])
    _agreement("hard test", hard_test)
    breaches += [*_real(), *_later_reading()]
    for breach in breaches:
        print(f"data/check.py: {breach}", file=sys.stderr)
    raise SystemExit(bool(breaches))


def _sizes(parts: dict[str, list[LabelledPost]]) -> list[str]:
    """Print the counts; returns the breaches."""
    everything = [post for part in PARTS for post in parts[part]]
    print(f"{'part':<6} {'posts':>6} {'families':>9} " + " ".join(f"{label:>12}" for label in LABELS))
    for part in PARTS:
        labels = Counter(post.label for post in parts[part])
        families = {post.family for post in parts[part]}
        counts = " ".join(f"{labels[label]:>12}" for label in LABELS)
        print(f"{part:<6} {len(parts[part]):>6} {len(families):>9} {counts}")
    sizes = Counter(post.family for post in everything)
    both = {post.family for post in parts["train"]} & {post.family for post in parts["test"]}
    twice = [text for text, times in Counter(normalise(post.text) for post in everything).items() if times > 1]
    checks = [
        (len(everything) >= FEWEST_POSTS, f"{len(everything)} posts, {FEWEST_POSTS} are required"),
        (len(sizes) >= FEWEST_FAMILIES, f"{len(sizes)} families, {FEWEST_FAMILIES} are required"),
        (len(parts["test"]) >= FEWEST_TESTED, f"{len(parts['test'])} test posts, {FEWEST_TESTED} are required"),
        (max(sizes.values()) <= LARGEST_FAMILY, f"families of more than {LARGEST_FAMILY}: {sizes.most_common(3)}"),
        ("" not in sizes, "posts without a family"),
        ({post.label for post in everything} == {*LABELS}, "other labels than " + ", ".join(LABELS)),
        (not both, f"families in both parts: {sorted(both)[:3]}"),
        (not twice, f"the same text twice: {twice[:3]}"),
    ]
    return [breach for good, breach in checks if not good]


def _kinds(posts: Sequence[LabelledPost], by_kind: Sequence[LabelledPost]) -> list[str]:
    """Print the counts of our own posts by kind; returns a breach if one has a kind that is not of its label."""
    label_of = {post.text: post.label for post in posts}
    kinds = [(label_of[post.text], post.label) for post in by_kind]
    print("own kinds: " + ", ".join(f"{kinds.count((TRAFFIC, kind))} {kind}" for kind in KINDS))
    odd = [kind for label, kind in kinds if kind not in (KINDS if label == TRAFFIC else (NON_TRAFFIC,))]
    return [f"posts of a kind that is not of their label: {odd[:3]}"] if odd else []


def _likeness(posts: Sequence[LabelledPost]) -> list[str]:
    """Print for each label the properties that a classifier could use as a shortcut; returns the breaches."""
    words = TweetTokenizer().tokenize
    places = {
        word
        for line in shipped_kinds().splitlines()
        if line.startswith(("place:", "roadname:"))
        for word in line.split()[1:]
    }
    measures: list[tuple[str, Callable[[str], float], float]] = [
        ("characters", len, 4),
        ("words", lambda text: len(words(text)), 1),
        ("question", lambda text: "?" in text, 0.03),
        ("emoji", lambda text: bool(EMOJI.search(text)), 0.03),
        ("place name", lambda text: not places.isdisjoint(normalise(text).split()), 0.08),
        ("hashtag", lambda text: "#" in text, 0.03),
        ("mention", lambda text: "@" in text, 0.03),
    ]
    print(f"\n{'mean of':<12} " + " ".join(f"{label:>12}" for label in LABELS))
    breaches = []
    for name, measure, most in measures:
        means = []
        for label in LABELS:
            values = [measure(post.text) for post in posts if post.label == label]
            means.append(sum(values) / max(len(values), 1))
        print(f"{name:<12} " + " ".join(f"{mean:>12.3f}" for mean in means))
        if abs(means[0] - means[1]) > most:
            breaches.append(
                f"the labels differ in {name}: {means[0]:.3f} and {means[1]:.3f}, {most} at most is allowed"
            )
    return breaches


def _overlap(training: Sequence[LabelledPost], testing: Sequence[LabelledPost]) -> list[str]:
    """Print the greatest overlap; returns a breach for each test post that shares too much with one training post."""
    having: dict[str, list[int]] = {}
    for place, post in enumerate(training):
        for gram in _grams(post.text):
            having.setdefault(gram, []).append(place)
    breaches, highest = [], 0.0
    for post in testing:
        grams = _grams(post.text)
        shared = Counter(place for gram in grams for place in having.get(gram, ()))
        place, most = shared.most_common(1)[0] if shared else (0, 0)
        share = most / max(len(grams), 1)
        highest = max(highest, share)
        if share > SHARED:
            breaches.append(f"{share:.0%} of {post.family} {post.text!r} is in {training[place].text!r}")
    print(f"\nmost of a test post's character {GRAM}-grams in one training post: {highest:.2f}")
    return breaches


def _grams(text: str) -> set[str]:
    folded = normalise(text)
    return {folded[place : place + GRAM] for place in range(max(len(folded) - GRAM + 1, 1))}


def _others(files: Mapping[str, Sequence[LabelledPost]], families: Sequence[LabelledPost]) -> list[str]:
    """Print the counts of the other posts; returns a breach for other labels and for a text that occurs twice."""
    print()
    for name, posts in files.items():
        labels = Counter(post.label for post in posts)
        print(f"{name:<10} " + ", ".join(f"{labels[label]} {label}" for label in LABELS))
    everything = [*families, *(post for posts in files.values() for post in posts)]
    twice = [text for text, times in Counter(normalise(post.text) for post in everything).items() if times > 1]
    checks = [
        ({post.label for post in everything} == {*LABELS}, "other labels than " + ", ".join(LABELS)),
        (not twice, f"the same text twice: {twice[:3]}"),
    ]
    return [breach for good, breach in checks if not good]


def _agreement(name: str, testing: Sequence[LabelledPost]) -> None:
    """Print the agreement and Cohen's kappa of the writer's labels and a reader's."""
    with (HERE / "second-labels.csv").open(encoding="utf-8", newline="") as file:
        second = {row["text"]: row["label"] for row in csv.DictReader(file)}
    found = [post for post in testing if post.text in second]
    labels = [("first", post.text, post.label) for post in found]
    labels += [("second", post.text, second[post.text]) for post in found]
    task = AnnotationTask(data=labels)
    print(f"two readers of {len(found)} {name} posts: agreement {task.avg_Ao():.3f}, kappa {task.kappa():.3f}")


def _real() -> list[str]:
    """Print the counts of the labels of real posts and how well their readers agree; returns the breaches."""
    posts = read_labels(HERE)
    print(f"\n{'real posts':<10} " + " ".join(f"{label:>12}" for label in (*LABELS, UNDECIDED)))
    for part in (TRAIN, HELD_OUT):
        labels = Counter(post.label for post in posts if post.part == part)
        print(f"{part:<10} " + " ".join(f"{labels[label]:>12}" for label in (*LABELS, UNDECIDED)))
    kinds = Counter(post.kind for post in posts if post.kind)
    print("kinds: " + ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS))
    observed, kappa = agreement(posts)
    third = sum(len(post.readers) > 2 for post in posts)
    print(f"two readers of {len(posts)} posts: agreement {observed:.3f}, kappa {kappa:.3f}; a third decided {third}")
    known = {*KINDS, NON_TRAFFIC, UNDECIDED}
    wrong = [
        post.id
        for post in posts
        if not re.fullmatch(r"n\d{5}", post.id)
        or not known.issuperset(post.readers)
        or (post.label, post.kind) != decided(post.readers)
        or len(post.readers) not in ((3,) if is_open(post.readers[:2]) else (2, 3))
        or post.part not in (TRAIN, HELD_OUT)
    ]
    counted = [post for post in posts if post.label in (TRAFFIC, NON_TRAFFIC)]
    checks = [
        (len(counted) >= FEWEST_REAL, f"{len(counted)} real posts with a label, {FEWEST_REAL} are required"),
        (len({post.id for post in posts}) == len(posts), "a real post has two rows"),
        (kappa >= LEAST_KAPPA, f"the readers' kappa is {kappa:.3f}, {LEAST_KAPPA} is required"),
        (not wrong, f"labels of real posts that do not follow from their readers' answers: {wrong[:3]}"),
    ]
    return [breach for good, breach in checks if not good]


def _later_reading() -> list[str]:
    """Print how a later reading of the posts of Manila compares with their labels; returns the breaches."""
    labels = {post.id: post for post in read_labels(HERE)}
    with (HERE / "later-reading.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["id"], row["label"]) for row in csv.DictReader(file)]
    readings = (*LABELS, UNDECIDED)
    unknown = [post for post, reading in rows if post not in labels or reading not in readings]
    found = Counter((labels[post].part, labels[post].label, reading) for post, reading in rows if post in labels)
    print(f"\n{'later reading':<21} " + " ".join(f"{reading:>12}" for reading in readings))
    for part in (TRAIN, HELD_OUT):
        for label in LABELS:
            counts = " ".join(f"{found[part, label, reading]:>12}" for reading in readings)
            print(f"{part + ' ' + label:<21} {counts}")
    return [f"later-reading.csv has posts or labels that are unknown: {unknown[:3]}"] if unknown else []


if __name__ == "__main__":
    main()
