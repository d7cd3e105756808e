"""`tweetream classify`: the same rows in their order, with label and score, from every form of input."""

import bz2
import csv
import gzip
import io
import json
import os
import pty
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from tweetream.classifier.dataset import Post
from tweetream.classifier.training import save, train

COMMAND = [sys.executable, "-m", "tweetream", "classify"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model: what has `macet` is traffic."""
    posts = [Post(f"macet kata{i % 7} nomor{i % 5}", "traffic") for i in range(40)]
    posts += [Post(f"rezeki kata{i % 7} nomor{i % 5}", "talk") for i in range(40)]
    path = tmp_path_factory.mktemp("model") / "m.skops"
    save(train([post._replace(text=f"{post.text} x{i}") for i, post in enumerate(posts)], "words-svm"), path)
    return path


def classify(model: Path, *arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, "--model", str(model), *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, env=clean())


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TWEETREAM_")}


def rows(output: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output.decode("utf-8", "surrogateescape"), newline="")))


def test_standard_input_is_a_post_a_line(model: Path) -> None:
    done = classify(model, stdin='macet kata1\nrezeki, "kata2"\nmacet\u2028kata3\r\n'.encode())
    found = rows(done.stdout)
    assert [row["label"] for row in found] == ["traffic", "talk", "traffic"]
    assert [row["text"] for row in found] == ["macet kata1", 'rezeki, "kata2"', "macet\u2028kata3"]
    assert all(0.5 <= float(row["score"]) <= 1 for row in found)
    assert done.stderr == b"" and done.returncode == 0


def test_columns_order_quotes_and_newlines_of_a_csv_are_kept(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text(
        'id,isi,"a ""b"""\n1,"macet,\nkata1",x\n2,"rezeki ""kata2""","y\r\nz"\n\n3,macet,\n', "utf-8", newline=""
    )
    done = classify(model, path, "--column", "isi")
    assert done.stdout.decode().splitlines()[0] == 'id,isi,"a ""b""",label,score'
    found = rows(done.stdout)
    assert [row["isi"] for row in found] == ["macet,\nkata1", 'rezeki "kata2"', "macet"]
    assert [row['a "b"'] for row in found] == ["x", "y\r\nz", ""]
    assert [row["label"] for row in found] == ["traffic", "talk", "traffic"]


def test_a_column_that_is_called_label_goes_on_under_another_name(model: Path) -> None:
    done = classify(model, "--column", "text", stdin=b"text,label,score\nmacet,old,7\n")
    (row,) = rows(done.stdout)
    assert (row["given_label"], row["given_score"], row["label"]) == ("old", "7", "traffic")


def test_a_bad_row_is_kept_with_an_empty_label_and_counted(model: Path) -> None:
    done = classify(model, "--column", "text", stdin=b"id,text\n1,macet\n2\n3, \n4,rezeki,more\n5,rezeki\n")
    lines = done.stdout.decode().splitlines()
    assert lines[1].startswith("1,macet,traffic,") and lines[5].startswith("5,rezeki,talk,")
    assert lines[2] == "2,,," and lines[3] == "3, ,,"
    assert lines[4].startswith("4,rezeki,,,") and lines[4].endswith("more")
    assert done.stderr.decode() == "tweetream: 3 of 5 rows could not be classified and have an empty label\n"


def test_lines_of_json_keep_what_they_have(model: Path) -> None:
    stdin = b'{"text": "macet", "n": {"a": [1]}}\nnot json\n{"other": 1}\n[1]\n{"text": "rezeki \\u00e9"}\n'
    done = classify(model, "--input-format", "jsonl", stdin=stdin)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["label"] for row in found] == ["traffic", "", "", "", "talk"]
    assert found[0]["n"] == {"a": [1]} and found[1]["text"] == "not json" and found[2]["other"] == 1
    assert "3 of 5" in done.stderr.decode()


def test_json_that_cannot_be_written_again_as_it_came_stops_nothing(model: Path) -> None:
    """Half of a character that JSON escapes has no UTF-8, and numbers without end no JSON."""
    stdin = b'{"text": "macet"}\n{"text": "\\ud800 macet"}\n{"text": "macet", "n": 1e999}\n{"text": "rezeki"}\n'
    done = classify(model, "--input-format", "jsonl", stdin=stdin)
    found = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    assert [row["label"] for row in found] == ["traffic", "traffic", "", "talk"]
    assert found[1]["text"] == "\ufffd macet" and "1 of 4" in done.stderr.decode()


def test_the_columns_of_json_lines_are_those_of_the_first_that_can_be_read(model: Path) -> None:
    stdin = b'broken\n{"id": 7, "text": "macet"}\n'
    done = classify(model, "--input-format", "jsonl", "--output-format", "csv", stdin=stdin)
    assert [(row["id"], row["label"]) for row in rows(done.stdout)] == [("", ""), ("7", "traffic")]


