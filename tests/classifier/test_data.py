"""The data set of labelled posts is as its README says, and the shipped model was made from it."""

import hashlib
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.paths import ROOT

from tweetream.classifier.dataset import LabelledPost
from tweetream.classifier.evaluation import Result
from tweetream.classifier.model import SHIPPED, Classifier
from tweetream.classifier.training import check as results
from tweetream.classifier.training import clean
from tweetream.cli.labelled_posts import read
from tweetream.text import Cleaner, normalise

DATA = ROOT / "data"
Change = Callable[[str, list[str]], list[str]]  # of the lines of a part


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return Classifier.load()


@pytest.fixture(scope="module")
def found(shipped: Classifier) -> Result:
    """The shipped model's results on the test part."""
    return results(shipped, clean(read([str(DATA / "posts-test.csv")])))


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DATA)  # a program finds its neighbours
    spec = importlib.util.spec_from_file_location("check", DATA / "check.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_check_passes_and_the_card_has_what_it_prints(
    check: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        check.main()
    printed, breaches = capsys.readouterr()
    assert ended.value.code == 0, breaches
    assert printed in (DATA / "README.md").read_text("utf-8")


def copy(folder: Path, change: Change) -> None:
    """The data set in `folder`, its training and test rows changed."""
    for part in ("train", "test"):
        lines = (DATA / f"posts-{part}.csv").read_text("utf-8").split("\n")
        (folder / f"posts-{part}.csv").write_text("\n".join(change(part, lines)), "utf-8")
    others = ("second-labels", "real-labels", "later-reading", "posts-hard", "posts-hard-test", "posts-world")
    for name in (f"{other}.csv" for other in others):
        (folder / name).write_bytes((DATA / name).read_bytes())


@pytest.mark.parametrize(
    ("look", "change", "reason"),
    [
        ("_sizes", lambda part, lines: [*lines[:900], ""], "posts, 3000 are required"),
        (
            "_sizes",
            lambda part, lines: [*lines[:-1], "zz-1,traffic,jam,sama persis di sini", ""],
            "families in both parts",
        ),
        (
            "_overlap",
            lambda part, lines: [*lines[:-1], f"zz-{part},traffic,jam,jalan raya bogor macet total {part}", ""],
            "of zz-test 'jalan raya bogor macet total test' is in 'jalan raya bogor macet total train'",
        ),
        (
            "_sizes",
            lambda part, lines: [*lines[:-1], *[f"{part},traffic,jam,kata {part} {i}" for i in range(6)], ""],
            "more than 5",
        ),
        ("_sizes", lambda part, lines: [*lines[:-1], f"{part},lain,,kata {part}", ""], "other labels"),
        (
            "_likeness",
            lambda part, lines: [re.sub(r",traffic,(\w*,[^\"]*)$", r",traffic,\1 ?", line) for line in lines],
            "differ in question",
        ),
        (
            "_kinds",
            lambda part, lines: [*lines[:-1], f"{part},non_traffic,jam,kata {part}", ""],
            "posts of a kind that is not of their label",
        ),
    ],
    ids=["few", "family", "overlap", "large", "label", "shortcut", "kind"],
)
def test_a_breach_is_found(check: ModuleType, tmp_path: Path, look: str, change: Change, reason: str) -> None:
    copy(tmp_path, change)
    train, test = (read([str(tmp_path / f"posts-{part}.csv")]) for part in ("train", "test"))
    given: dict[str, list[Any]] = {
        "_sizes": [{"train": train, "test": test}],
        "_overlap": [train, test],
        "_likeness": [[*train, *test]],
        "_kinds": [[*train, *test], read([str(tmp_path / "posts-train.csv")], choices=check.BY_KIND)],
    }
    found = getattr(check, look)(*given[look])
    assert any(reason in breach for breach in found), found


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("n00000,traffic,non_traffic non_traffic,,train", "do not follow from their readers' answers: ['n00000']"),
        ("n00000,non_traffic,jam non_traffic,,train", "do not follow from their readers' answers: ['n00000']"),
        ("n00000,traffic,jam jam,flood,train", "do not follow from their readers' answers: ['n00000']"),
        ("n00000,non_traffic,non_traffic nobody,,train", "do not follow from their readers' answers: ['n00000']"),
        ("n00001,non_traffic,non_traffic non_traffic,,train", "a real post has two rows"),
    ],
    ids=["label", "third", "kind", "answer", "twice"],
)
def test_a_label_of_a_real_post_follows_from_its_readers_answers(
    check: ModuleType, tmp_path: Path, row: str, reason: str
) -> None:
    copy(tmp_path, lambda part, lines: lines)
    header, _, *rest = (DATA / "real-labels.csv").read_text("utf-8").split("\n")
    (tmp_path / "real-labels.csv").write_text("\n".join([header, row, *rest]), "utf-8")
    vars(check)["HERE"] = tmp_path
    assert any(reason in breach for breach in check._real())


