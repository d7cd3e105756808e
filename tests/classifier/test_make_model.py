"""`make model` makes the shipped model from the inputs that it declares, and from no others."""

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from support.paths import ROOT

from tweetream.classifier.model import SHIPPED, Classifier

DATA = ROOT / "data"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DATA)  # a program finds its neighbours
    spec = importlib.util.spec_from_file_location("make_model", DATA / "make_model.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def small(program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program with a few posts, which it finds and knows; the others are in the folders `tweets` and `real`."""
    (tmp_path / "tweets").mkdir()
    (tmp_path / "real").mkdir()
    traffic = [f"jalan tol macet km{i} kota{i % 9}" for i in range(40)]
    other = [f"rezeki sayang hari{i} kota{i % 9}" for i in range(40)]
    rows = [f"{post},{label}" for label, posts in (("traffic", traffic), ("non_traffic", other)) for post in posts]
    near = [
        f"n{i:05},{post},manila" for i, post in enumerate(p for pair in zip(traffic, other, strict=True) for p in pair)
    ]
    labels = [f"n{i:05},{'non_' * (i % 2)}traffic,,,{'held_out' if i % 5 == 0 else 'train'}" for i in range(80)]
    contents = {
        "real-labels.csv": ["id,label,readers,kind,part", *labels],
        "real/near.csv": ["id,text,source", *near],
        "real/background.csv": [
            "text,source",
            *(f"makan {chr(97 + i % 26)}{chr(97 + i % 7)} enak,smsa" for i in range(40)),
        ],
        "real/labelled.csv": [
            "text,label,source",
            "jalan tol macet,traffic,gold_manila",
            "rezeki,non_traffic,gold_pcm",
        ],
        "posts-train.csv": ["text,label", *rows],
        "posts-hard.csv": ["label,text", "traffic,kota2 tidak gerak", "non_traffic,hati macet"],
        "posts-hard-test.csv": ["label,text", "traffic,jalan kota3 macet", "non_traffic,rezeki macet"],
        "posts-world.csv": ["label,text", "non_traffic,macet itu takdir", "traffic,kota1 macet"],
        "posts-test.csv": ["text,label", *rows[::7]],
        "tweets/traffic_tweets.txt": traffic,
        "tweets/non_traffic_tweets.txt": other,
    }
    for name, lines in contents.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
    folders = ((program.POSTS, ""), (program.TWEETS, "tweets"), (program.REAL, "real"))
    for declared, folder in ((declared, tmp_path / name) for declared, name in folders):
        declared.update({name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in declared})
    vars(program)["HERE"] = tmp_path
    read_labels = importlib.import_module("real_labels").read_labels
    monkeypatch.setattr("real_posts.read_labels", lambda: read_labels(tmp_path))
    return program


def test_the_declared_inputs_are_the_files_here_and_those_of_the_shipped_card(program: ModuleType) -> None:
    card = Path(str(SHIPPED)).with_suffix(".md").read_text("utf-8")
    for name, digest in program.POSTS.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest
    for digest in (*program.POSTS.values(), *program.TWEETS.values(), *program.REAL.values()):
        assert f"(SHA-256 `{digest}`)" in card
    assert Path(str(SHIPPED)) == program.MODEL


def test_each_file_is_learnt_as_the_sort_of_posts_that_it_has(small: ModuleType, tmp_path: Path) -> None:
    found = small.training_posts(tmp_path / "tweets", [], [])
    assert [post.text for post in found.hard] == ["kota tidak gerak", "hati macet"]
    assert [post.text for post in found.world] == ["macet itu takdir", "kota1 macet"]
    assert (len(found.written), len(found.tweets), found.real, found.background) == (80, 80, [], [])
    assert {post.label for post in found.guards} == {"non_traffic"}


def test_two_runs_give_the_same_bytes(small: ModuleType, tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        small.main([str(tmp_path / "tweets"), str(tmp_path / "real")], tmp_path / name / "model.safetensors")
        made.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert made[0] == made[1] and made[0].keys() == {"model.safetensors", "model.md"}
    assert Classifier.load(tmp_path / "one" / "model.safetensors").labels == ("non_traffic", "traffic")


@pytest.mark.parametrize("name", ["posts-train.csv", "real-labels.csv", "tweets/traffic_tweets.txt", "real/near.csv"])
def test_another_file_and_a_missing_one_are_refused_in_one_line_before_training(
    small: ModuleType, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "model.safetensors"
    (tmp_path / name).write_text("other", "utf-8")
    with pytest.raises(SystemExit, match="is another file: its SHA-256 is") as changed:
        small.main([str(tmp_path / "tweets"), str(tmp_path / "real")], out)
    (tmp_path / name).unlink()
    with pytest.raises(SystemExit, match="cannot be read: No such file") as missing:
        small.main([str(tmp_path / "tweets"), str(tmp_path / "real")], out)
    for refusal in (changed, missing):
        assert Path(name).name in str(refusal.value) and "\n" not in str(refusal.value)
    assert not out.exists()


@pytest.mark.parametrize("arguments", [[], [""], ["one"], ["one", ""], ["one", "two", "three"]])
def test_without_a_folder_it_says_how_it_is_called(program: ModuleType, tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="make model TWEETS=FOLDER REAL=FOLDER"):
        program.main(arguments, tmp_path / "model.safetensors")
