"""`tweetream archive`: what is wrong with its options or its archive is one line, and erasing an author."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from support.archives import numbered, store
from support.kafka.deployment import Deployment
from support.settings import nothing_set

from tweetream.archive.address import parse_address
from tweetream.archive.feed_reader import retractions_of
from tweetream.cli import demo
from tweetream.cli.main import main
from tweetream.kafka.embedded import EmbeddedBroker
from tweetream.kafka.readers import last_records


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nothing_set(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ["--to", "mysql://me:secret@db/x"],
            "'mysql://me:***@db/x' is not the address of an archive; write sqlite:///FILE",
        ),
        (["--to", "sqlite:///no/posts.db"], "there is no folder"),
        (["--retention", "long"], "--retention: write a time such as 30s, 5m, 12h or 7d"),
        (["erase", "--author", "nobody"], "there is no post of 'nobody'; write the name as the posts have it"),
        (["erase", "--author", "nobody", "--to", "posts.db"], "'posts.db' is not the address of an archive"),
    ],
)
def test_what_is_wrong_is_one_line(options: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["archive", *options])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and line in said and said.count("\n") == 1 and "secret" not in said


def test_without_an_address_it_is_that_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TWEETREAM_ARCHIVE", "sqlite:///missing/mine.db")
    with pytest.raises(SystemExit):
        main(["archive"])
    assert "missing" in capsys.readouterr().err


async def test_an_author_is_erased_from_the_archive_and_retracted_from_the_feeds(
    embedded_broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TWEETREAM_BROKER", embedded_broker.url)
    monkeypatch.setenv("TWEETREAM_NAMESPACE", "n")
    archive = store(f"sqlite:///{tmp_path}/posts.db")
    archive.open()
    archive.write(numbered(*range(20)))
    deployment = await Deployment(embedded_broker, "n").start()
    command = ["archive", "erase", "--author", "@author3", "--to", f"sqlite:///{tmp_path}/posts.db"]
    with pytest.raises(SystemExit) as ended:
        await asyncio.to_thread(main, command)
    assert ended.value.code == 0, capsys.readouterr().err
    assert "3 posts of @author3 erased" in capsys.readouterr().out
    erased = [f"replay:posts.txt:{n}" for n in (3, 10, 17)]
    found = await last_records(deployment.kafka, retractions_of("n"), 10)
    assert sorted(raw.key.decode() for raw in found) == sorted(erased)
    with sqlite3.connect(tmp_path / "posts.db") as database:
        ids = {row[0] for row in database.execute("SELECT id FROM posts")}
    assert len(ids) == 17 and not ids & set(erased)
    archive.write(numbered(3, 30))
    with sqlite3.connect(tmp_path / "posts.db") as database:
        assert database.execute("SELECT count(*) FROM posts").fetchone() == (18,), "an erased post does not come back"
    await deployment.stop()


def test_a_demo_takes_a_file_or_the_address_of_an_archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert demo._archive(None) == "" and demo._archive("sqlite:///x.db") == "sqlite:///x.db"
    assert parse_address(demo._archive("my posts.db")).place == f"{tmp_path}/my posts.db"
    for given, line in (("parquet:x", "files cannot be searched"), ("mysql://x", "is not the address of an archive")):
        with pytest.raises(SystemExit):
            demo._archive(given)
        assert line in capsys.readouterr().err
