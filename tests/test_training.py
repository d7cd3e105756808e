"""From labelled posts to a model and its card."""

import os
import subprocess
import sys

import pytest

from tweetream.classifier import Classifier
from tweetream.training import FEWEST, TrainingError, evaluate, model_card, read_rows, run, save, train

POSTS = {
    "traffic": [f"jalan tol macet km{i} arah kota{i % 9}" for i in range(60)],
    "talk": [f"rezeki sayang hari{i} cinta kota{i % 9}" for i in range(40)],
}


@pytest.fixture
def args(tmp_path) -> list[str]:
    for label, posts in POSTS.items():
        (tmp_path / f"{label}.txt").write_text("\n".join(posts) + "\n\n", "utf-8")
    return [f"{label}={tmp_path / label}.txt" for label in POSTS]


def test_a_text_file_is_a_post_a_line_and_a_line_ends_at_lf(tmp_path) -> None:
    path = tmp_path / "a=b.txt"
    path.write_bytes("\ufeffsatu\rdua\u2028tiga\n\n \nempat\r\nlima \xff".encode("utf-8")[:-2] + b"\xff")
    assert read_rows([f"x={path}"]) == [("satu\rdua\u2028tiga", "x"), ("empat", "x"), ("lima \ufffd", "x")]


def test_a_csv_has_columns_text_and_label(tmp_path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text('id,label,text\n1,traffic,"macet,\nparah"\n2,talk,rezeki\n3,talk,\n', "utf-8")
    assert read_rows([str(path)]) == [("macet,\nparah", "traffic"), ("rezeki", "talk")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a,b\n1,2\n", "no columns"),
        ("", "no columns"),
        ("text,label\nmacet\n", "line 2: no label"),
        ("text,label\nmacet, \n", "line 2: no label"),
        ('text,label\n"' + "a" * 200_000 + '",x\n', "field larger"),
    ],
)
def test_a_csv_that_cannot_serve_is_refused_in_one_line(tmp_path, content: str, reason: str) -> None:
    path = tmp_path / "posts.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(TrainingError, match=reason) as error:
        read_rows([str(path)])
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("given", [[], ["=file"], ["label="], ["x=/no/such/file"], ["/no/such/file.csv"]])
def test_arguments_that_name_no_posts_are_refused(given: list[str]) -> None:
    with pytest.raises(TrainingError) as error:
        read_rows(given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "have 0"),
        ([(f"macet {i}", "a") for i in range(50)], "have 1"),
        ([(f"macet {i}", "a") for i in range(50)] + [("sama saja", "b")] * 50, f"'b' has 1 .* {FEWEST}"),
        ([(f"{of}{i}", of) for of in ("aku", "kau") for i in range(50)], "cannot train"),
    ],
)
def test_too_little_to_learn_from_is_said(rows: list[tuple[str, str]], reason: str) -> None:
    with pytest.raises(TrainingError, match=reason) as error:
        train(rows)
    assert "\n" not in str(error.value)


def test_an_unknown_classifier_is_refused_by_naming_the_known() -> None:
    with pytest.raises(TrainingError, match="naive-bayes"):
        train([], "forest")


def test_the_texts_are_cleaned_before_they_are_learnt() -> None:
    pipeline = train([(post.upper() + " https://t.co/x @kota1", of) for of, posts in POSTS.items() for post in posts])
    words = pipeline.named_steps["words"].vocabulary_
    assert "macet" in words and not {"MACET", "https", "co"} & set(words)


def test_the_same_input_gives_the_same_bytes_in_another_process(args: list[str], tmp_path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir(), other.mkdir()
    run(args, one / "m.skops")
    code = (
        "import sys; from pathlib import Path; from tweetream.training import run; run(sys.argv[2:], Path(sys.argv[1]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, other / "m.skops", *args], check=True, env=environment)
    assert {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in other.iterdir()}


def test_what_run_writes_can_be_loaded_and_used(args: list[str], tmp_path) -> None:
    line = run(args, tmp_path / "m.skops")
    assert Classifier.load(tmp_path / "m.skops").predict(["jalan tol macet", "rezeki sayang"])[0] == ["traffic", "talk"]
    assert "100.00%" in line and "\n" not in line


def test_the_card_has_the_computed_numbers_and_the_origin(args: list[str], tmp_path) -> None:
    run(args, tmp_path / "m.skops", "naive-bayes")
    card = (tmp_path / "m.md").read_text("utf-8")
    assert "| `traffic` | 60 | 60 |" in card and "| `talk` | 40 | 40 |" in card
    assert "Trained on 80 posts, tested on 20" in card
    assert "`traffic.txt` (SHA-256 `" in card and str(tmp_path) not in card
    assert "`naive-bayes`" in card


def test_no_text_is_both_learnt_and_tested() -> None:
    """Equal posts are common; on both sides they would flatter the model."""
    rows = [(post, of) for of, posts in POSTS.items() for post in posts for _ in range(3)]
    results = evaluate(rows, "svm")
    assert results["tested"] == 60 and results["trained"] == 240
    assert sum(map(sum, results["confusion"])) == results["tested"]


def test_wrong_answers_show_in_the_numbers() -> None:
    noise = [(f"kata{i % 5} lain{i}", "traffic" if i % 2 else "talk") for i in range(200)]
    assert 0.2 < evaluate(noise, "svm")["accuracy"] < 0.8


def test_a_place_that_cannot_be_written_is_one_line(tmp_path) -> None:
    pipeline = train([(post, of) for of, posts in POSTS.items() for post in posts])
    with pytest.raises(TrainingError, match="cannot be written"):
        save(pipeline, tmp_path / "no" / "m.skops")


def test_more_labels_than_two_are_in_the_card(args: list[str]) -> None:
    rows = [(f"{of} kata{i} x{i % 3}", of) for of in ("satu", "dua1", "tiga") for i in range(30)]
    card = model_card(args, rows, rows, train(rows), "svm", evaluate(rows, "svm"))
    assert "| true label | given `dua1` | given `satu` | given `tiga` |\n| --- | --: | --: | --: |" in card
