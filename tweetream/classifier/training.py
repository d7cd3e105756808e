"""Train a model from labelled posts, test it on posts it has not seen, and write it with its model card.

The steps: read posts; clean them; train on a part and test on the rest, or on given files; train again on all posts;
convert what scikit-learn learnt to plain parameters; write the model and, beside it, its card. Seeds are fixed and a
model file has one canonical form, so the same input gives the same bytes with the same versions of the libraries.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from tweetream.classifier import model_card
from tweetream.classifier.conversion import CLASSIFIER, FEATURES, parameters_of
from tweetream.classifier.dataset import SEED, BadData, LabelledPost, files, folds
from tweetream.classifier.evaluation import Result, result
from tweetream.classifier.features import shipped_kinds
from tweetream.classifier.model import Classifier
from tweetream.classifier.model_file import BadFormat, pack
from tweetream.classifier.parameters import BadParameters, Parameters
from tweetream.classifier.vectorizer import FeatureVectorizer
from tweetream.text import Cleaner, normalise

_WORD = r"\S+"  # of a cleaned text
FEWEST = 20  # different posts of a label; with fewer, neither the test nor the calibration means anything
SUFFIXES = (".safetensors", ".skops")  # the usual name of a model file, and its former one
PARTS = 5  # of the posts, for the test (one part) and for the calibration (each part once)


def _our_features() -> FeatureVectorizer:
    return FeatureVectorizer(min_posts=2, kinds=shipped_kinds())


def _words() -> CountVectorizer:
    # Words of a single post are names and typing errors: they would double the file and tell little.
    return CountVectorizer(token_pattern=_WORD, lowercase=False, binary=True, min_df=2, dtype=np.float64)


# The features and the estimator of each classifier; `words-svm`, `naive-bayes` and `decision-tree` are the paper's.
CLASSIFIERS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "svm": (_our_features, lambda: LinearSVC(random_state=SEED)),
    "words-svm": (_words, lambda: LinearSVC(random_state=SEED)),
    "naive-bayes": (_words, BernoulliNB),
    "decision-tree": (_words, lambda: DecisionTreeClassifier(random_state=SEED)),
}


class Read(Protocol):
    """Reads the posts of arguments as `LABEL=FILE`; at most `at_most` of each label's file. Raises BadData."""

    def __call__(self, args: Sequence[str], at_most: int | None = None) -> list[LabelledPost]: ...


def clean(posts: Sequence[LabelledPost]) -> list[LabelledPost]:
    """Cleaned posts, without those that have no words left."""
    reduce = Cleaner().clean
    return [post._replace(text=text) for post in posts if (text := reduce(normalise(post.text)))]


def train(posts: Sequence[LabelledPost], classifier: str = "svm", fewest: int = FEWEST) -> Parameters:
    """A model trained on cleaned posts. Raises BadData, as for a label with fewer than `fewest` different posts."""
    try:
        return parameters_of(fit(posts, classifier, fewest))
    except BadParameters as error:  # such as too many labels
        raise BadData(f"cannot make a model of these posts: {error}") from None


def fit(posts: Sequence[LabelledPost], classifier: str = "svm", fewest: int = FEWEST) -> Pipeline:
    """The pipeline of scikit-learn that `train` converts."""
    if classifier not in CLASSIFIERS:
        raise BadData(f"no classifier {classifier!r}; there are {', '.join(CLASSIFIERS)}")
    labels = sorted({post.label for post in posts})
    if len(labels) < 2:
        raise BadData(f"two labels or more are needed, these posts have {len(labels)}")
    for label in labels:
        if (number := len({post.text for post in posts if post.label == label})) < fewest:
            raise BadData(f"label {label!r} has {number} different posts with words; {fewest} are needed")
    features, estimator = CLASSIFIERS[classifier]
    # The model is trained on all posts, its calibration on PARTS parts that were held out in turn.
    model = CalibratedClassifierCV(estimator(), method="sigmoid", cv=folds(posts, PARTS), ensemble=False)
    pipeline = Pipeline([(FEATURES, features()), (CLASSIFIER, model)])
    try:
        with threadpool_limits(1):  # sums of several threads differ in their last digits from run to run
            pipeline.fit([post.text for post in posts], np.array([post.label for post in posts]))
    except ValueError as error:  # no word occurs twice
        raise BadData(f"cannot train with these posts: {str(error).splitlines()[0]}") from None
    return pipeline


def save(model: Parameters, path: Path) -> str:
    """Write `model` to `path`; returns the file's SHA-256. Raises BadData."""
    try:
        content = pack(model)
    except BadFormat as error:
        raise BadData(f"{path} cannot be written: {error}") from None
    _write(path, content)
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Replace the file in one step: a worker may be reading it."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise BadData(f"{path} cannot be written: {error.strerror or error}") from None


