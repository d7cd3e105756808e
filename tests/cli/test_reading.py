"""Every subcommand that reads a file takes the same choices, and says in one line how it reads the file."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tweetream.classifier.dataset import BadData, LabelledPost
from tweetream.cli.file_options import choices_of
from tweetream.cli.labelled_posts import read
from tweetream.cli.main import _parser
from tweetream.sources.replay.choices import MEANINGS, Choices, choose

Run = Callable[..., CompletedProcess[bytes]]  # a command in this process
POSTS = [(f"macet kata{n % 9} x{n}", "a") for n in range(60)] + [(f"rezeki kata{n % 9} y{n}", "b") for n in range(60)]


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("command", [["classify", "f"], ["train", "f"], ["evaluate", "f"]])
def test_every_reading_subcommand_takes_every_choice(command: list[str]) -> None:
    given = [part for meaning in MEANINGS for part in (f"--{meaning}", f"my {meaning}")]
    more = ["--encoding", "cp1252", "--separator", "pipe", "--day-first", "--input-format", "csv"]
    choices = choices_of(_parser().parse_args([*command, *given, *more]))
    assert choices.columns == {meaning: f"my {meaning}" for meaning in MEANINGS}
    assert (choices.encoding, choices.separator, choices.day_first, choices.format) == ("cp1252", "|", True, "csv")
    assert choices_of(_parser().parse_args([*command, "--columns", "a, text"])).names == ("a", "text")
    assert choices_of(_parser().parse_args([*command, "--column", "isi"])).columns == {"text": "isi"}


def test_classify_says_how_it_reads_a_file_and_what_would_mend_it(tweetream: Run, model: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "posts.csv", "no;isi\n1;macet kata1\n2;rezeki kata2\n")
    done = tweetream("classify", "--model", model, path)
    assert done.stderr.decode() == "tweetream: posts.csv: text from isi, ; as separator, 2 rows\n"
    assert [row["label"] for row in csv.DictReader(io.StringIO(done.stdout.decode()))] == ["traffic", "talk"]
    path.write_bytes("no;keluhan warga\n1;café macet\n".encode("cp1252"))
    done = tweetream("classify", "--model", model, path)
    assert done.returncode == 2 and b"name the column of the text with --text 'keluhan warga'" in done.stderr
    done = tweetream("classify", "--model", model, path, "--text", "keluhan warga")
    assert b"--encoding cp1252" in done.stderr and b"caf\xe9 macet" in done.stdout
    done = tweetream("classify", "--model", model, path, "--text", "keluhan warga", "--encoding", "cp1252")
    assert b"characters" not in done.stderr and "café macet".encode() in done.stdout


@pytest.mark.parametrize(
    "arguments, why",
    [
        (["--encoding", "nothing"], "encoding is the name of one"),
        (["--separator", "dash"], "separator is comma, semicolon, tab or pipe"),
        (["--columns", "a,a"], "columns has a name twice"),
        (["--columns", "a,b", "--text", "c"], "there is no column 'c'"),
    ],
)
def test_a_choice_that_cannot_be_is_one_line(tweetream: Run, model: Path, arguments: list[str], why: str) -> None:
    for command in (["classify", "--model", model, "-"], ["evaluate", "f.csv"]):
        done = tweetream(*command, *arguments)
        assert done.returncode == 2 and why in done.stderr.decode() and done.stderr.count(b"\n") == 1


def test_a_page_is_a_row_for_each_post(tweetream: Run, model: Path) -> None:
    page = {"data": [{"id": str(10**18 + n), "text": f"macet {n}", "author_id": "7"} for n in range(3)]}
    done = tweetream("classify", "--model", model, stdin=json.dumps(page).encode() + b"\n")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["id"], row["text"], row["label"]) for row in found] == [
        (f"x:{10**18 + n}", f"macet {n}", "traffic") for n in range(3)
    ]


def test_a_post_of_a_network_has_its_text_in_the_row(tweetream: Run, model: Path) -> None:
    status = {"id": "1", "uri": "https://a.example/1", "content": "<p>macet</p><p>lagi</p>", "account": {"acct": "a"}}
    done = tweetream("classify", "--model", model, stdin=json.dumps(status).encode() + b"\n")
    row = json.loads(done.stdout)
    assert (row["text"], row["label"], row["content"]) == ("macet\nlagi", "traffic", status["content"])


def test_labelled_posts_come_from_every_kind_of_file(tmp_path: Path) -> None:
    expected = [LabelledPost(*post) for post in POSTS]
    table = "".join(f"{label}\t{text}\n" for text, label in POSTS)
    for name in ("posts.tsv", "posts.csv", "posts.txt"):
        assert read([str(write(tmp_path / name, "label\tfull_text\n" + table))], tell=print) == expected
    lines = "".join(json.dumps({"full_text": text, "id_str": "1", "label": label}) + "\n" for text, label in POSTS)
    assert read([str(write(tmp_path / "posts.jsonl", lines))]) == expected
    whole = json.dumps([{"isi": text, "kelas": label} for text, label in POSTS])
    chosen = choose(columns={"label": "kelas"})
    assert read([str(write(tmp_path / "posts.json", whole))], choices=chosen) == expected
    path = write(tmp_path / "no header.csv", "".join(f"{label},{text}\n" for text, label in POSTS))
    assert read([str(path)], choices=choose(columns={}, names="label,text")) == expected
    for name in ("a.tsv", "a.csv"):
        path = write(tmp_path / name, "id\ttweet\n" + "".join(f"{n}\t{text}\n" for n, (text, _) in enumerate(POSTS)))
        assert read([f"x={path}"], tell=print) == [LabelledPost(text, "x") for text, _ in POSTS]


def test_lines_that_are_no_posts_cost_no_training_and_are_counted(tmp_path: Path) -> None:
    said: list[str] = []
    path = write(tmp_path / "a.jsonl", '{"text": "macet"}\nnot json\n{"limit": {"track": 5}}\n')
    assert read([f"x={path}"], tell=said.append) == [LabelledPost("macet", "x")]
    assert said == [f"{path}: left out 1 malformed, 1 not_a_post"]
    with pytest.raises(BadData, match="no posts"):
        read([str(path)])


def test_a_file_of_labels_says_how_to_name_its_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "isi,kelas\nmacet,a\n")
    with pytest.raises(BadData, match=r"line 1: no columns text and label; name them with --text NAME --label NAME"):
        read([str(path)], choices=Choices(command_line=True))
    with pytest.raises(BadData, match=rf"write LABEL={path} \(there are: isi, kelas\)"):
        read([str(path)])


def test_train_and_evaluate_take_the_choices(tweetream: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "posts.csv", "kelas;isi\n" + "".join(f"{label};{text}\n" for text, label in POSTS))
    options = ("--label", "kelas", "--classifier", "words-svm")
    done = tweetream("evaluate", path, *options, "--folds", "3", "--json")
    assert json.loads(done.stdout)["posts"] == 120
    said = "tweetream: posts.csv: text from isi, label from kelas, ; as separator, 120 rows\n"
    assert done.stderr.decode() == said
    done = tweetream("train", path, *options, "--out", tmp_path / "m.skops")
    assert done.returncode == 0 and done.stderr.decode() == said
