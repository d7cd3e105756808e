"""The model card: what a model is for, what it was made of, how well it does, and where it does not."""

import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sklearn

from tweetream import __version__
from tweetream.classifier.dataset import Post, files
from tweetream.classifier.evaluation import Result

# Public files by their SHA-256, so that the card of a model made from them says where they are.
_TWEETS = "of Kurniawan et al. (2016), GitHub dwiajik/twit-macet-mining, Apache-2.0: `tweets_corpus/"
PUBLIC = {
    "afb5d6df98018422a84b4a47897f3864dff4834757f0be02c8fd47827aa38b1a": _TWEETS + "traffic_tweets_combined.txt`",
    "79da1ebeb8c34dc802b1bcc82d130368c999a49e1890b3dede2e712617ba47d9": _TWEETS + "random_tweets.txt`",
}


class Made(NamedTuple):
    """How a model came about: the arguments, the posts as read and as cleaned, the pipeline, its file's SHA-256."""

    args: Sequence[str]
    raw: Sequence[Post]
    posts: Sequence[Post]
    model: Any
    classifier: str
    digest: str
    at_most: int | None


class Test(NamedTuple):
    """How it was tested: the arguments that name the files, none if a part was held out; how many were trained on."""

    args: Sequence[str]
    trained: int
    results: Result


def _cell(label: str) -> str:
    """A label in a table."""
    return f"`{label}`".replace("|", "\\|")


def text(made: Made, test: Test) -> str:
    """The card in Markdown."""
    results = test.results
    names = [str(name) for name in made.model.classes_]
    labels_of: dict[str, set[str]] = {}
    for post in made.posts:
        labels_of.setdefault(post.text, set()).add(post.label)
    counts = [
        f"| {_cell(name)} | {sum(post.label == name for post in made.raw)} |"
        f" {sum(name in labels for labels in labels_of.values())} |"
        for name in names
    ]
    tested = [name for name, *_ in results.labels]
    return _CARD.format(
        classifier=made.classifier,
        labels=", ".join(f"`{name}`" for name in names),
        size=len(made.model[0].get_feature_names_out()),
        digest=made.digest,
        version=__version__,
        sklearn=sklearn.__version__,
        command=_command(made, test),
        sources="\n".join(_origin(label, path) for label, path in files(made.args)),
        sampled="" if made.at_most is None else f" Of each text file, {made.at_most} posts at random (seed fixed).",
        counts="\n".join(counts),
        blank=len(made.raw) - len(made.posts),
        both=sum(len(labels) > 1 for labels in labels_of.values()),
        how=_how(made, test),
        tested=results.tested,
        accuracy=results.accuracy,
        calibration=results.calibration,
        scores="\n".join(f"| {_cell(n)} | {s} | {p:.4f} | {r:.4f} | {f:.4f} |" for n, p, r, f, s in results.labels),
        given=" | ".join(f"given {_cell(name)}" for name in tested),
        rule=" --: |" * len(tested),
        confusion="\n".join(
            f"| {_cell(name)} | " + " | ".join(map(str, row)) + " |"
            for name, row in zip(tested, results.confusion, strict=True)
        ),
    )


def _command(made: Made, test: Test) -> str:
    """The command that makes the same file; files by their names alone, since paths are another machine's."""
    words = ["tweetream", "train"]
    words += [f"{label}={path.name}" if label else path.name for label, path in files(made.args)]
    if test.args:
        words += [f"--test={label}={path.name}" if label else f"--test={path.name}" for label, path in files(test.args)]
    if made.at_most is not None:
        words.append(f"--at-most={made.at_most}")
    return shlex.join([*words, f"--classifier={made.classifier}"])


def _how(made: Made, test: Test) -> str:
    if not test.args:
        return (
            "A fifth of the posts was held out, equal texts and families always on the same side, labels in the same\n"
            f"proportion (seed fixed). Trained on {test.trained} posts. The model in the file was then trained on all."
        )
    tests = "\n".join(_origin(label, path) for label, path in files(test.args))
    return f"The model in the file, on posts that it was not trained on:\n\n{tests}"


def _origin(label: str | None, path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = f", {PUBLIC[digest]}" if digest in PUBLIC else ""
    return f"- {f'`{label}`: ' if label else ''}`{path.name}`{known} (SHA-256 `{digest}`)"


TITLE = "# Model card\n"
_CARD = (
    f"{TITLE}\n"
    + """Written by `tweetream train` of Tweetream {version}; every number is computed.

**What it is.** A `{classifier}` classifier over {size} features of a post's words, with calibrated scores (Platt's
sigmoid, five folds). It says one of {labels}, and the probability of that. Made with scikit-learn {sklearn}.
SHA-256 of the file: `{digest}`.

**Intended use.** To sort public posts in a live feed, to be read by people. Not for decisions about a person, nor for
anything where a wrong label does harm: nobody checks a label before it is shown.

## Data

{sources}

    {command}

| label | posts | different once cleaned |
| --- | --: | --: |
{counts}

Left out, having no words once cleaned: {blank}. Texts that occur with more than one label: {both}.{sampled}
The posts themselves are not part of the model.

## Test

{how}

Tested on {tested} posts: accuracy {accuracy:.4f}; calibration error {calibration:.4f}, the mean distance of score and
share of right answers in ten bins of equal mass.

| label | tested | precision | recall | F1 |
| --- | --: | --: | --: | --: |
{scores}

| true label | {given} |
| --- |{rule}
{confusion}

## Limits

- The test says how the model does on posts like those it was made of. On others, written in other words, places,
  languages or years, it does worse, and nothing here tells how much.
- It sees words and their neighbours, no sentences: irony, and what is only implied, escape it.
- A post whose words it has never seen gets the label that fits an empty post; its score means nothing then.
- A score is calibrated for the mix of labels above. Where one label is much rarer, scores for it are too high.
"""
)
