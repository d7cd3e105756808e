"""The model card: the purpose of a model, its data, its results and its limits."""

import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import sklearn

from tweetream import __version__
from tweetream.classifier.dataset import LabelledPost, files
from tweetream.classifier.evaluation import Result
from tweetream.classifier.parameters import Parameters

# Public files by their SHA-256: the card of a model that is made from them says where they are.
_TWEETS = "of Kurniawan et al. (2016), GitHub dwiajik/twit-macet-mining, Apache-2.0: `tweets_corpus/"
PUBLIC = {
    "afb5d6df98018422a84b4a47897f3864dff4834757f0be02c8fd47827aa38b1a": _TWEETS + "traffic_tweets_combined.txt`",
    "79da1ebeb8c34dc802b1bcc82d130368c999a49e1890b3dede2e712617ba47d9": _TWEETS + "random_tweets.txt`",
}


class Made(NamedTuple):
    """How a model was made: the arguments, the posts as read and as cleaned, the model, its file's SHA-256."""

    args: Sequence[str]
    raw: Sequence[LabelledPost]
    posts: Sequence[LabelledPost]
    model: Parameters
    classifier: str
    digest: str
    at_most: int | None
    command: str = ""  # that made it, if not `tweetream train`


class Test(NamedTuple):
    """How a model was tested: the arguments that name the files (none if a part was held out), and the results."""

    args: Sequence[str]
    trained: int  # posts on which the tested model was trained
    results: Result


def _cell(label: str) -> str:
    """A label as a cell of a table."""
    return f"`{label}`".replace("|", "\\|")


def text(made: Made, test: Test) -> str:
    """The card in Markdown."""
    results = test.results
    names = made.model.labels
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
        size=made.model.decision.size,
        digest=made.digest,
        version=__version__,
        sklearn=sklearn.__version__,
        program="make model" if made.command else "tweetream train",
        command=made.command or _command(made, test),
        sources="\n".join(_origin(label, path) for label, path in files(made.args)),
        sampled=""
        if made.at_most is None
        else f" Of each text file, {made.at_most} posts were chosen at random (seed fixed).",
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
    """The command that makes the same file, with the names of files alone: their folders are those of one machine."""
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
            "A fifth of the posts was held out (seed fixed). Equal texts and families are always on the same side.\n"
            "Labels are in the same proportion on both sides.\n"
            f"Trained on {test.trained} posts. The model in the file was then trained on all posts."
        )
    tests = "\n".join(_origin(label, path) for label, path in files(test.args))
    return f"The model in the file was tested on posts that it was not trained on:\n\n{tests}"


def _origin(label: str | None, path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = f", {PUBLIC[digest]}" if digest in PUBLIC else ""
    return f"- {f'`{label}`: ' if label else ''}`{path.name}`{known} (SHA-256 `{digest}`)"


TITLE = "# Model card\n"
_CARD = (
    f"{TITLE}\n"
    + """`{program}` of Tweetream {version} wrote this card and computed every number in it.

**What it is.** A classifier (`{classifier}`) over {size} features of a post's words, with calibrated scores (Platt's
sigmoid, five folds). It gives a post one of the labels {labels}, and the probability of that label.
Made with scikit-learn {sklearn}. SHA-256 of the file: `{digest}`.

**Intended use.** To sort public posts in a live feed that people read. Do not use it for decisions about a person, nor
where a wrong label does harm: nobody checks a label before it is shown.

## Data

{sources}

    {command}

| label | posts | different after cleaning |
| --- | --: | --: |
{counts}

Posts left out because cleaning leaves no words: {blank}. Texts that occur with more than one label: {both}.{sampled}
The posts themselves are not part of the model.

## Test

{how}

Tested on {tested} posts: accuracy {accuracy:.4f}; calibration error {calibration:.4f}. The calibration error is
the mean distance between the score and the proportion of right answers, over ten bins with as many posts in each.

| label | tested | precision | recall | F1 |
| --- | --: | --: | --: | --: |
{scores}

| true label | {given} |
| --- |{rule}
{confusion}

## Limits

- The test shows how the model does on posts like those of its training. It does worse on posts with other words,
  places, languages or years, and this test cannot show how much worse.
- The model sees words and their neighbours, not sentences. It misses irony and what a post only implies.
- A post with only unknown words gets no label and no score.
- Scores are calibrated for posts like those of the training. Where a label is much rarer, its scores are too high.
"""
)
