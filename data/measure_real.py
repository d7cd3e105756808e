"""Measures the shipped model, or another one, on real posts that it was not trained on.

    python data/measure_real.py REAL [--model MODEL]
    python data/measure_real.py REAL --leave-one-out TWEETS

REAL has `near.csv`, `background.csv` and `labelled.csv`. The first command prints the figures, with 95 % intervals, for
the held-out posts near traffic of each source, for posts with another reader's labels and for the held-out background,
and what each threshold brings. The second trains a model without each source in turn and tests it on that source. It
uses no held-out post, so models may be chosen by it. TWEETS is the folder of `make model`.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from real_labels import TRAFFIC
from real_posts import RealPost, held_out, learnt, read_background, read_near, read_other

from tweetream.classifier.evaluation import Result, result, wilson
from tweetream.classifier.model import Classifier

THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
HEADER = "| source | posts | traffic | accuracy | precision | recall | calibration error |\n" + "| --- |" + " --: |" * 6
ALL = "all"
MEASURE = "`python data/measure_real.py REAL`"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a model on real posts that it was not trained on.")
    parser.add_argument("real", type=Path, metavar="REAL", help="the folder of near.csv and background.csv")
    parser.add_argument("--model", type=Path, metavar="MODEL", help="default: the shipped one")
    parser.add_argument("--leave-one-out", type=Path, metavar="TWEETS", help="train without each source in turn")
    options = parser.parse_args()
    near, background = read_near(options.real), read_background(options.real)
    if options.leave_one_out:
        print(leave_one_out(learnt(near), learnt(background), options.leave_one_out))
    else:
        model = Classifier.load(options.model)
        print(tables(model, held_out(near), held_out(background), read_other(options.real)))


def leave_one_out(near: Sequence[RealPost], background: Sequence[RealPost], tweets: Path) -> str:
    """A row for each source, of a model that was trained without it, and one for all of them."""
    from make_model import training_posts

    from tweetream.classifier.mixture import train_mixture

    lines, everything, answers = [HEADER], list[RealPost](), list[tuple[str | None, float | None]]()
    for source in sorted({post.source for post in near}):
        rest = ([post for post in posts if post.source != source] for posts in (near, background))
        left = [post for post in near if post.source == source]
        model = Classifier(train_mixture(training_posts(tweets, *rest)))
        given = list(zip(*model.predict([post.post.text for post in left]), strict=True))
        lines.append(_line(source, _result(left, given)))
        everything += left
        answers += given
    return "\n".join([*lines, _line(ALL, _result(everything, answers))])


def tables(
    model: Classifier, near: Sequence[RealPost], background: Sequence[RealPost], other: Sequence[RealPost]
) -> str:
    """The figures as Markdown: near traffic by source, another reader's, the background, and the thresholds."""
    lines = ["### 1. Real posts near traffic", "", f"{MEASURE}; the held-out posts:", "", *_by_source(model, near), ""]
    lines += ["Posts with the labels of another reader, and relayed reports of 2016 (`dwiajik_v2`):", ""]
    lines += [
        *_by_source(model, other),
        "",
        "### 2. The background stream",
        "",
        f"{MEASURE}. {_alarms(model, background)}",
    ]
    lines += ["", "What a threshold on the score of `traffic` brings, on the same held-out posts:", ""]
    return "\n".join([*lines, *_by_threshold(model, near, background)])


def _by_threshold(model: Classifier, near: Sequence[RealPost], background: Sequence[RealPost]) -> Iterator[str]:
    yield "| `traffic` from | precision | recall | false alarms in 1,000 of the background |"
    yield "|" + " --: |" * 4
    score, quiet = _traffic_scores(model, near), _traffic_scores(model, background)
    truth = np.array([post.post.label == TRAFFIC for post in near])
    for threshold in THRESHOLDS:
        given = score >= threshold
        right = int((given & truth).sum())
        yield (
            f"| {threshold} | {_share(right, int(given.sum()))} | {_share(right, int(truth.sum()))}"
            f" | {1_000 * (quiet >= threshold).mean():.1f} |"
        )


def _by_source(model: Classifier, posts: Sequence[RealPost]) -> list[str]:
    given = list(zip(*model.predict([post.post.text for post in posts]), strict=True))
    lines = [HEADER]
    for source in [*sorted({post.source for post in posts}), ALL]:
        places = [place for place, post in enumerate(posts) if source in (post.source, ALL)]
        lines.append(_line(source, _result([posts[place] for place in places], [given[place] for place in places])))
    return lines


def _alarms(model: Classifier, background: Sequence[RealPost]) -> str:
    given = list(zip(*model.predict([post.post.text for post in background]), strict=True))
    alarms, number = sum(label == TRAFFIC for label, _ in given), len(background)
    low, high = (1_000 * share for share in wilson(alarms, number))
    return (
        f"Held out: {alarms} false alarms in {number} posts, {1_000 * alarms / number:.1f} in 1,000"
        f" (95 % interval {low:.1f} to {high:.1f}); calibration error {_result(background, given).calibration:.3f}."
    )


def _traffic_scores(model: Classifier, posts: Sequence[RealPost]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    found = model.predict_all([post.post.text for post in posts])
    return np.array([each.scores[TRAFFIC] if each.scores else 0.0 for each in found])


def _result(posts: Sequence[RealPost], given: Sequence[Any]) -> Result:
    return result([post.post.label for post in posts], [label for label, _ in given], [score for _, score in given])


def _line(name: str, found: Result) -> str:
    """A row of a table: shares in percent, with their intervals."""
    names = [label for label, *_ in found.labels]
    row, column = [0], [0]
    hits = 0
    if TRAFFIC in names:
        place = names.index(TRAFFIC)
        row, column = found.confusion[place], [each[place] for each in found.confusion]
        hits = row[place]
    right = round(found.accuracy * found.tested)
    return (
        f"| {name} | {found.tested} | {sum(row)} | {_share(right, found.tested)} | {_share(hits, sum(column))}"
        f" | {_share(hits, sum(row))} | {found.calibration:.3f} |"
    )


def _share(right: int, of: int) -> str:
    if not of:
        return "–"
    low, high = wilson(right, of)
    return f"{100 * right / of:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


if __name__ == "__main__":
    main()
