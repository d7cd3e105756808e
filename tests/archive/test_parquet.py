"""An archive of Parquet files: each post once, by day and topic, whatever ends between two files."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.archives import FEED, store
from support.kafka.deployment import entry
from support.paths import ROOT

from tweetream.archive import parquet_files
from tweetream.archive.batch import Batch
from tweetream.archive.errors import ArchiveUnavailable, BadArchive
from tweetream.archive.rows import FeedState, Row, ms_of
from tweetream.models.feed import Stamp

DAY = 20_717
HUJAN = "n-feed-hujan-2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "posts"


@pytest.fixture
def archive(folder: Path) -> Any:
    found: Any = store(f"parquet:{folder}")
    assert found.open() == {}
    return found


def batch(*numbers: int, day: int = DAY, feed: str = FEED, into: Batch | None = None) -> Batch:
    """Posts of a feed, each at the offset of its number."""
    found = into or Batch()
    topic = feed.split("-")[2]
    found.rows += [Row(post, ms_of(post.received_at), [topic], feed, day) for post in map(entry, numbers)]
    end = FeedState(topic, max(numbers) + 1)
    end.stamps.admit(Stamp(0, 1, 0, max(numbers)))
    found.feeds[feed] = found.days[feed, day] = end
    return found


def read(folder: Path, **options: Any) -> list[dict[str, Any]]:
    from pyarrow import dataset

    found: list[dict[str, Any]] = dataset.dataset(folder, format="parquet", partitioning="hive").to_table().to_pylist()
    return sorted(found, key=lambda row: (str(row["topic"]), int(row["id"].rpartition(":")[2])))


def numbers(folder: Path, topic: str = "macet") -> list[int]:
    return [int(row["id"].rpartition(":")[2]) for row in read(folder) if row["topic"] == topic]


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet"))


def test_files_are_by_day_and_topic_and_named_by_offsets(archive: Any, folder: Path) -> None:
    both = batch(0, 1, 2)
    batch(3, 4, day=DAY + 1, into=both)
    batch(0, 7, feed=HUJAN, into=both)
    assert archive.write(both) == 7
    assert names(folder) == [
        "day=2026-09-21/topic=hujan/2-0-8.parquet",
        "day=2026-09-21/topic=macet/1-0-3.parquet",
        "day=2026-09-22/topic=macet/1-3-5.parquet",
    ]
    assert numbers(folder) == [0, 1, 2, 3, 4] and numbers(folder, "hujan") == [0, 7]
    found = read(folder)[2]
    assert found["text"] == "macet di jalan 0" and found["received_at"].isoformat() == "2026-09-21T14:13:20+00:00"
    assert (found["label"], found["score"], found["author"]) == ("traffic", 0.5, "author0")


def test_a_kill_between_two_files_loses_and_doubles_nothing(
    archive: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = batch(0, 1, 2)
    batch(3, 4, day=DAY + 1, into=both)
    real, left = parquet_files.write, [1]

    def killed(table: Any, path: Path) -> None:
        if not left:
            path.with_name(f".{path.name}.new").write_bytes(b"half")
            raise KeyboardInterrupt
        left.pop()
        real(table, path)

    path = folder / "day=2026-09-22" / "topic=macet"
    path.mkdir(parents=True)
    monkeypatch.setattr(parquet_files, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        archive.write(both)
    monkeypatch.undo()
    archive.close()
    second: Any = store(f"parquet:{folder}")
    state = second.open()[FEED]
    assert state.next_offset == 3 and state.stamps.each() == [Stamp(0, 1, 0, 2)] and list(path.iterdir()) == []
    second.write(batch(3, 4, day=DAY + 1))
    assert numbers(folder) == [0, 1, 2, 3, 4]


def test_a_feed_that_is_made_again_has_files_of_its_own(archive: Any, folder: Path) -> None:
    """Its offsets begin at 0 again, and may never come as far as the old ones."""
    archive.write(batch(*range(10)))
    again = batch(10, 11)
    again.days[FEED, DAY].next_offset, again.days[FEED, DAY].log = 2, "b"
    assert archive.write(again) == 2 and numbers(folder) == list(range(12))
    archive.close()
    second: Any = store(f"parquet:{folder}")
    state = second.open()[FEED]
    assert (state.next_offset, state.log) == (2, "b") and state.stamps.each() == [Stamp(0, 1, 0, 11)]
    more = batch(12)
    more.days[FEED, DAY].next_offset = 3
    assert second.write(more) == 1 and numbers(folder) == list(range(13))
    assert [Path(name).stem for name in names(folder)] == ["1-0-10", "1.1-0-2", "1.1-2-3"]
    assert second.expire((DAY + 1) * 86_400_000, 1000) == 13
    second.close()
    state = store(f"parquet:{folder}").open()[FEED]
    assert (state.next_offset, state.log) == (3, "")


def test_days_that_alternate_lose_nothing(archive: Any, folder: Path) -> None:
    """Around midnight the clocks of two brokers can differ."""
    both = batch(0, 1)
    batch(2, 3, day=DAY + 1, into=both)
    assert archive.write(batch(4, into=both)) == 5 and numbers(folder) == [0, 1, 2, 3, 4]


def test_a_retracted_post_is_in_no_file(archive: Any, folder: Path) -> None:
    archive.write(batch(*range(10)))
    more = batch(10, 11)
    more.retracted = {entry(n).id: 2**41 for n in (3, 11)}
    more.feeds["n-retracted"] = FeedState("", 2)
    assert archive.write(more) == 1
    assert numbers(folder) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]
    archive.close()
    second: Any = store(f"parquet:{folder}")
    states = second.open()
    assert (states[FEED].next_offset, states["n-retracted"].next_offset) == (12, 2)
    assert second.write(batch(3, feed=HUJAN)) == 0, "it does not come back in another feed"


def test_old_days_are_deleted_and_the_feed_is_not_read_again(archive: Any, folder: Path) -> None:
    archive.write(batch(0, 1))
    archive.write(batch(2, 3, feed=HUJAN, day=DAY + 1))
    assert archive.expire((DAY + 1) * 86_400_000, 1000) == 2 and archive.expire((DAY + 1) * 86_400_000, 1000) == 0
    assert names(folder) == ["day=2026-09-22/topic=hujan/2-0-4.parquet"]
    archive.close()
    assert store(f"parquet:{folder}").open()[FEED].next_offset == 2


def test_an_author_is_erased(archive: Any, folder: Path) -> None:
    archive.write(batch(*range(10)))
    ids = archive.ids_of("@author2")
    assert sorted(ids) == [entry(2).id, entry(9).id]
    archive.close()
    assert archive.retract(dict.fromkeys(ids, 2**41)) == 2 and 2 not in numbers(folder) and len(numbers(folder)) == 8


def test_a_folder_of_somebody_else_a_second_archiver_and_a_full_disk_are_one_line(
    archive: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadArchive, match="another archiver writes into .* already"):
        store(f"parquet:{folder}").open()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(BadArchive, match="has 'thesis.txt', which is not ours: name an empty folder"):
        store(f"parquet:{tmp_path}/mine").open()
    with pytest.raises(BadArchive, match="is no folder|not a directory"):
        store(f"parquet:{tmp_path}/mine/thesis.txt/x").open()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(ArchiveUnavailable, match="No space left on device"):
        archive.write(batch(0))
    monkeypatch.undo()
    assert archive.open() == {} and archive.write(batch(0)) == 1 and numbers(folder) == [0]


@pytest.mark.process
def test_without_the_package_one_line_says_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['pyarrow'] = None; from tweetream.cli.main import main; main()"
    command = [sys.executable, "-c", program, "archive", "--to", "parquet:x"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tweetream: archive: parquet: needs a package: pip install 'tweetream[parquet]'\n"