def test_a_later_reading_of_a_post_without_a_label_is_a_breach(
    check: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy(tmp_path, lambda part, lines: lines)
    with (tmp_path / "later-reading.csv").open("a", encoding="utf-8") as file:
        file.write("n99999,traffic\n")
    vars(check)["HERE"] = tmp_path
    with pytest.raises(SystemExit) as ended:
        check.main()
    assert ended.value.code == 1
    assert "later-reading.csv has posts or labels that are unknown: ['n99999']" in capsys.readouterr().err


def test_real_posts_are_in_the_repository_by_id_and_label_alone() -> None:
    header, *later = (DATA / "later-reading.csv").read_text("ascii").splitlines()
    assert header == "id,label" and all(re.fullmatch(r"n\d{5},[a-z_?]+", row) for row in later)
    header, *rows = (DATA / "real-labels.csv").read_text("ascii").splitlines()
    assert header == "id,label,readers,kind,part"
    assert all(re.fullmatch(r"n\d{5},[a-z_?]+,[a-z_? ]+,[a-z]*,[a-z_]+", row) for row in rows)
    assert len(rows) == 5_199


@pytest.mark.parametrize("name", ["world", "hard", "hard-test"])
def test_another_label_and_a_text_of_another_file_are_breaches_in_each_other_file(
    check: ModuleType, tmp_path: Path, name: str
) -> None:
    copy(tmp_path, lambda part, lines: lines)
    with (tmp_path / f"posts-{name}.csv").open("a", encoding="utf-8") as file:
        family = "x-1," if name == "hard" else ""
        file.write(f"{family}traffic,jam,lapar\n{family}perhaps,,yang ini belum pernah ada\n")
    files = {kind: read([str(tmp_path / f"posts-{kind}.csv")]) for kind in ("world", "hard", "hard-test")}
    families = read([str(tmp_path / "posts-train.csv")])
    found = check._others(files, families)
    assert len(found) == 2 and "other labels" in found[0] and "the same text twice: ['lapar']" in found[1], found


def test_the_shipped_model_knows_hard_posts_that_it_has_not_seen_as_its_card_says(shipped: Classifier) -> None:
    hard = results(shipped, clean(read([str(DATA / "posts-hard-test.csv")])))
    card = Path(str(SHIPPED)).with_suffix(".md").read_text("utf-8")
    assert f"`tweetream evaluate data/posts-hard-test.csv`: {hard.tested} posts, accuracy {hard.accuracy:.2%}" in card
    assert hard.accuracy >= 0.91
    assert hard.calibration <= 0.03


def test_the_model_is_wrong_where_its_page_says_that_it_fails(shipped: Classifier) -> None:
    page = (ROOT / "docs/model.md").read_text("utf-8")
    chapter = page.partition("## Where it fails")[2].partition("\n## ")[0].replace("\n", " ")
    named = re.findall(r'"([^"]+)"', chapter)
    parts = [read([str(DATA / f"posts-{name}.csv")]) for name in ("test", "hard-test")]
    posts = clean([post for part in parts for post in part if any(post.text.startswith(text) for text in named)])
    assert len(posts) == len(named) >= 3
    assert results(shipped, posts).accuracy == 0


def test_the_shipped_models_card_tells_of_these_files_and_its_numbers_are_right(found: Result) -> None:
    card = Path(str(SHIPPED)).with_suffix(".md").read_text("utf-8")
    for part in ("train", "test"):
        digest = hashlib.sha256((DATA / f"posts-{part}.csv").read_bytes()).hexdigest()
        assert f"`posts-{part}.csv` (SHA-256 `{digest}`)" in card
    assert (
        f"Tested on {found.tested} posts: accuracy {found.accuracy:.4f}; calibration error {found.calibration:.4f}"
        in card
    )


def test_the_shipped_model_is_right_and_knows_how_often(found: Result) -> None:
    assert found.accuracy >= 0.96
    assert found.calibration <= 0.03


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("ojol gue stuck di kuningan", "traffic"),
        ("rezeki lancar", "non_traffic"),
        ("07.12 wib lalin simpang Krapyak terpantau ramai lancar", "traffic"),
        ("payment stuck since monday", "non_traffic"),
        ("been on this bus 50 mins, not moving", "traffic"),
        ("strawberry jam on toast", "non_traffic"),
    ],
)
def test_everyday_words_that_borrow_from_traffic_do_not_deceive_it(shipped: Classifier, text: str, label: str) -> None:
    assert shipped.predict([Cleaner().clean(normalise(text))])[0] == [label]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "ui ui ui",
            "la la la",
            "ha",
            "Jakarta",
            "kuningan",
            "sudirman",
            "EDSA",
            "bus",
            "truck",
            "ojek",
            "toyota avanza",
        ),
        *("self driving cars.", "driverless buses", "#Boston #Job Regional Truck Driver"),
        "Delhi traffic cops breaking road rules to pay double penalty",
        "Traffic police fined 300 bikers in Pune",
    ],
)
def test_a_place_a_vehicle_a_syllable_or_an_offence_alone_is_no_report(shipped: Classifier, text: str) -> None:
    assert shipped.predict([Cleaner().clean(normalise(text))])[0] == ["non_traffic"]


def test_no_shortcut_of_length_or_punctuation_knows_the_label() -> None:
    """Properties that are alike on average may tell the labels together; a tree over them should be near chance."""
    from sklearn.model_selection import cross_val_score
    from sklearn.tree import DecisionTreeClassifier

    posts: list[LabelledPost] = read([str(DATA / "posts-train.csv")])

    def shape(text: str) -> list[float]:
        return [len(text), len(text.split()), "?" in text, "!" in text, "#" in text, "@" in text, not text.isascii()]

    tree = DecisionTreeClassifier(max_depth=4, random_state=1)
    scores = cross_val_score(tree, [shape(post.text) for post in posts], [post.label for post in posts], cv=5)
    assert scores.mean() < 0.6
