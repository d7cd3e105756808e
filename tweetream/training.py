"""Train a model from labelled posts, test it on a part it has not seen, and write it with its model card.

The steps: read rows; clean; hold out a fifth, equal texts always on the same side; train and test; train again on
everything; write the model and, beside it, its card. Seeds are fixed and the file is put in one canonical form, so the
same input gives the same bytes with the same versions of the libraries. All rows are held in memory.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import skops.io
from nltk.metrics import ConfusionMatrix
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import precision_recall_fscore_support
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from tweetream.classifier import CLASSIFIER, TOKEN, WORDS, Classifier
from tweetream.text import Cleaner, normalise

SEED = 2016
FEWEST = 20  # different posts a label; with fewer, neither the test nor the calibration means anything
CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "svm": lambda: LinearSVC(random_state=SEED),
    "naive-bayes": BernoulliNB,
    "decision-tree": lambda: DecisionTreeClassifier(random_state=SEED),
}
# Public files by their SHA-256, so that the card of a model made from them says where they are.
_TWEETS = "of Kurniawan et al. (2016), GitHub dwiajik/twit-macet-mining, Apache-2.0: `tweets_corpus/"
PUBLIC = {
    "afb5d6df98018422a84b4a47897f3864dff4834757f0be02c8fd47827aa38b1a": _TWEETS + "traffic_tweets_combined.txt`",
    "79da1ebeb8c34dc802b1bcc82d130368c999a49e1890b3dede2e712617ba47d9": _TWEETS + "random_tweets.txt`",
}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold
Row = tuple[str, str]


class TrainingError(ValueError):
    """What was given cannot be trained with; the message is one line that says why."""


def read_rows(args: Sequence[str]) -> list[Row]:
    """The (text, label) rows of `LABEL=FILE` (a post a line, ending at LF) and of CSV files with text and label.

    Blank lines are left out. Raises TrainingError.
    """
    rows: list[Row] = []
    for label, path in _files(args):
        try:
            with path.open(encoding="utf-8-sig", errors="replace", newline="" if label is None else "\n") as file:
                found = _csv_rows(path, file) if label is None else ((line.rstrip("\r\n"), label) for line in file)
                rows.extend((text, of) for text, of in found if text.strip())
        except OSError as error:
            raise TrainingError(f"{path} cannot be read: {error.strerror or error}") from None
    return rows


def _files(args: Sequence[str]) -> Iterator[tuple[str | None, Path]]:
    if not args:
        raise TrainingError("nothing to train with: give LABEL=FILE for each label, or a CSV file with text and label")
    for arg in args:
        label, equals, name = arg.partition("=")
        if not equals:
            yield None, Path(arg)
        elif label and name:
            yield label, Path(name)
        else:
            raise TrainingError(f"{arg!r} is not LABEL=FILE")


def _csv_rows(path: Path, file: Iterable[str]) -> Iterator[Row]:
    reader = csv.DictReader(file)
    try:
        if not {"text", "label"} <= set(reader.fieldnames or ()):
            raise TrainingError(f"{path} has no columns text and label: for a post a line, write LABEL={path}")
        for row in reader:
            if not row["label"] or not row["label"].strip():
                raise TrainingError(f"{path}, line {reader.line_num}: no label")
            yield row["text"], row["label"].strip()
    except csv.Error as error:
        raise TrainingError(f"{path}, line {reader.line_num}: {error}") from None


def train(rows: Iterable[Row], classifier: str = "svm") -> Pipeline:
    """A pipeline trained on (text, label) rows; the texts are posts as they were written. Raises TrainingError."""
    return _fit(_clean(rows), classifier)


def _clean(rows: Iterable[Row]) -> list[Row]:
    """Rows as the classifier sees them, without those that have no words left."""
    clean = Cleaner().clean
    return [(text, label) for raw, label in rows if (text := clean(normalise(raw)))]


def _fit(cleaned: Sequence[Row], classifier: str) -> Pipeline:
    if classifier not in CLASSIFIERS:
        raise TrainingError(f"no classifier {classifier!r}; there are {', '.join(CLASSIFIERS)}")
    labels = sorted({label for _, label in cleaned})
    if len(labels) < 2:
        raise TrainingError(f"two labels or more are needed, these posts have {len(labels)}")
    for label in labels:
        if (number := len({text for text, of in cleaned if of == label})) < FEWEST:
            raise TrainingError(f"label {label!r} has {number} different posts with words; {FEWEST} are needed")
    # Words of one post alone are names and slips; they would double the file and say little.
    words = CountVectorizer(token_pattern=TOKEN, lowercase=False, binary=True, min_df=2, dtype=np.float64)
    # One model on all posts, its calibration from posts held out five times.
    model = CalibratedClassifierCV(CLASSIFIERS[classifier](), method="sigmoid", cv=5, ensemble=False)
    pipeline = Pipeline([(WORDS, words), (CLASSIFIER, model)])
    try:
        pipeline.fit([text for text, _ in cleaned], np.array([label for _, label in cleaned]))
    except ValueError as error:  # no word occurs twice
        raise TrainingError(f"cannot train with these posts: {str(error).splitlines()[0]}") from None
    # skops writes a file for each number of NumPy's, and there is one a word.
    words.vocabulary_ = {word: int(column) for word, column in sorted(words.vocabulary_.items())}
    vars(words).pop("_stop_words_id", None)  # an address in memory, another one in every run
    return pipeline


def save(model: Pipeline, path: Path) -> None:
    """Write `model` as a skops file in canonical form: objects counted from 1, no times. Raises TrainingError."""
    source = zipfile.ZipFile(io.BytesIO(skops.io.dumps(model)))
    ids: dict[int, int] = {}
    names: dict[str, str] = {}

    def canonical(node: Any) -> Any:
        """skops names objects, and the arrays' files, by their address in memory: another one in every run."""
        if isinstance(node, list):
            return [canonical(value) for value in node]
        if not isinstance(node, dict):
            return node
        node = {key: canonical(value) for key, value in node.items()}
        if isinstance(node.get("__id__"), int):
            node["__id__"] = ids.setdefault(node["__id__"], len(ids) + 1)
        if node.get("type") == "numpy" and isinstance(node.get("file"), str):
            node["file"] = names.setdefault(node["file"], f"{len(names) + 1}.npy")
        return node

    schema = json.dumps(canonical(json.loads(source.read("schema.json"))), separators=(",", ":"))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        members = [("schema.json", schema.encode()), *((new, source.read(old)) for old, new in names.items())]
        for name, content in members:
            file.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED, 9)
    _write(path, target.getvalue())


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing: a worker may be reading the file that is replaced."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise TrainingError(f"{path} cannot be written: {error.strerror or error}") from None


