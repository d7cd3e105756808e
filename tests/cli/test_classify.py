"""`tweetream classify`: the same rows in their order, with label and score, from every format of input."""

import bz2
import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[bytes]]  # a command in this process


@pytest.fixture
def classify(tweetream: Run, model: Path) -> Run:
    return lambda *arguments, stdin=b"": tweetream("classify", "--model", model, *arguments, stdin=stdin)


def rows(output: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output.decode("utf-8", "surrogateescape"), newline="")))


def test_standard_input_is_a_post_a_line(classify: Run) -> None:
    done = classify(stdin='macet kata1\nrezeki, "kata2"\nmacet\u2028kata3\r\n'.encode())
    found = rows(done.stdout)
    assert [row["label"] for row in found] == ["traffic", "talk", "traffic"]
    assert [row["text"] for row in found] == ["macet kata1", 'rezeki, "kata2"', "macet\u2028kata3"]
    assert all(0.5 <= float(row["score"]) <= 1 for row in found)
    assert done.stderr == b"" and done.returncode == 0


def test_a_quote_that_does_not_close_costs_its_own_row(classify: Run, tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text('text\nmacet kata1\n"tidak tutup\nmacet kata2\nmacet kata3\n', "utf-8")
    done = classify(path)
    assert [row["label"] for row in rows(done.stdout)] == ["traffic", "", "traffic", "traffic"]
    assert b"1 of 4 rows could not be classified" in done.stderr


def test_columns_order_quotes_and_newlines_of_a_csv_are_kept(classify: Run, tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text(
        'id,isi,"a ""b"""\n1,"macet,\nkata1",x\n2,"rezeki ""kata2""","y\r\nz"\n\n3,macet,\n', "utf-8", newline=""
    )
    done = classify(path, "--column", "isi")
    assert done.stdout.decode().splitlines()[0] == 'id,isi,"a ""b""",label,score,model,model_sha256'
    found = rows(done.stdout)
    assert [row["isi"] for row in found] == ["macet,\nkata1", 'rezeki "kata2"', "macet"]
    assert [row['a "b"'] for row in found] == ["x", "y\r\nz", ""]
    assert [row["label"] for row in found] == ["traffic", "talk", "traffic"]


def test_every_row_names_its_model_and_may_have_all_scores(classify: Run, model: Path) -> None:
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    done = classify("--scores", stdin=b"macet kata1\nqwxyz\n")
    known, unknown = rows(done.stdout)
    assert {(row["model"], row["model_sha256"]) for row in (known, unknown)} == {(model.name, digest)}
    assert json.loads(known["scores"])["traffic"] == float(known["score"])
    assert (unknown["label"], unknown["score"], unknown["scores"]) == ("", "", "")
    found = [
        json.loads(line) for line in classify("--output-format", "jsonl", stdin=b"macet\nqwxyz\n").stdout.splitlines()
    ]
    assert (found[1]["label"], found[1]["score"], found[1]["model"]) == (None, None, model.name)
    assert "scores" not in found[0] and found[0]["label"] == "traffic"


def test_a_column_that_is_called_label_goes_on_under_another_name(classify: Run) -> None:
    done = classify("--column", "text", stdin=b"text,label,score\nmacet,old,7\n")
    (row,) = rows(done.stdout)
    assert (row["given_label"], row["given_score"], row["label"]) == ("old", "7", "traffic")


def test_a_bad_row_is_kept_with_an_empty_label_and_counted(classify: Run) -> None:
    done = classify("--column", "text", stdin=b"id,text\n1,macet\n2\n3, \n4,rezeki,more\n5,rezeki\n")
    lines = done.stdout.decode().splitlines()
    assert lines[1].startswith("1,macet,traffic,") and lines[5].startswith("5,rezeki,talk,")
    assert lines[2].startswith("2,,,,m") and lines[3].startswith("3, ,,,m")
    assert lines[4].startswith("4,rezeki,,,") and lines[4].endswith("more")
    assert done.stderr.decode() == "tweetream: 3 of 5 rows could not be classified and have an empty label\n"


def test_lines_of_json_keep_what_they_have(classify: Run) -> None:
    stdin = b'{"text": "macet", "n": {"a": [1]}}\nnot json\n{"other": 1}\n[1]\n{"text": "rezeki \\u00e9"}\n'
    done = classify("--input-format", "jsonl", stdin=stdin)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["label"] for row in found] == ["traffic", "", "", "", "talk"]
    assert found[0]["n"] == {"a": [1]} and found[1]["text"] == "not json" and found[2]["other"] == 1
    assert "3 of 5" in done.stderr.decode()


def test_json_that_cannot_be_written_again_as_it_came_stops_nothing(classify: Run) -> None:
    """UTF-8 has no half characters, which JSON can escape; JSON has no infinite numbers."""
    stdin = b'{"text": "macet"}\n{"text": "\\ud800 macet"}\n{"text": "macet", "n": 1e999}\n{"text": "rezeki"}\n'
    done = classify("--input-format", "jsonl", stdin=stdin)
    found = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    assert [row["label"] for row in found] == ["traffic", "traffic", "", "talk"]
    assert found[1]["text"] == "\ufffd macet" and "1 of 4" in done.stderr.decode()


def test_the_columns_of_json_lines_are_those_of_the_first_that_can_be_read(classify: Run) -> None:
    stdin = b'broken\n{"id": 7, "text": "macet"}\n'
    done = classify("--input-format", "jsonl", "--output-format", "csv", stdin=stdin)
    assert [(row["id"], row["label"]) for row in rows(done.stdout)] == [("", ""), ("7", "traffic")]


def test_json_becomes_csv_and_csv_json(classify: Run) -> None:
    done = classify("--input-format", "jsonl", "--output-format", "csv", stdin=b'{"id": 1, "text": "macet"}\n')
    assert rows(done.stdout)[0]["id"] == "1"
    done = classify("--column", "text", "--output-format", "jsonl", stdin=b"id,text\n1,macet\n")
    assert json.loads(done.stdout)["label"] == "traffic"


def test_no_cell_of_the_csv_is_a_formula_and_json_keeps_its_text(classify: Run) -> None:
    stdin = b"""text,=x,n\n@rina macet,=1+1,-5\n"macet;""=cmd|'/c calc'!A1;x",b,+6.2\nrezeki,c,1,=more\n"""
    done = classify("--column", "text", stdin=stdin)
    found = rows(done.stdout)
    assert [row["text"] for row in found] == ["'@rina macet", "macet;\"'=cmd|'/c calc'!A1;x", "rezeki"]
    assert [(row["'=x"], row["n"]) for row in found] == [("'=1+1", "-5"), ("b", "+6.2"), ("c", "1")]
    assert done.stdout.decode().rstrip().endswith(",'=more") and [row["label"] for row in found][0] == "traffic"
    done = classify("--column", "text", "--output-format", "jsonl", stdin=stdin)
    assert json.loads(done.stdout.splitlines()[0])["text"] == "@rina macet"


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), ("", bytes)])
def test_packed_files_are_unpacked(classify: Run, tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"posts.csv{suffix}"
    path.write_bytes(pack(b"text\nmacet\n"))
    assert rows(classify(path).stdout)[0]["label"] == "traffic"


def test_bytes_that_are_no_utf_8_go_through_as_they_came(classify: Run) -> None:
    assert b"macet \xff kata1,traffic" in classify(stdin=b"macet \xff kata1\n").stdout
    done = classify("--input-format", "jsonl", stdin=b'{"text": "macet \xff kata1"}\n')
    assert b'"text": "macet \xff kata1", "label": "traffic"' in done.stdout


@pytest.mark.parametrize(
    ("arguments", "stdin", "reason"),
    [
        (["/no/such/file"], b"", "cannot be read"),
        (["--column", "isi"], b"text\nmacet\n", "no column 'isi'"),
        (["--column", "text"], b"text,text\nmacet,macet\n", "same name"),
        (["--column", "text"], b"", "is empty: give a file with posts"),
        (["--model", "/no/such/model"], b"", "there is no model"),
    ],
)
def test_what_cannot_be_read_at_all_is_one_line(classify: Run, arguments: list[str], stdin: bytes, reason: str) -> None:
    done = classify(*arguments, stdin=stdin)
    assert done.returncode == 2 and done.stdout == b""
    assert reason in done.stderr.decode() and len(done.stderr.splitlines()) == 1


def test_a_damaged_archive_is_one_line(classify: Run, tmp_path: Path) -> None:
    path = tmp_path / "posts.txt.gz"
    path.write_bytes(gzip.compress(b"macet\n" * 5_000)[:-20])
    done = classify(path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
