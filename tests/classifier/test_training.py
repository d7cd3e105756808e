"""From labelled posts to a model and its card."""

import hashlib
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tweetream.classifier import training
from tweetream.classifier.dataset import BadData, LabelledPost
from tweetream.classifier.model import Classifier
from tweetream.classifier.parameters import WordWeights
from tweetream.classifier.training import FEWEST, check, clean, cross_validate, save, train
from tweetream.cli.labelled_posts import read

run = partial(training.run, read=read)

POSTS = {
    "traffic": [f"jalan tol macet km{i} arah kota{i % 9}" for i in range(60)],
    "talk": [f"rezeki sayang hari{i} cinta kota{i % 9}" for i in range(40)],
}


@pytest.fixture
def args(tmp_path: Path) -> list[str]:
    for label, posts in POSTS.items():
        (tmp_path / f"{label}.txt").write_text("\n".join(posts) + "\n\n", "utf-8")
    return [f"{label}={tmp_path / label}.txt" for label in POSTS]


def posts(**texts: list[str]) -> list[LabelledPost]:
    return [LabelledPost(text, label) for label, of_label in texts.items() for text in of_label]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "have 0"),
        ({"a": [f"macet {i}" for i in range(50)]}, "have 1"),
        ({"a": [f"macet {i}" for i in range(50)], "b": ["sama saja"] * 50}, f"'b' has 1 .* {FEWEST}"),
        ({of: [f"{of}{i}" for i in range(50)] for of in ("aku", "kau")}, "cannot train"),
    ],
)
def test_too_little_to_learn_from_is_said(given: dict[str, list[str]], reason: str) -> None:
    with pytest.raises(BadData, match=reason) as error:
        train(posts(**given), "words-svm")
    assert "\n" not in str(error.value)


def test_an_unknown_classifier_is_refused_by_naming_the_known() -> None:
    with pytest.raises(BadData, match="naive-bayes"):
        train([], "forest")


def test_unsure_is_no_label() -> None:
    given = {of: [f"{of} kata{n}" for n in range(50)] for of in ("a", "unsure")}
    with pytest.raises(BadData, match="a label is 'unsure', which is the name of posts without a label"):
        train(posts(**given), "words-svm")


def test_the_texts_are_cleaned_before_they_are_learnt() -> None:
    given = posts(**{of: [text.upper() + " https://t.co/x @kota1" for text in texts] for of, texts in POSTS.items()})
    decision = train(clean(given), "words-svm").decision
    assert isinstance(decision, WordWeights)
    words = decision.words
    assert "macet" in words and not {"MACET", "https", "co"} & set(words)
    assert clean([LabelledPost("https://t.co/x", "a")]) == []


@pytest.mark.process
def test_the_same_input_gives_the_same_bytes_in_another_process(args: list[str], tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    run(args, one / "m.safetensors")
    imports = "import sys; from tweetream.cli.main import main; "
    code = imports + "main(['train', *sys.argv[2:], '--out', sys.argv[1]])"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, other / "m.safetensors", *args], check=True, env=environment)
    assert {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in other.iterdir()}


def test_what_run_writes_can_be_loaded_and_used(args: list[str], tmp_path: Path) -> None:
    line = run(args, tmp_path / "m.safetensors")
    assert Classifier.load(tmp_path / "m.safetensors").predict(["jalan tol macet", "rezeki sayang"])[0] == [
        "traffic",
        "talk",
    ]
    assert "100.00%" in line and "\n" not in line


def test_the_card_has_the_computed_numbers_and_the_origin(args: list[str], tmp_path: Path) -> None:
    run(args, tmp_path / "m.safetensors", "naive-bayes")
    card = (tmp_path / "m.md").read_text("utf-8")
    assert "| `traffic` | 60 | 60 |" in card and "| `talk` | 40 | 40 |" in card
    assert "Trained on 80 posts" in card and "Tested on 20 posts" in card
    assert "`traffic.txt` (SHA-256 `" in card and str(tmp_path) not in card
    assert "`naive-bayes`" in card


def test_no_text_is_both_learnt_and_tested(args: list[str], tmp_path: Path) -> None:
    """Equal posts are common; on both sides they would make the figures too good."""
    noise = [LabelledPost(f"kata{i} lain{i}", "ab"[i * 7 % 5 % 2]) for i in range(100)] * 5
    assert cross_validate(noise, 5, "words-svm").accuracy < 0.7


