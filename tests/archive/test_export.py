"""Exports of an archive: each post once with all its topics, in every format, whole or to be gone on with."""

import csv
import io
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from support.archives import batch, row, store
from support.kafka.deployment import entry
from support.settings import nothing_set
from support.terminal import terminal

from tweetream.archive import export
from tweetream.archive.address import parse_address
from tweetream.archive.batch import Batch
from tweetream.archive.search import ArchiveReader, Search
from tweetream.cli.main import main
from tweetream.models.post_files import BOM, COLUMNS
from tweetream.settings import Settings
from tweetream.sources import Context, open_source

HOSTILE = ['=HYPERLINK("http://evil.example")', 'baris\nkedua, "kutip"', "渋滞 🚗 \u2028 x", "-1+1|cmd"]


@pytest.fixture
def archive(file: Path) -> Path:
    """Twenty posts of `macet`, and of these and ten more the even ones of `tol`."""
    found = store(f"sqlite:///{file}")
    found.open()
    texts = dict(enumerate(HOSTILE))
    found.write(batch(entry(n, text=texts.get(n, "")) for n in range(20)))
    found.write(Batch([row(entry(n, "tol", texts.get(n, "")), "tol") for n in range(0, 30, 2)]))
    found.close()
    return file


def run(archive: Path, *options: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["export", "macet,tol", "--from", f"sqlite:///{archive}", *options])
    return int(ended.value.code or 0)


def ids(numbers: Any) -> list[str]:
    return [entry(n).id for n in numbers]


ALL = [*range(20), *range(20, 30, 2)]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nothing_set(monkeypatch, tmp_path)


def test_csv_is_whole_and_no_cell_is_a_formula(archive: Path, tmp_path: Path) -> None:
    assert run(archive, "--out", "posts.csv") == 0
    data = (tmp_path / "posts.csv").read_bytes()
    assert data.startswith(BOM)
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [found["id"] for found in rows] == ids(ALL) and tuple(rows[0]) == (*COLUMNS, "topics")
    assert rows[0]["text"] == "'" + HOSTILE[0] and rows[1]["text"] == HOSTILE[1] and rows[3]["text"].startswith("'-1")
    assert rows[2]["topics"].split() == ["macet", "tol"] and rows[1]["topics"] == "macet"
    assert sorted(path.name for path in tmp_path.iterdir() if "part" in path.name or "export" in path.name) == []


def test_a_terminal_sees_a_progress_bar_and_a_pipe_none(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(archive, "--out", "posts.csv") == 0
    assert "writing" not in capfd.readouterr().err
    with terminal() as (stream, seen), monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        assert run(archive, "--out", "again.csv") == 0
    assert b"writing" in seen and b"/35" in seen, seen


async def test_json_lines_replay_identically(archive: Path, tmp_path: Path) -> None:
    assert run(archive, "--out", "posts.jsonl", "--label", "traffic", "--min-score", "0.5") == 0
    lines = [json.loads(line) for line in (tmp_path / "posts.jsonl").read_text().splitlines()]
    wanted = [n for n in ALL if n % 2 == 0]
    assert [line["id"] for line in lines] == ids(wanted) and lines[1]["topics"] == ["macet", "tol"]
    source = open_source(f"replay:{tmp_path}/posts.jsonl?rate=0", Context(Settings(), dict))
    posts = [post async for chunk in source.chunks(None) for post in chunk.posts]
    texts = dict(enumerate(HOSTILE))
    assert [(post.id, post.text, post.source, post.author) for post in posts] == [
        (entry(n).id, texts.get(n, f"macet di jalan {n}"), "replay", f"author{n % 7}") for n in wanted
    ]
    assert [post.created_at for post in posts] == [1_790_000_000_000 + 1000 * n for n in wanted]


def test_parquet_and_sqlite_have_the_same_posts(archive: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    assert run(archive, "--out", "posts.parquet", "--since", "2026-09-21T14:13:25Z", "--until", "1790000022000") == 0
    found = parquet.read_table(tmp_path / "posts.parquet").to_pylist()
    assert [post["id"] for post in found] == ids([n for n in ALL if 5 <= n < 22])
    assert found[1]["topics"] == ["macet", "tol"] and found[0]["received_at"].isoformat() == "2026-09-21T14:13:25+00:00"
    assert run(archive, "--out", "copy.db") == 0
    with sqlite3.connect(tmp_path / "copy.db") as database:
        assert [id for (id,) in database.execute("SELECT id FROM posts ORDER BY key")] == ids(ALL)


def test_to_standard_output_it_is_csv(archive: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(archive) == 0
    assert capfdbinary.readouterr().out.count(b"\r\n") == len(ALL) + 1


def test_an_interrupted_export_goes_on_and_writes_each_post_once(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 4)
    reader = ArchiveReader(parse_address(f"sqlite:///{archive}"))
    out, read = tmp_path / "posts.jsonl", []

    def stop(number: int) -> None:
        read.append(number)
        if len(read) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export.to_file(out, reader, ["macet", "tol"], Search(), "jsonl", stop)
    unfinished = tmp_path / ".posts.jsonl.part"
    with unfinished.open("ab") as file:
        file.write(b'{"id":"half')
    assert not out.exists()
    read.append(0)
    export.to_file(out, reader, ["macet", "tol"], Search(), "jsonl", read.append)
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ids(ALL)
    assert sum(read) <= len(ALL) + 8, "what was written is not read again"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--format", "parquet"], "--out: parquet needs a file; name it"),
        (["--since", "soon"], "--since: 'soon' is not a time; write it as 2026-11-28"),
        (["--min-score", "2"], "--min-score: write a number from 0 to 1"),
        (["--out", "no/folder.csv"], "--out: no/folder.csv cannot be written: No such file or directory"),
        (["--from", "posts.db"], "'posts.db' is not the address of an archive"),
        (["--from", "sqlite:///none.db"], "there is no archive at sqlite:///none.db yet"),
        (["--from", "http://127.0.0.1:1"], "no worker answers at http://127.0.0.1:1"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_one_line(
    archive: Path, options: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(archive, *options) == 2
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1


def test_a_bad_topic_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", "Bad Topic"])
    assert "a topic's name is 1 to 64" in capsys.readouterr().err