def run(
    args: Sequence[str],
    out: Path,
    classifier: str = "svm",
    test: Sequence[str] = (),
    at_most: int | None = None,
    *,
    read: Read,
) -> str:
    """Train from `args`, as `read` takes them; write the model to `out` and its card beside it as `.md`.

    `test` names files to test on; without them, a part of the posts is held out. Returns a line with the result.
    Raises BadData.
    """
    written = _card_of(out, [path for _, path in [*files(args), *(files(test) if test else ())]])
    raw = read(args, at_most)
    posts = clean(raw)
    model = train(posts, classifier)
    trained, tested = (posts, clean(read(test))) if test else _held_out(posts)
    results = check(Classifier(model if test else train(trained, classifier, FEWEST // 2)), tested)
    digest = save(model, out)
    made = model_card.Made(args, raw, posts, model, classifier, digest, at_most)
    _write(written, model_card.text(made, model_card.Test(test, len(trained), results)).encode())
    return f"{out}: {results.accuracy:.2%} of {results.tested} held-out posts right; more in {written}"


def _card_of(out: Path, inputs: Sequence[Path]) -> Path:
    """The path of a model's card. Raises BadData before training for paths that could not be written after it."""
    for path in inputs:
        if path.exists() and not path.is_file():
            raise BadData(f"{path} is not a regular file: it is read twice, since its SHA-256 goes into the card")
    if out.suffix == ".md" or not out.name:
        raise BadData(
            f"{out} cannot be the model: give a name such as mine.safetensors. The card gets the same name with .md"
        )
    if out.is_dir() or not out.parent.is_dir():
        raise BadData(f"{out} cannot be written: {'it is' if out.is_dir() else 'there is no'} directory")
    card_path = out.with_suffix(".md") if out.suffix in SUFFIXES else out.with_name(out.name + ".md")
    if card_path.exists() and not card_path.read_bytes().startswith(model_card.TITLE.encode()):
        raise BadData(f"{card_path} is another file, and the model card would replace it")
    if {out.resolve(), card_path.resolve()} & {path.resolve() for path in inputs}:
        raise BadData(f"{out} or its card {card_path.name} would replace a training file")
    return card_path


def _held_out(posts: Sequence[LabelledPost]) -> tuple[list[LabelledPost], list[LabelledPost]]:
    training, testing = folds(posts, PARTS)[0]
    return [posts[place] for place in training], [posts[place] for place in testing]


def check(classifier: Classifier, posts: Sequence[LabelledPost]) -> Result:
    """Compare the predictions for cleaned posts with their labels. Raises BadData, as if no label is in both."""
    if not posts:
        raise BadData("there are no posts with words to test with")
    labels = {post.label for post in posts}
    if labels.isdisjoint(classifier.labels):
        own = ", ".join(classifier.labels)
        raise BadData(f"the model has the labels {own}, and no post has one of these: {', '.join(sorted(labels)[:5])}")
    predicted, scores = classifier.predict([post.text for post in posts])
    return result([post.label for post in posts], predicted, scores)


def learning_curve(
    posts: Sequence[LabelledPost], tested: Sequence[LabelledPost], classifier: str = "svm", steps: int = 4
) -> list[tuple[int, Result]]:
    """The results of models trained on an eighth, a quarter, a half and all of the cleaned `posts`. Raises BadData.

    Parts too small to train on are left out.
    """
    order = np.random.default_rng(SEED).permutation(len(posts))
    found = []
    for step in reversed(range(steps)):
        some = [posts[place] for place in sorted(order[: len(posts) >> step].tolist())]
        try:
            model = Classifier(train(some, classifier, FEWEST // 2))
        except BadData:
            if not step:
                raise
            continue
        found.append((len(some), check(model, tested)))
    return found


def curve(args: Sequence[str], classifier: str, test: Sequence[str], at_most: int | None, *, read: Read) -> str:
    """The learning curve of `args` as a table: on the posts of `test`, or on a held-out part. Raises BadData."""
    posts = clean(read(args, at_most))
    trained, tested = (posts, clean(read(test))) if test else _held_out(posts)
    lines = [f"tested on {len(tested)} posts", "", "  posts  accuracy  95 % interval"]
    for number, found in learning_curve(trained, tested, classifier):
        low, high = found.interval
        lines.append(f"{number:>7}    {found.accuracy:.4f}  {low:.4f} to {high:.4f}")
    return "\n".join(lines)


def cross_validate(posts: Sequence[LabelledPost], number: int, classifier: str = "svm") -> Result:
    """Predict each of `number` parts of cleaned posts by a model trained on the other parts. Raises BadData."""
    predicted: dict[int, tuple[str | None, float | None]] = {}
    for training, testing in folds(posts, number):
        model = Classifier(train([posts[place] for place in training], classifier, FEWEST // 2))
        labels, scores = model.predict([posts[place].text for place in testing])
        predicted.update(zip(testing, zip(labels, scores, strict=True), strict=True))
    answers = [predicted[place] for place in range(len(posts))]
    return result([post.label for post in posts], [label for label, _ in answers], [score for _, score in answers])
