"""`tweetream explain`, `train` and `evaluate` as a user runs them; `classify` has tests of its own (test_labelling)."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "tweetream"]


def run(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}
    environment = {**clean, **{f"TWEETREAM_{name}": value for name, value in settings.items()}}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=120
    )


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred posts of `a` and forty of `b`, as CSV."""
    path = tmp_path_factory.mktemp("posts") / "posts.csv"
    lines = [f"macet kata{i % 9} x{i},a" for i in range(100)] + [f"rezeki kata{i % 9} y{i},b" for i in range(40)]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture(scope="module")
def model(posts: Path) -> Path:
    done = run("train", posts, "--out", posts.with_name("m.skops"), "--classifier", "words-svm")
    assert done.returncode == 0, done.stderr
    return posts.with_name("m.skops")


def test_explain_shows_the_words_from_the_one_that_says_most_to_the_bias() -> None:
    done = run("explain", "OJOL gue stuck di Kuningan!")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["label", "traffic"] and lines[1][0] == "score" and lines[2][0] == "decision"
    words = [(line[0], float(line[1])) for line in lines[4:]]
    assert words[-1][0] == "(bias)"
    assert {"stuck", "kuningan"} <= {word for word, _ in words[:3]}
    assert [weight for _, weight in words[:-1]] == sorted((weight for _, weight in words[:-1]), reverse=True)
    assert sum(weight for _, weight in words) == pytest.approx(float(lines[2][1]), abs=0.001)


def test_explain_and_classify_use_the_model_and_the_abbreviations_of_the_settings(model: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.tsv"
    own.write_text("mct\tmacet\n", "utf-8")
    done = run("explain", "mct kata1", MODEL=str(model), ABBREVIATIONS=str(own))
    assert done.stdout.splitlines()[0].split() == ["label", "a"] and "macet" in done.stdout


def test_evaluate_cross_validates_or_tests_a_model_there_is(posts: Path, model: Path) -> None:
    found = json.loads(run("evaluate", posts, "--folds", "4", "--classifier", "naive-bayes", "--json").stdout)
    assert found["posts"] == 140 and found["accuracy"] > 0.9 and set(found["labels"]) == {"a", "b"}
    found = json.loads(run("evaluate", posts, "--model", model, "--balanced", "--json").stdout)
    assert found["posts"] == 80 and found["confusion"]["a"]["a"] == 40
    assert "accuracy           1.0000" in run("evaluate", posts, "--model", model).stdout
    assert "tweetream: " not in run("evaluate", posts, "--model", "shipped").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "/no/such.csv"),
        ("evaluate", "{posts}", "--model", "/no/such.skops"),
        ("evaluate", "{posts}", "--folds", "1"),
        ("evaluate", "{posts}", "--folds", "1000"),
        ("train", "a={posts}", "--out", "/no/such/place/m.skops"),
        ("train", "{posts}", "--out", "/no/such/place/m.skops"),
        ("train", "{posts}", "--test", "/no/such.csv"),
        ("explain", "macet", "--model", "{posts}"),
        ("evaluate", "a=/dev/null", "--balanced"),
        ("train", "{posts}", "--out", "m.md"),
        ("train", "{posts}", "--out", ""),
        ("train", "{posts}", "--out", "/tmp"),
        ("train", "{posts}", "--out", "{posts}"),
        ("train", "a=/dev/null", "--out", "m.skops"),
    ],
)
def test_what_cannot_be_done_is_one_line(posts: Path, arguments: tuple[str, ...]) -> None:
    done = run(*(argument.replace("{posts}", str(posts)) for argument in arguments))
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("tweetream: ") and done.stderr.count("\n") == 1


def test_an_interrupt_ends_it_without_a_traceback() -> None:
    process = subprocess.Popen([*COMMAND, "classify"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130 and said == b""