def test_every_post_is_answered_once_in_a_cross_validation() -> None:
    result = cross_validate(posts(**POSTS), 4)
    assert result.tested == 100 and sum(map(sum, result.confusion)) == 100
    assert result.accuracy == 1


def test_a_test_file_is_what_the_card_tells_of(args: list[str], tmp_path: Path) -> None:
    test = tmp_path / "test.csv"
    test.write_text("text,label\njalan tol macet,traffic\nrezeki sayang,traffic\nrezeki cinta,talk\n", "utf-8")
    line = run(args, tmp_path / "m.safetensors", test=[str(test)])
    card = (tmp_path / "m.md").read_text("utf-8")
    assert "66.67% of 3 " in line
    assert "Tested on 3 posts: accuracy 0.6667" in card and "`test.csv` (SHA-256 `" in card
    assert "tweetream train traffic=traffic.txt talk=talk.txt --test=test.csv --classifier=svm" in card


def test_of_each_text_file_so_many_posts_are_taken(args: list[str], tmp_path: Path) -> None:
    run(args, tmp_path / "m.safetensors", at_most=25)
    card = (tmp_path / "m.md").read_text("utf-8")
    assert "| `traffic` | 25 | 25 |" in card and "| `talk` | 25 | 25 |" in card and "--at-most=25" in card


def test_a_test_without_posts_is_refused(args: list[str], tmp_path: Path) -> None:
    test = tmp_path / "test.csv"
    test.write_text("text,label\n", "utf-8")
    with pytest.raises(BadData, match="no posts"):
        run(args, tmp_path / "m.safetensors", test=[str(test)])


def test_a_label_with_just_enough_posts_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    lines = [f"{of} kata{i} x{i % 3},{of}" for of in ("satu", "dua1") for i in range(FEWEST)]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", "utf-8")
    assert "of 8 held-out" in run([str(path)], tmp_path / "m.safetensors")


def test_a_card_never_replaces_what_it_is_about(args: list[str], tmp_path: Path) -> None:
    run(args, tmp_path / "mine.1")
    assert (tmp_path / "mine.1.md").exists() and Classifier.load(tmp_path / "mine.1").labels == ("talk", "traffic")
    text = (tmp_path / "talk.txt").rename(tmp_path / "mine.md")
    before = text.read_bytes()
    with pytest.raises(BadData, match="replace"):
        run([args[0], f"talk={text}"], tmp_path / "mine.safetensors")
    assert text.read_bytes() == before


def test_a_label_does_not_break_the_cards_tables(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("text,label\n" + "".join(f"{of}{i} kata,{of}|x\n" for of in "ab" for i in range(30)), "utf-8")
    run([str(path)], tmp_path / "m.safetensors")
    assert "| `a\\|x` | 30 | 30 |" in (tmp_path / "m.md").read_text("utf-8")


def test_the_card_has_the_hash_of_the_model(args: list[str], tmp_path: Path) -> None:
    run(args, tmp_path / "m.safetensors")
    digest = hashlib.sha256((tmp_path / "m.safetensors").read_bytes()).hexdigest()
    assert digest in (tmp_path / "m.md").read_text("utf-8")
    assert Classifier.load(tmp_path / "m.safetensors").digest == digest


def test_wrong_answers_show_in_the_numbers() -> None:
    noise = [LabelledPost(f"kata{i % 5} lain{i}", "traffic" if i % 2 else "talk") for i in range(200)]
    model = Classifier(train(noise, "words-svm"))
    assert 0.2 < check(model, [post._replace(text=post.text[:5]) for post in noise]).accuracy < 0.8


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="cannot be written"):
        save(train(posts(**POSTS)), tmp_path / "no" / "m.safetensors")


def test_more_labels_than_two_are_in_the_card(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    lines = [f"{of} kata{i} x{i % 3},{of}" for of in ("satu", "dua1", "tiga") for i in range(30)]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", "utf-8")
    run([str(path)], tmp_path / "m.safetensors")
    card = (tmp_path / "m.md").read_text("utf-8")
    assert "| true label | given `dua1` | given `satu` | given `tiga` |\n| --- | --: | --: | --: |" in card


def test_a_card_never_replaces_somebody_elses_file(args: list[str], tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("mine", "utf-8")
    for name in ("notes", "notes.safetensors"):
        with pytest.raises(BadData, match="another file"):
            run(args, tmp_path / name)
    assert (tmp_path / "notes.md").read_text("utf-8") == "mine"
    run(args, tmp_path / "m.safetensors")
    run(args, tmp_path / "m.safetensors")  # its own card it may write again