def run(args: Sequence[str], out: Path, classifier: str = "svm") -> str:
    """Train from `args` as read_rows() takes them, write the model to `out` and its card beside it as `.md`.

    Returns a line on how the model did. Raises TrainingError.
    """
    out = Path(out)
    rows = read_rows(args)
    cleaned = _clean(rows)
    model = _fit(cleaned, classifier)
    results = evaluate(cleaned, classifier)
    save(model, out)
    card = out.with_suffix(".md")
    _write(card, model_card(args, rows, cleaned, model, classifier, results).encode())
    return f"{out}: {results['accuracy']:.2%} of {results['tested']} held-out posts right; more in {card}"


def evaluate(cleaned: Sequence[Row], classifier: str) -> dict[str, Any]:
    """Train on four fifths of the different texts and test on the others, each counted as often as it occurs."""
    first = dict(reversed(cleaned))
    texts = sorted(first)
    _, held = train_test_split(texts, test_size=0.2, random_state=SEED, stratify=[first[text] for text in texts])
    apart = set(held)
    test = [row for row in cleaned if row[0] in apart]
    tested = Classifier(_fit([row for row in cleaned if row[0] not in apart], classifier))
    given, scores = tested.predict([text for text, _ in test])
    truth = [label for _, label in test]
    right = np.array([a == b for a, b in zip(given, truth, strict=True)])
    bands = np.minimum((np.array(scores) * 10).astype(int), 9)
    gaps = [abs(right[bands == band].mean() - np.array(scores)[bands == band].mean()) for band in set(bands.tolist())]
    weights = [float((bands == band).mean()) for band in set(bands.tolist())]
    labels = list(tested.labels)
    confusion = ConfusionMatrix(truth, given)
    precision, recall, f1, support = precision_recall_fscore_support(truth, given, labels=labels, zero_division=0.0)
    return {
        "tested": len(test),
        "trained": len(cleaned) - len(test),
        "accuracy": float(right.mean()),
        "calibration": float(np.dot(gaps, weights)),
        "labels": list(zip(labels, precision, recall, f1, support, strict=True)),
        "confusion": [[confusion[a, b] for b in labels] for a in labels],
    }


