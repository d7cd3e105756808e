"""The second shipped model says what a report is about: TWEETREAM_MODEL and `--model` take its name."""

import hashlib
import importlib
from pathlib import Path
from types import ModuleType

import pytest
from support.paths import ROOT

from tweetream.classifier.model import Classifier
from tweetream.classifier.training import check, clean
from tweetream.cli.labelled_posts import read
from tweetream.sources.replay.choices import Choices
from tweetream.text import Cleaner, normalise

NAME = Path("traffic-kinds")
DATA = ROOT / "data"
KINDS = ("accident", "clear", "closure", "flood", "jam", "non_traffic", "other")


@pytest.fixture(scope="module")
def kinds() -> Classifier:
    return Classifier.load(NAME)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DATA)  # a program finds its neighbours
    return importlib.import_module("make_kinds")


def test_it_has_a_name_six_kinds_of_reports_and_a_label_for_what_is_none(kinds: Classifier) -> None:
    assert (kinds.name, kinds.labels) == ("traffic-kinds", KINDS)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("banjir selutut di depan ruko, motor pada balik arah semua", "flood"),
        ("ada kecelakaan di km 12, truk terguling, dua lajur", "accident"),
        ("jalan sudirman ditutup, dialihin lewat thamrin", "closure"),
        ("kalimalang lancar jaya, 20 menit sampe kantor", "clear"),
        ("still stuck on C5, not moving for an hour", "jam"),
        ("payment stuck since monday", "non_traffic"),
    ],
)
def test_a_report_gets_its_kind(kinds: Classifier, text: str, label: str) -> None:
    assert kinds.predict([Cleaner().clean(normalise(text))])[0] == [label]


def test_its_card_is_its_own_and_its_numbers_are_right(kinds: Classifier, program: ModuleType) -> None:
    card = program.MODEL.with_suffix(".md").read_text("utf-8")
    assert f"`{kinds.digest}`" in card and kinds.digest == hashlib.sha256(program.MODEL.read_bytes()).hexdigest()
    for name in ("posts-train.csv", "posts-hard.csv", "posts-world.csv", "posts-test.csv", "real-labels.csv"):
        assert f"`{name}` (SHA-256 `{hashlib.sha256((DATA / name).read_bytes()).hexdigest()}`)" in card
    posts = clean(read([str(DATA / "posts-test.csv")], choices=Choices(columns={"label": "kind"})))
    found = check(kinds, posts)
    assert (
        f"Tested on {found.tested} posts: accuracy {found.accuracy:.4f}; calibration error {found.calibration:.4f}"
        in card
    )
    hard = check(kinds, clean(read([str(DATA / "posts-hard-test.csv")], choices=Choices(columns={"label": "kind"}))))
    assert f"{hard.tested} posts, accuracy\n{hard.accuracy:.2%}" in card
    assert found.accuracy >= 0.86 and hard.accuracy >= 0.85


def test_two_runs_give_the_same_bytes(program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        f"{i},{'non_' * (kind == 'non_traffic')}traffic,{kind},{kind} k{i % 7}" for kind in KINDS for i in range(30)
    ]
    near = [f"n{i:05},{kind} dunia{i},manila" for i, kind in enumerate(KINDS * 8)]
    labels = [
        f"n{i:05},{'non_' * (kind == 'non_traffic')}traffic,,{kind if kind != 'non_traffic' else ''},"
        f"{'held_out' if i % 4 == 0 else 'train'}"
        for i, kind in enumerate(KINDS * 8)
    ]
    contents = {
        "posts-train.csv": ["family,label,kind,text", *rows],
        "posts-hard.csv": ["family,label,kind,text", "x,traffic,jam,jam k8", "x,traffic,,nobody knows"],
        "posts-world.csv": ["label,kind,text", "non_traffic,non_traffic,non_traffic k8"],
        "posts-test.csv": ["family,label,kind,text", *rows[::9]],
        "posts-hard-test.csv": ["label,kind,text", *(row.partition(",")[2] for row in rows[::11])],
        "near.csv": ["id,text,source", *near],
        "background.csv": ["text,source", *(f"makan {chr(97 + i)} enak,smsa" for i in range(26))],
        "real-labels.csv": ["id,label,readers,kind,part", *labels],
    }
    for name, lines in contents.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
    vars(program)["HERE"] = tmp_path
    read_labels = importlib.import_module("real_labels").read_labels
    monkeypatch.setattr("real_posts.read_labels", lambda: read_labels(tmp_path))
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        program.main([str(tmp_path)], tmp_path / name / "kinds.safetensors")
        made.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert made[0] == made[1] and made[0].keys() == {"kinds.safetensors", "kinds.md"}
    assert Classifier.load(tmp_path / "one" / "kinds.safetensors").labels == KINDS


@pytest.mark.parametrize("arguments", [[], [""], ["one", "two"]])
def test_without_a_folder_it_says_how_it_is_called(program: ModuleType, arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="make model TWEETS=FOLDER REAL=FOLDER"):
        program.main(arguments)
