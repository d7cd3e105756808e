"""An archive in SQLite: what goes wrong is one line, nothing is lost, and what waiting can mend goes on."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.archives import FEED, numbered, store

from tweetream.archive import database, schema
from tweetream.archive.errors import ArchiveUnavailable, BadArchive
from tweetream.archive.lock import TTL, Lock


def make(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_full_disk_loses_nothing_and_the_same_batch_is_written_later(file: Path, rows: Any) -> None:
    archive: Any = store(f"sqlite:///{file}")
    archive.open()
    archive.write(numbered(1, 2))
    with archive._engine.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {file.stat().st_size // 4096}")
    many = numbered(*range(3, 3000))
    with pytest.raises(ArchiveUnavailable, match="database or disk is full"):
        archive.write(many)
    assert len(rows()) == 2
    assert archive.open()[FEED].next_offset == 3, "the offsets are those of the rows"
    assert archive.write(many) == 2997 and len(rows()) == 2999


def test_a_locked_database_is_waited_for(file: Path, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY", 0.02)
    archive = store(f"sqlite:///{file}")
    archive.open()
    other = sqlite3.connect(file)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ArchiveUnavailable, match="database is locked"):
        archive.write(numbered(1))
    other.close()
    archive.open()
    assert archive.write(numbered(1)) == 1 and len(rows()) == 1


@pytest.mark.parametrize("name", ["posts", "archive", "feeds", "posts_search"])
def test_a_table_of_somebody_else_is_left_alone(file: Path, name: str, rows: Any) -> None:
    make(file, f"CREATE TABLE {name} (mine)", f"INSERT INTO {name} VALUES (7)")
    with pytest.raises(BadArchive, match=f"a table '{name}' that is not ours: give another database"):
        store(f"sqlite:///{file}").open()
    assert rows("SELECT name FROM sqlite_master") == [name] and rows(f"SELECT * FROM {name}") == [7]


def test_an_archive_of_a_newer_release_is_left_alone(file: Path) -> None:
    store(f"sqlite:///{file}").open()
    make(file, "UPDATE archive SET version = 99")
    with pytest.raises(BadArchive, match=f"schema version 99, this release reads {schema.VERSION}: upgrade it"):
        store(f"sqlite:///{file}").open()


def test_an_archive_that_is_too_old_is_left_alone(file: Path) -> None:
    store(f"sqlite:///{file}").open()
    make(file, "UPDATE archive SET version = 0")
    with pytest.raises(BadArchive, match="the old schema version 0, which this release cannot read"):
        store(f"sqlite:///{file}").open()


def test_an_archive_belongs_to_one_namespace(file: Path) -> None:
    store(f"sqlite:///{file}", "mine").open()
    with pytest.raises(BadArchive, match="belongs to the namespace 'mine', not to 'yours'"):
        store(f"sqlite:///{file}", "yours").open()


def test_another_file_is_not_overwritten(file: Path) -> None:
    file.write_text("a letter to my grandmother\n" * 200)
    with pytest.raises(BadArchive, match="is another file, not a database of SQLite"):
        store(f"sqlite:///{file}").open()
    assert file.read_text().startswith("a letter")


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match=f"there is no folder {tmp_path}/missing"):
        store(f"sqlite:///{tmp_path}/missing/posts.db")
    with pytest.raises(BadArchive, match="is a folder; name a file"):
        store(f"sqlite:///{tmp_path}")


def other_host(file: Path) -> Callable[[str], None]:
    """Makes the archiver of another machine the holder, and gives signs of its life."""
    return lambda seen_at: make(file, f"UPDATE archive SET holder = 'elsewhere:7:abc', seen_at = {seen_at}")


def test_a_second_archiver_ends_if_the_first_is_alive(file: Path) -> None:
    store(f"sqlite:///{file}").open()
    alive = other_host(file)
    alive("1")
    second = store(f"sqlite:///{file}")
    with pytest.raises(ArchiveUnavailable, match="looking whether the archiver of process 7 on elsewhere is alive"):
        second.open()
    alive("2")
    with pytest.raises(BadArchive, match="another archiver, process 7 on elsewhere, writes there already"):
        second.open()


def test_an_archiver_that_is_gone_is_replaced_and_one_that_wakes_writes_nothing(file: Path, rows: Any) -> None:
    frozen: Any = store(f"sqlite:///{file}")
    frozen.open()
    other_host(file)("1")
    now = [0.0]
    second: Any = store(f"sqlite:///{file}")
    second._lock = Lock(lambda: now[0])
    with pytest.raises(ArchiveUnavailable):
        second.open()
    now[0] = TTL + 0.1
    second.open()
    assert second.write(numbered(1)) == 1
    with pytest.raises(BadArchive, match="another archiver has taken over this archive"):
        frozen.write(numbered(1, 2))
    assert len(rows()) == 1


def test_an_archiver_that_was_killed_on_this_machine_is_replaced_at_once(file: Path) -> None:
    killed: Any = store(f"sqlite:///{file}")
    killed.open()
    host = killed._lock._name.split(":")[0]
    make(file, f"UPDATE archive SET holder = '{host}:4194999:abc', seen_at = 9999999999999")
    store(f"sqlite:///{file}").open()


def test_two_posts_of_one_millisecond_have_two_keys(file: Path, rows: Any) -> None:
    archive: Any = store(f"sqlite:///{file}")
    archive.open()
    archive.write(numbered(1))
    archive._number = 0  # as a million posts later
    both = numbered(1, 2)
    both.rows[0].entry.id = "another"
    assert archive.write(both) == 2 and len(set(rows("SELECT key FROM posts"))) == 3