def model_card(
    args: Sequence[str],
    rows: Sequence[Row],
    cleaned: Sequence[Row],
    model: Pipeline,
    classifier: str,
    results: dict[str, Any],
) -> str:
    """The model card: what the model is for, what it was made of, how well it does, and where it does not."""
    names = [label for label, *_ in results["labels"]]
    both = len({*cleaned}) - len({text for text, _ in cleaned})
    of = [label for _, label in rows]
    different = [label for _, label in set(cleaned)]
    sources = [f"- {_origin(label, path)}" for label, path in _files(args)]
    counts = [f"| `{name}` | {of.count(name)} | {different.count(name)} |" for name in names]
    scores = [f"| `{n}` | {s} | {p:.4f} | {r:.4f} | {f:.4f} |" for n, p, r, f, s in results["labels"]]
    table = [
        f"| `{n}` | " + " | ".join(map(str, row)) + " |" for n, row in zip(names, results["confusion"], strict=True)
    ]
    given = " | ".join(f"given `{name}`" for name in names)
    return _CARD.format(
        classifier=classifier,
        labels=", ".join(f"`{name}`" for name in names),
        words=len(model.named_steps[WORDS].vocabulary_),
        sources="\n".join(sources),
        counts="\n".join(counts),
        blank=len(rows) - len(cleaned),
        both=both,
        scores="\n".join(scores),
        given=given,
        rule=" --: |" * len(names),
        confusion="\n".join(table),
        sklearn=sklearn.__version__,
        **{key: results[key] for key in ("tested", "trained", "accuracy", "calibration")},
    )


def _origin(label: str | None, path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = f", {PUBLIC[digest]}" if digest in PUBLIC else ""
    return f"{f'`{label}`: ' if label else ''}`{path.name}`{known} (SHA-256 `{digest}`)"


_CARD = """# Model card

Written by `tweetream train`; every number is computed.

**What it is.** A `{classifier}` classifier over the words of a post, {words} of them, with calibrated scores (Platt's
sigmoid, five folds). It says one of {labels}, and the probability of that. Made with scikit-learn {sklearn}.

**Intended use.** To sort public posts in a live feed, to be read by people. Not for decisions about a person, nor for
anything where a wrong label does harm: nobody checks a label before it is shown.

## Data

{sources}

| label | posts | different once cleaned |
| --- | --: | --: |
{counts}

Left out, having no words once cleaned: {blank}. Texts that occur with more than one label: {both}.
The posts themselves are not part of the model; words that occur in two posts or more are.

## Test

A fifth of the different texts was held out, equal texts always on the same side, labels in the same proportion
(seed fixed). Trained on {trained} posts, tested on {tested}. The model in the file was then trained on all of them.

Accuracy {accuracy:.4f}; mean distance of score and share of right answers, in ten bands: {calibration:.4f}.

| label | tested | precision | recall | F1 |
| --- | --: | --: | --: | --: |
{scores}

| true label | {given} |
| --- |{rule}
{confusion}

## Limits

- The test says how the model does on posts like those it was made of, from the same accounts and time. On others,
  written in other words, places, languages or years, it does worse, and nothing here tells how much.
- It sees which words occur, not their order: irony, questions and negation at a distance escape it.
- A post whose words it has never seen gets the label that fits an empty post; its score means nothing then.
- A score is calibrated for the mix of labels above. Where one label is much rarer, scores for it are too high.
"""
