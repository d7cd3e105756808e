"""What a worker says of its archive: whether an archiver writes it, how far it is, and what to do."""

import time
from pathlib import Path

import pytest
from support.archives import numbered, store

from tweetream import metrics
from tweetream.settings import Settings
from tweetream.web import archive_state
from tweetream.web.archive_reads import ArchiveReads
from tweetream.web.archive_state import SILENT, ArchiveWatch


async def labels() -> set[str]:
    return {"traffic"}


def watch(url: str, ahead: float = 0.0) -> ArchiveWatch:
    """By a clock that is so many ms ahead."""
    return ArchiveWatch(ArchiveReads(Settings(archive=url), labels), url, lambda: time.time() * 1000 + ahead)


def metric(name: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"kind": "sqlite"})


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/posts.db"


async def test_an_archiver_that_writes_is_seen_with_its_lag(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_state, "EVERY", 0.0)
    archive, seen = store(url), watch(url)
    archive.open()
    for lag, state in ((0, "archiving"), (9_999, "archiving"), (10_000, "behind")):
        some = numbered(lag)
        some.lag = lag
        archive.write(some)
        found = await seen.state()
        assert (found.kind, found.state, found.lag, found.reason) == ("sqlite", state, lag, None) and found.seen_at
        assert metric("tweetream_archive_behind") == lag and metric("tweetream_archive_up") == 1
    archive.close()


async def test_an_archiver_that_is_silent_has_stopped_and_one_line_says_what_to_do(url: str) -> None:
    archive = store(url)
    archive.open()
    archive.write(numbered(1))
    assert (await watch(url, SILENT - 2_000).state()).state == "archiving"
    found = await watch(url, SILENT + 2_000).state()
    assert found.state == "stopped" and found.reason and "start `tweetream archive`" in found.reason
    assert metric("tweetream_archive_up") == 0 and (metric("tweetream_archive_silence_seconds") or 0) >= SILENT / 1000
    archive.close()


async def test_an_archive_that_is_not_there_or_not_readable_says_so(url: str, tmp_path: Path) -> None:
    missing = await watch(url).state()
    assert missing.state == "missing" and "start `tweetream archive`" in (missing.reason or "")
    (tmp_path / "posts.db").write_bytes(b"no database" * 1000)
    other = await watch(url).state()
    assert other.state == "unreachable" and "not a database" in (other.reason or "")
    assert metric("tweetream_archive_up") == 0


async def test_without_an_archive_it_is_none_and_what_to_do() -> None:
    """Not 404: a browser's console has a line for each, and each visit of the page asks."""
    found = await watch("").state()
    assert (found.kind, found.state) == (None, "none") and "TWEETREAM_ARCHIVE" in (found.reason or "")
