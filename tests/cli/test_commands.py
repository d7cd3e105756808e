"""`tweetream explain`, `train` and `evaluate` as a user runs them; `classify` has its own tests."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tweetream.classifier import training
from tweetream.cli import main
from tweetream.cli.labelled_posts import read

Run = Callable[..., subprocess.CompletedProcess[bytes]]  # a command in this process


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred posts of `a` and forty of `b`, as CSV."""
    path = tmp_path_factory.mktemp("posts") / "posts.csv"
    lines = [f"macet kata{i % 9} x{i},a" for i in range(100)] + [f"rezeki kata{i % 9} y{i},b" for i in range(40)]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def model(posts: Path) -> Path:
    training.run([str(posts)], posts.with_name("m.safetensors"), "words-svm", read=read)
    return posts.with_name("m.safetensors")


def test_train_writes_the_model_and_its_card_and_prints_one_line(tweetream: Run, posts: Path, tmp_path: Path) -> None:
    done = tweetream("train", posts, "--out", tmp_path / "m.safetensors", "--classifier", "words-svm")
    assert done.returncode == 0 and done.stderr == b""
    assert done.stdout.count(b"\n") == 1 and b"held-out posts right" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"m.safetensors", "m.md"}


def test_explain_shows_the_words_from_the_one_that_says_most_to_the_bias(tweetream: Run) -> None:
    done = tweetream("explain", "OJOL gue stuck di Kuningan!")
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    assert lines[0] == ["label", "traffic"] and lines[1][0] == "score" and lines[2][0] == "decision"
    words = [(line[0], float(line[1])) for line in lines[4:]]
    assert words[-1][0] == "(bias)"
    assert {"stuck", "kuningan"} <= {word for word, _ in words[:3]}
    assert [weight for _, weight in words[:-1]] == sorted((weight for _, weight in words[:-1]), reverse=True)
    assert sum(weight for _, weight in words) == pytest.approx(float(lines[2][1]), abs=0.001)


def test_explain_and_classify_use_the_model_and_the_abbreviations_of_the_settings(
    tweetream: Run, model: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.tsv"
    own.write_text("mct\tmacet\n", "utf-8")
    done = tweetream("explain", "mct kata1", MODEL=str(model), ABBREVIATIONS=str(own))
    assert done.stdout.splitlines()[0].split() == [b"label", b"a"] and b"macet" in done.stdout


def test_evaluate_cross_validates_or_tests_a_model_there_is(tweetream: Run, posts: Path, model: Path) -> None:
    found = json.loads(tweetream("evaluate", posts, "--folds", "4", "--classifier", "naive-bayes", "--json").stdout)
    assert found["posts"] == 140 and found["accuracy"] > 0.9 and set(found["labels"]) == {"a", "b"}
    found = json.loads(tweetream("evaluate", posts, "--model", model, "--balanced", "--json").stdout)
    assert found["posts"] == 80 and found["confusion"]["a"]["a"] == 40
    table = tweetream("evaluate", posts, "--model", model).stdout
    assert b"accuracy           1.0000 (95 % interval 0.9733 to 1.0000)" in table


def test_evaluate_measures_the_shipped_model_unless_it_is_told_to_train(tweetream: Run, tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("text,label\nojol gue stuck di kuningan,traffic\nrezeki lancar,non_traffic\n", "utf-8")
    done = tweetream("evaluate", path, "--json")
    assert (
        json.loads(done.stdout)["posts"] == 2
        and done.stdout == tweetream("evaluate", path, "--json", "--model", "shipped").stdout
    )


def test_labels_that_the_model_does_not_give_are_named(tweetream: Run, tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("text,label\nojol gue stuck di kuningan,traffic\nrezeki lancar,other\n", "utf-8")
    done = tweetream("evaluate", path)
    assert done.returncode == 0
    assert b"the model gives no other, so these are wrong; its labels: non_traffic, traffic\n" in done.stderr


def test_labels_that_do_not_overlap_are_an_error(tweetream: Run, posts: Path) -> None:
    done = tweetream("evaluate", posts)
    assert done.returncode == 2 and done.stdout == b""
    assert b"the model has the labels non_traffic, traffic, and no post has one of these: a, b" in done.stderr


def test_a_learning_curve_writes_no_model(tweetream: Run, posts: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    done = tweetream("train", posts, "--curve", "--classifier", "words-svm", "--out", out)
    lines = [line.split() for line in done.stdout.decode().splitlines()[3:]]
    assert [int(line[0]) for line in lines] == [56, 112] and not out.exists()
    assert all(float(line[2]) <= float(line[1]) <= float(line[4]) for line in lines)


def test_text_without_a_known_word_is_unsure(tweetream: Run, model: Path) -> None:
    done = tweetream("explain", "qwxyz", "--model", model)
    assert [line.split() for line in done.stdout.decode().splitlines()[:2]] == [["label"], ["score"]]


def test_all_scores_and_a_threshold_of_ones_own(tweetream: Run) -> None:
    text = "ojol gue stuck di kuningan"
    lines = [line.split() for line in tweetream("explain", text, "--scores").stdout.decode().splitlines()]
    scores = {line[2]: float(line[3]) for line in lines if line[:2] == ["score", "of"]}
    assert scores.keys() == {"traffic", "non_traffic"} and sum(scores.values()) == pytest.approx(1, abs=0.001)
    for options, variables in ((("--threshold", "1"), {}), ((), {"THRESHOLD": "1"})):
        done = tweetream("explain", text, *options, **variables)
        assert done.stdout.decode().splitlines()[0].split() == ["label"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "/no/such.csv"),
        ("evaluate", "{posts}", "--model", "/no/such.safetensors"),
        ("evaluate", "{posts}", "--folds", "1"),
        ("evaluate", "{posts}", "--classifier", "svm"),
        ("evaluate", "{posts}", "--folds", "3", "--model", "shipped"),
        ("evaluate", "{posts}", "--folds", "1000"),
        ("train", "a={posts}", "--out", "/no/such/place/m.safetensors"),
        ("train", "{posts}", "--out", "/no/such/place/m.safetensors"),
        ("train", "{posts}", "--test", "/no/such.csv"),
        ("explain", "macet", "--model", "{posts}"),
        ("evaluate", "a=/dev/null", "--balanced"),
        ("train", "{posts}", "--out", "m.md"),
        ("train", "{posts}", "--out", ""),
        ("train", "{posts}", "--out", "/tmp"),
        ("train", "{posts}", "--out", "{posts}"),
        ("train", "a=/dev/null", "--out", "m.safetensors"),
    ],
)
def test_what_cannot_be_done_is_one_line(tweetream: Run, posts: Path, arguments: tuple[str, ...]) -> None:
    done = tweetream(*(argument.replace("{posts}", str(posts)) for argument in arguments))
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.startswith(b"tweetream: ") and done.stderr.count(b"\n") == 1


def test_the_parser_offers_every_classifier_that_can_be_trained() -> None:
    """The parser has its own list, since the other comes with scikit-learn."""
    assert tuple(training.CLASSIFIERS) == main._CLASSIFIERS


def test_help_does_not_wait_for_scikit_learn_or_faust() -> None:
    code = (
        "import sys; from tweetream.cli.main import main\n"
        "try: main(['--help'])\n"
        "finally: assert not {'sklearn', 'numpy', 'faust', 'aiohttp', 'tqdm'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, timeout=60).returncode == 0