def test_a_line_too_long_is_a_bad_row_and_costs_no_more_than_itself(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("macet\n" + "a" * 30_000_000 + "\nrezeki\n", "utf-8")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30,) * 2); "
    code = f"{limit}from tweetream.cli.main import main; main()"
    command = [sys.executable, "-c", code, "classify", "--model", str(model), str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, env=clean() | {"OMP_NUM_THREADS": "1"})
    assert done.stderr.decode() == "tweetream: 1 of 3 rows could not be classified and have an empty label\n"
    assert done.stdout.endswith(b",,\nrezeki,talk," + done.stdout.rpartition(b",")[2])


def test_a_full_disk_and_closed_streams_are_one_line(model: Path) -> None:
    for redirect, reason in (("> /dev/full", "cannot be written"), (">&-", "is closed"), ("<&-", "is closed")):
        line = f'printf "macet\\n" | {sys.executable} -m tweetream classify --model {model} {redirect}'
        line = line.removeprefix('printf "macet\\n" | ') if redirect == "<&-" else line
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, env=clean())
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and reason in done.stderr, redirect


def test_json_becomes_csv_and_csv_json(model: Path) -> None:
    done = classify(model, "--input-format", "jsonl", "--output-format", "csv", stdin=b'{"id": 1, "text": "macet"}\n')
    assert rows(done.stdout)[0]["id"] == "1"
    done = classify(model, "--column", "text", "--output-format", "jsonl", stdin=b"id,text\n1,macet\n")
    assert json.loads(done.stdout)["label"] == "traffic"


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), ("", bytes)])
def test_packed_files_are_unpacked(model: Path, tmp_path: Path, suffix: str, pack) -> None:
    path = tmp_path / f"posts.csv{suffix}"
    path.write_bytes(pack(b"text\nmacet\n"))
    assert rows(classify(model, path).stdout)[0]["label"] == "traffic"


def test_bytes_that_are_no_utf_8_go_through_as_they_came(model: Path) -> None:
    assert b"macet \xff kata1,traffic" in classify(model, stdin=b"macet \xff kata1\n").stdout


@pytest.mark.parametrize(
    ("arguments", "stdin", "reason"),
    [
        (["/no/such/file"], b"", "cannot be read"),
        (["--column", "isi"], b"text\nmacet\n", "no column 'isi'"),
        (["--column", "text"], b"text,text\nmacet,macet\n", "same name"),
        (["--column", "text"], b"", "nothing"),
        (["--model", "/no/such/model"], b"", "cannot be used"),
    ],
)
def test_what_cannot_be_read_at_all_is_one_line(model: Path, arguments: list[str], stdin: bytes, reason: str) -> None:
    done = classify(model, *arguments, stdin=stdin)
    assert done.returncode == 2 and done.stdout == b""
    assert reason in done.stderr.decode() and len(done.stderr.splitlines()) == 1


def test_a_damaged_archive_is_one_line(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "posts.txt.gz"
    path.write_bytes(gzip.compress(b"macet\n" * 5_000)[:-20])
    done = classify(model, path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


def test_a_reader_that_goes_away_ends_it_without_a_traceback(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "posts.txt"
    path.write_text("macet kata1\n" * 50_000, "utf-8")
    with subprocess.Popen(
        [*COMMAND, "--model", str(model), str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean()
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == b"text,label,score\n"
        process.stdout.close()
        assert process.wait(30) == 1
        assert process.stderr.read() == b""


def test_a_terminal_sees_a_progress_bar_and_a_pipe_none(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "posts.txt"
    path.write_text("macet kata1\n" * 5_000, "utf-8")
    assert classify(model, path).stderr == b""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the terminal's other end is closed
                return
            if not part:
                return
            seen.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    subprocess.run(
        [*COMMAND, "--model", str(model), str(path)], stdout=subprocess.DEVNULL, stderr=theirs, env=clean(), timeout=60
    )
    os.close(theirs)
    reader.join(10)
    os.close(ours)
    assert b"classify" in seen and b"%" in seen


def test_memory_does_not_grow_with_the_file(model: Path, tmp_path: Path) -> None:
    """A file of a year's posts must not need a machine of its size."""
    measured = []
    for lines in (2_000, 200_000):
        path = tmp_path / f"{lines}.txt"
        path.write_text("".join(f"macet kata{i} lain{i}\n" for i in range(lines)), "utf-8")
        code = (
            "import resource, sys; from tweetream.cli.main import main\n"
            "try: main(sys.argv[1:])\n"
            "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
        )
        command = [sys.executable, "-c", code, "classify", "--model", str(model), str(path)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=clean(), timeout=120)
        measured.append(int(done.stderr.split()[-1]))
    assert measured[1] < measured[0] + 40_000, f"KiB: {measured}"


def test_rows_come_out_before_the_input_ends(model: Path) -> None:
    """Posts that are piped in live must not wait for a full buffer or the end."""
    with subprocess.Popen(
        [*COMMAND, "--model", str(model)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean()
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(b"macet\n" * 1_000)
        process.stdin.flush()
        assert process.stdout.readline() == b"text,label,score\n"
        assert process.stdout.readline().startswith(b"macet,traffic,")
        process.stdin.close()
