"""Makes the shipped model of kinds and its card: what a report is about, and what is no report.

    python data/make_kinds.py REAL

REAL has `near.csv` and `background.csv`, as for make_model.py. The labels are those of docs/labelling.md: `jam`,
`clear`, `accident`, `flood`, `closure` and `other` reports, and `non_traffic`. The kinds of our own posts are in the
column `kind` of their files, those of real posts in real-labels.csv. Reports whose kind is open are left out, and so is
half of the background: else `non_traffic` would be too likely. The same inputs give the same bytes.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from guards import guard_posts
from real_labels import NON_TRAFFIC
from real_posts import RealPost, held_out, learnt, read_background, read_kinds
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from tweetream.classifier import model_card
from tweetream.classifier.conversion import CLASSIFIER, FEATURES, parameters_of
from tweetream.classifier.dataset import SEED, BadData, LabelledPost, folds
from tweetream.classifier.evaluation import Result
from tweetream.classifier.features import shipped_kinds
from tweetream.classifier.model import Classifier
from tweetream.classifier.parameters import Parameters
from tweetream.classifier.training import PARTS, check, clean, save
from tweetream.classifier.vectorizer import FeatureVectorizer
from tweetream.cli.labelled_posts import read
from tweetream.models.model_info import SHIPPED_MODELS
from tweetream.sources.replay.choices import Choices

HERE = Path(__file__).parent
COMMAND = "make model TWEETS=FOLDER REAL=FOLDER"
MODEL = HERE.parent / "tweetream" / "data" / SHIPPED_MODELS["traffic-kinds"]
FEWEST_POSTS = 6  # of a feature
HARD = "posts-hard-test.csv"
BY_KIND = Choices(columns={"label": "kind"})


def main(arguments: Sequence[str], out: Path = MODEL) -> None:
    if len(arguments) != 1 or not arguments[0]:
        raise SystemExit(f"data/make_kinds.py: give the folder of the real posts: {COMMAND}")
    try:
        print(_make(Path(arguments[0]), out))
    except BadData as error:
        raise SystemExit(f"data/make_kinds.py: {error}") from None


def _make(real: Path, out: Path) -> str:
    """Train, measure, and write both files; returns a line with the result."""
    near, background = read_kinds(real), read_background(real)
    own = [str(HERE / f"posts-{name}.csv") for name in ("train", "hard", "world")]
    posts = clean([*read(own, choices=BY_KIND), *guard_posts()])
    posts += [found.post for found in [*learnt(near), *learnt(background)[::2]]]
    model = _train(posts)
    classifier = Classifier(model)
    test = [str(HERE / "posts-test.csv")]
    results = check(classifier, clean(read(test, choices=BY_KIND)))
    digest = save(model, out)
    args = [*own, *(str(real / name) for name in ("near.csv", "background.csv")), str(HERE / "real-labels.csv")]
    made = model_card.Made(args, posts, posts, model, "svm", digest, None, COMMAND)
    card = model_card.text(made, model_card.Test(test, len(posts), results))
    found = check(classifier, [each.post for each in held_out(near)])
    hard = check(classifier, clean(read([str(HERE / HARD)], choices=BY_KIND)))
    there = f"## Real posts\n\n{_real(found, classifier, held_out(background))}\n{_hard(hard)}\n"
    card = card.replace("## Data\n", f"{there}## Data\n", 1)
    out.with_suffix(".md").write_text(card, "utf-8")
    return f"{out}: {results.accuracy:.2%} of {results.tested} own test posts have the right kind"


def _train(posts: Sequence[LabelledPost]) -> Parameters:
    """As `tweetream train` does it, but with fewer features, since each has a weight for seven labels."""
    estimator = CalibratedClassifierCV(
        LinearSVC(random_state=SEED), method="sigmoid", cv=folds(posts, PARTS), ensemble=False
    )
    pipeline = Pipeline([(FEATURES, FeatureVectorizer(FEWEST_POSTS, shipped_kinds())), (CLASSIFIER, estimator)])
    with threadpool_limits(1):  # as in training.py
        pipeline.fit([post.text for post in posts], np.array([post.label for post in posts]))
    return parameters_of(pipeline)


def _hard(found: Result) -> str:
    """The results on hard posts."""
    low, high = found.interval
    lines = [
        "## Hard posts",
        "",
        f"`tweetream evaluate data/{HARD} --label kind --model traffic-kinds`: {found.tested} posts, accuracy",
        f"{found.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%}), calibration error {found.calibration:.3f}.",
        "",
        *_labels(found),
    ]
    return "\n".join(lines) + "\n"


def _labels(found: Result) -> list[str]:
    return [
        "| label | posts | precision | recall | F1 |",
        "| --- | --: | --: | --: | --: |",
        *(f"| `{name}` | {posts} | {p:.3f} | {r:.3f} | {f1:.3f} |" for name, p, r, f1, posts in found.labels),
    ]


def _real(found: Result, classifier: Classifier, background: Sequence[RealPost]) -> str:
    """The results on held-out real posts."""
    low, high = found.interval
    labels, _ = classifier.predict([each.post.text for each in background])
    alarms = sum(label not in (None, NON_TRAFFIC) for label in labels)
    lines = [
        f"Held-out posts near traffic: {found.tested}, accuracy {found.accuracy:.2%} (95 % interval",
        f"{low:.2%} to {high:.2%}), calibration error {found.calibration:.3f}.",
        f"Of {len(background)} held-out posts of the background, {alarms} are taken for a report.",
        "",
        *_labels(found),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
